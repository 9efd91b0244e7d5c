/** A made-up run as long as one likes: stopped, resumed, pinned and pruned on its way. Written without a search. */
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import path from 'node:path';
import type { NewRunEvent, RunEvent, Where } from '../../server/contract/events';
import type { Plan } from '../../server/contract/plan';
import { formatEventLine } from '../../server/runs/eventSchema';
import { createRunFolder } from '../../server/runs/runFolder';
import {
  encodeHeader,
  encodeRecord,
  indexName,
  isIndexed,
  recordOf,
} from '../../server/runs/runIndexFormat';

export interface LongRun {
  /** Folder that the config lies in. */
  readonly folder: string;
  readonly steps: number;
  readonly blocks: number;
  readonly components: number;
  readonly name?: string;
  /** Whether `events.index` is written, as the compute process does. */
  readonly index?: boolean;
}

const search: Where = { stage: 'search', subject: 'hybrid', seed: 1 };
const second: Where = { stage: 'baseline', subject: 'c1', seed: 1 };

/** Writes it; gives its folder. */
export async function writeLongRun(run: LongRun): Promise<string> {
  const { dir } = await createRunFolder({
    configPath: path.join(run.folder, `${run.name ?? 'long'}.manticore.yaml`),
    configText: 'manticore: 1\n',
    plan: planOf(run) as Plan,
    versions: {},
  });
  const log = createWriteStream(path.join(dir, 'events.jsonl'));
  const index = [encodeHeader()];
  const wheres: string[] = [];
  let offset = 0;
  let seq = 0;
  for (const event of eventsOf(run)) {
    const time = new Date(Date.UTC(2026, 0, 1) + seq * 10).toISOString();
    const sealed = { ...event, seq, time } as RunEvent;
    const bytes = Buffer.from(`${formatEventLine(sealed)}\n`);
    if (isIndexed(sealed)) {
      const key = `${sealed.stage} ${sealed.subject} ${sealed.seed}`;
      if (!wheres.includes(key)) wheres.push(key);
      const located = { event: sealed, offset, length: bytes.length };
      index.push(encodeRecord(recordOf(located, sealed, wheres.indexOf(key))!));
    }
    if (!log.write(bytes)) await once(log, 'drain');
    offset += bytes.length;
    seq++;
  }
  log.end();
  await once(log, 'finish');
  if (run.index !== false) await writeFile(path.join(dir, indexName), Buffer.concat(index));
  return dir;
}

function planOf({ steps, blocks, components }: LongRun): unknown {
  const group = { first: 0, end: 1 };
  return {
    version: 1,
    name: 'long',
    components: Array.from({ length: components }, (_, m) => ({
      name: `c${m + 1}`,
      family: 'gptNeox',
      parameters: 1000 * (m + 1),
      groups: Array.from({ length: blocks }, () => group),
    })),
    blocks: Array.from({ length: blocks }, () => ({
      live: Array.from({ length: components }, (_, m) => m),
      initial: Array.from({ length: components }, () => 1 / components),
    })),
    jobs: [
      { ...search, steps, tokens: steps * 100, flopsPerToken: 2000 },
      { ...second, steps: Math.ceil(steps / 10), tokens: steps * 10, flopsPerToken: 1000 },
    ],
  };
}

/** α that wander, different in each block. */
function alphasAt({ blocks, components }: LongRun, step: number): number[][] {
  return Array.from({ length: blocks }, (_, block) => {
    const logits = Array.from({ length: components }, (_, m) =>
      Math.exp(Math.sin(step / 997 + block * 1.7 + m * 2.3)),
    );
    const total = logits.reduce((sum, each) => sum + each, 0);
    return logits.map((each) => each / total);
  });
}

function* eventsOf(run: LongRun): Generator<NewRunEvent> {
  const { steps, blocks, components } = run;
  const every = Math.max(4, Math.floor(steps / 10));
  const cut = Math.floor(steps * 0.55);
  const back = Math.floor(cut / every) * every;
  yield {
    type: 'started',
    id: 'long',
    plan: 'f00',
    components: Array.from({ length: components }, (_, m) => ({
      ...{ name: `c${m + 1}`, family: 'gptNeox', layers: blocks, width: 8 },
      parameters: 1000 * (m + 1),
    })),
    blocks,
    engine: { name: 'wasm', device: 'cpu', tier: 'simd', threads: 1, node: 'v24.21.0' },
  };
  let seq = 1;
  let seqOfCheckpoint = 0;
  const searched = function* (from: number, to: number): Generator<NewRunEvent> {
    for (let step = from; step <= to; step++) {
      for (const event of around(run, step, every)) {
        seq++;
        if (event.type === 'checkpoint') seqOfCheckpoint = seq;
        yield event;
      }
    }
  };
  yield* searched(1, cut);
  seq++;
  yield { type: 'resumed', ...search, fromStep: back, supersedesFromSeq: seqOfCheckpoint };
  seq++;
  yield {
    type: 'warning',
    code: 'not-bit-exact',
    message: 'The run goes on, <b>but</b> not bit-exact.',
  };
  yield* searched(back + 1, steps);
  for (let step = 1; step <= Math.ceil(steps / 10); step++) {
    yield stepEvent(second, step, Math.ceil(steps / 10), undefined);
  }
}

function* around(run: LongRun, step: number, every: number): Generator<NewRunEvent> {
  yield stepEvent(search, step, run.steps, alphasAt(run, step));
  if (step % every === 0) {
    const loss = 2 + 3 / step;
    yield {
      type: 'evaluation',
      ...search,
      step,
      split: 'validation',
      loss,
      perplexity: Math.exp(loss),
    };
    yield { type: 'checkpoint', ...search, step, path: `checkpoints/step-${step}` };
  }
  if (step % every === 2) {
    const weights = Array.from({ length: run.components }, (_, m) => (m === 0 ? 1 : 0));
    const block = 1 + (Math.floor(step / every) % run.blocks);
    yield { type: 'control', ...search, action: 'pin', block, weights, step };
  }
}

function stepEvent(
  where: Where,
  step: number,
  steps: number,
  alphas: number[][] | undefined,
): NewRunEvent {
  return {
    type: 'step',
    ...where,
    step,
    steps,
    loss: step % 1013 === 0 ? Number.NaN : 2 + 3 / step + Math.sin(step) / 10,
    ...(alphas === undefined ? {} : { alphas }),
    tokensPerSecond: 1000,
    etaSeconds: (steps - step) / 10,
    memoryBytes: 1e8,
  };
}
