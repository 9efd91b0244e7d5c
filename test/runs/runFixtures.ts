/** Made-up runs for these tests. */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { NewRunEvent, Where } from '../../server/contract/events';
import type { Plan } from '../../server/contract/plan';
import { createRunFolder, type RunFolder } from '../../server/runs/runFolder';

export const search: Where = { stage: 'search', subject: 'hybrid', seed: 1 };
export const finetune: Where = { stage: 'finetune', subject: 'hybrid', seed: 1 };
export const baseline: Where = { stage: 'baseline', subject: 'mamba', seed: 1 };

/** Runs `body` with a new folder, and with a runtime folder of its own; removes both. */
export async function inTemporaryFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const root = await realpath(await mkdtemp(path.join(tmpdir(), 'mt-')));
  const before = process.env['MANTICORE_RUNTIME_DIR'];
  process.env['MANTICORE_RUNTIME_DIR'] = path.join(root, 'runtime');
  try {
    await body(root);
  } finally {
    if (before === undefined) delete process.env['MANTICORE_RUNTIME_DIR'];
    else process.env['MANTICORE_RUNTIME_DIR'] = before;
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A plan that no test here looks into. */
export const somePlan = {
  version: 1,
  name: 'quickstart',
  components: [],
  blocks: [],
} as unknown as Plan;

export function newRun(folder: string, name = 'quickstart'): Promise<RunFolder> {
  return createRunFolder({
    configPath: path.join(folder, `${name}.manticore.yaml`),
    configText: 'manticore: 1\n',
    plan: somePlan,
    versions: { manticore: '0.1.0' },
  });
}

export const started: NewRunEvent = {
  type: 'started',
  id: 'abc',
  plan: 'f00',
  components: [
    { name: 'neox', family: 'gptNeox', layers: 4, width: 128, parameters: 1000 },
    { name: 'mamba', family: 'mamba', layers: 6, width: 96, parameters: 900 },
  ],
  blocks: 2,
  engine: { name: 'wasm', device: 'cpu', tier: 'simd', threads: 1, node: 'v24.21.0' },
};

/** α of a two-block, two-component hybrid that moves with the step. */
export function alphasAt(step: number): number[][] {
  const weight = 1 / (1 + Math.exp(-step / 50));
  return [
    [weight, 1 - weight],
    [1 - weight, weight],
  ];
}

export function step(number: number, where: Where = search, loss = 5 / number): NewRunEvent {
  return {
    type: 'step',
    ...where,
    step: number,
    steps: 1000,
    loss,
    alphas: alphasAt(number),
    tokensPerSecond: 1000,
    etaSeconds: 10,
    memoryBytes: 1e8,
  };
}

export function evaluation(number: number, loss: number, where: Where = search): NewRunEvent {
  return {
    type: 'evaluation',
    ...where,
    step: number,
    split: 'validation',
    loss,
    perplexity: Math.exp(loss),
  };
}

export const finished: NewRunEvent = {
  type: 'finished',
  status: 'done',
  components: ['neox', 'mamba'],
  alphas: alphasAt(3),
  perSeed: [alphasAt(3)],
  selection: { component: 'neox', meanAlpha: { neox: 0.6, mamba: 0.4 } },
  results: [],
};

/** Waits until `check` gives something; only a failing test waits to the end. */
export async function eventually<T>(check: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline;) {
    const value = await check();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('nothing came in two minutes');
}
