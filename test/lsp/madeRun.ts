/** A run of a config, written without a search: α of four blocks and two components, a checkpoint, an end. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { NewRunEvent, Where } from '../../server/contract/events';
import type { Plan } from '../../server/contract/plan';
import { formatEventLine } from '../../server/runs/eventSchema';
import { createRunFolder, updateManifest } from '../../server/runs/runFolder';

const search: Where = { stage: 'search', subject: 'hybrid', seed: 1 };

const row = (first: number): number[] => [first, 1 - first];

const step = (number: number, alphas: number[][]): NewRunEvent => ({
  type: 'step',
  ...search,
  step: number,
  steps: 100,
  loss: 5 / number,
  alphas,
  tokensPerSecond: 1000,
  etaSeconds: 10,
  memoryBytes: 1e8,
});

const events = (end: 'done' | 'stopped'): readonly NewRunEvent[] => [
  {
    type: 'started',
    id: 'made',
    plan: 'f00',
    components: ['neox', 'mamba'].map((name) => ({
      name,
      family: 'gptNeox',
      layers: 4,
      width: 64,
      parameters: 1000,
    })),
    blocks: 4,
    engine: { name: 'wasm', device: 'cpu', tier: 'simd', threads: 1, node: 'v24.21.0' },
  },
  step(1, [row(0.5), row(0.5), row(0.5), row(0.5)]),
  { type: 'checkpoint', ...search, step: 1, path: 'checkpoints/step-000001' },
  { type: 'control', ...search, action: 'pin', block: 2, weights: [1, 0], step: 1 },
  { type: 'control', ...search, action: 'prune', block: 3, component: 'neox', step: 1 },
  step(2, [row(0.75), row(1), row(0), row(0.25)]),
  {
    type: 'finished',
    status: end,
    components: ['neox', 'mamba'],
    alphas: [row(0.75), row(1), row(0), row(0.25)],
    perSeed: [[row(0.75), row(1), row(0), row(0.25)]],
    selection: { component: 'neox', meanAlpha: { neox: 0.5, mamba: 0.5 } },
    results: [],
  },
];

/** @returns its folder */
export async function makeRun(configPath: string, end: 'done' | 'stopped'): Promise<string> {
  const { dir } = await createRunFolder({
    configPath,
    configText: 'manticore: 1\n',
    plan: { version: 1, name: 'made', components: [], blocks: [] } as unknown as Plan,
    versions: {},
  });
  const lines = events(end).map((event, seq) => {
    const time = new Date(Date.UTC(2026, 0, 1) + seq * 1000).toISOString();
    return `${formatEventLine({ ...event, seq, time })}\n`;
  });
  await writeFile(path.join(dir, 'events.jsonl'), lines.join(''));
  await updateManifest(dir, { state: end });
  return dir;
}
