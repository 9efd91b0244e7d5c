/** A made-up run, the same every time: logs of any length for the report's tests. */
import type { Alphas, NewRunEvent, RunEvent, RunResult, Stage } from '../../server/contract/events';

export interface SyntheticRun {
  readonly components?: readonly string[];
  readonly blocks?: number;
  readonly seeds?: readonly number[];
  readonly searchSteps?: number;
  readonly finetuneSteps?: number;
  /** Added to every loss of the hybrid after fine-tuning: positive makes it lose. */
  readonly handicap?: number;
  readonly end?: 'done' | 'stopped' | 'failed' | 'none';
  readonly controls?: boolean;
}

/** Numbers in [0, 1): mulberry32. */
export function uniformStream(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 4294967296;
  };
}

const families = ['gptNeox', 'mamba', 'gpt2', 'gptNeo'];

interface Clock {
  readonly events: RunEvent[];
  time: number;
}

function append(clock: Clock, event: NewRunEvent, seconds = 0.25): void {
  clock.time += seconds * 1000;
  const time = new Date(clock.time).toISOString();
  clock.events.push({ ...event, seq: clock.events.length, time });
}

/** α of one step: each block leans to a component of its own, more and more. */
function alphasAt(
  share: number,
  blocks: number,
  K: number,
  random: () => number,
  held: Map<number, readonly number[]>,
  drift: number,
): Alphas {
  return Array.from({ length: blocks }, (_, i) => {
    const fixed = held.get(i);
    if (fixed) return [...fixed];
    const logits = Array.from(
      { length: K },
      (_, m) =>
        share * (2 + 0.4 * drift) * Math.cos(1.5 * i + 2.2 * m + 0.9) + 0.06 * (random() - 0.5),
    );
    const powers = logits.map(Math.exp);
    const total = powers.reduce((sum, power) => sum + power, 0);
    return powers.map((power) => power / total);
  });
}

interface Job {
  readonly stage: Stage;
  readonly subject: string;
  readonly seed: number;
  readonly steps: number;
  readonly from: number;
  readonly to: number;
}

export function syntheticRun(options: SyntheticRun = {}): RunEvent[] {
  const components = options.components ?? ['neox', 'mamba'];
  const blocks = options.blocks ?? 4;
  const seeds = options.seeds ?? [1, 2, 3];
  const searchSteps = options.searchSteps ?? 300;
  const finetuneSteps = options.finetuneSteps ?? 300;
  const end = options.end ?? 'done';
  const clock: Clock = { events: [], time: Date.UTC(2025, 4, 6, 9, 30) };
  const K = components.length;
  append(clock, {
    type: 'started',
    id: '2025-05-06-0930-quickstart',
    plan: 'c0ffee'.repeat(10) + 'beef',
    components: components.map((name, m) => ({
      name,
      family: families[m % families.length]!,
      layers: 4 + 2 * (m % 3),
      width: 128,
      parameters: 1_048_576 + 131_072 * m,
    })),
    blocks,
    engine: { name: 'wasm', device: 'CPU, 2 cores', tier: 'simd128', threads: 2, node: 'v24.1.0' },
  });
  append(clock, {
    type: 'warning',
    code: 'dropout-ignored',
    message: 'The components’ dropout is 0 in the config and in training.',
  });
  const results: RunResult[] = [];
  const perSeed: Alphas[] = [];
  for (const seed of seeds) {
    const random = uniformStream(seed * 977);
    const held = new Map<number, readonly number[]>();
    const jobs: Job[] = [
      { stage: 'search', subject: 'hybrid', seed, steps: searchSteps, from: 3.9, to: 2.5 },
      {
        stage: 'finetune',
        subject: 'hybrid',
        seed,
        steps: finetuneSteps,
        from: 3.2,
        to: 2.15 + (options.handicap ?? 0),
      },
      ...components.map((subject, m) => ({
        stage: 'baseline' as const,
        subject,
        seed,
        steps: finetuneSteps,
        from: 2.9 + 0.15 * m,
        to: 2.31 - 0.08 * m,
      })),
    ];
    for (const job of jobs) {
      if (job.steps === 0) continue;
      const alphas = runJob(clock, job, options, { blocks, K, random, held, components });
      if (alphas && job.stage === 'search') perSeed.push(alphas);
      if (end === 'failed' && job.stage === 'finetune') {
        append(clock, {
          type: 'failed',
          code: 'disk-full',
          message: 'No space is left on the disk.',
          hint: 'Free some space, then resume the run.',
        });
        return clock.events;
      }
      if (end === 'none' && job.stage === 'finetune') return clock.events;
      if (job.stage === 'search') continue;
      results.push(resultOf(job, random, m(job, components)));
    }
  }
  const mean = perSeed[0]!.map((row, i) =>
    row.map((_, k) => perSeed.reduce((sum, alphas) => sum + alphas[i]![k]!, 0) / perSeed.length),
  );
  const meanAlpha = components.map((_, k) => mean.reduce((sum, row) => sum + row[k]!, 0) / blocks);
  append(clock, {
    type: 'finished',
    status: end === 'stopped' ? 'stopped' : 'done',
    components: [...components],
    alphas: mean,
    perSeed,
    selection: {
      component: components[meanAlpha.indexOf(Math.max(...meanAlpha))]!,
      meanAlpha: Object.fromEntries(components.map((name, k) => [name, meanAlpha[k]!])),
    },
    results,
  });
  return clock.events;
}

const m = (job: Job, components: readonly string[]): number => components.indexOf(job.subject);

function resultOf(job: Job, random: () => number, position: number): RunResult {
  const loss = job.to + 0.02 + 0.02 * (random() - 0.5);
  return {
    subject: job.subject,
    stage: job.stage,
    seed: job.seed,
    split: 'validation',
    loss,
    perplexity: Math.exp(loss),
    accuracy: 0.47 - 0.02 * loss,
    parameters: position < 0 ? 2_260_992 : 1_048_576 + 131_072 * position,
    flopsPerToken: position < 0 ? 4_730_000 : 2_230_000 + 210_000 * position,
    updates: job.steps,
    tokens: job.steps * 1024,
    seconds: job.steps * (position < 0 ? 0.16 : 0.07),
  };
}

interface Setting {
  readonly blocks: number;
  readonly K: number;
  readonly random: () => number;
  readonly held: Map<number, readonly number[]>;
  readonly components: readonly string[];
}

function runJob(
  clock: Clock,
  job: Job,
  options: SyntheticRun,
  setting: Setting,
): Alphas | undefined {
  const { stage, subject, seed, steps } = job;
  let alphas: Alphas | undefined;
  for (let step = 1; step <= steps; step++) {
    const share = step / steps;
    const loss =
      job.to + (job.from - job.to) * Math.exp(-4 * share) + 0.16 * (setting.random() - 0.5);
    if (stage === 'search') {
      alphas = alphasAt(share, setting.blocks, setting.K, setting.random, setting.held, seed - 2);
    }
    append(
      clock,
      {
        type: 'step',
        stage,
        subject,
        seed,
        step,
        steps,
        loss,
        ...(alphas ? { alphas } : {}),
        tokensPerSecond: 6400,
        etaSeconds: (steps - step) * 0.16,
        memoryBytes: 68_000_000,
      },
      0.16,
    );
    if (options.controls !== false && stage === 'search' && setting.blocks > 1) {
      hold(clock, job, step, setting);
    }
    if (step % Math.max(1, Math.round(steps / 10)) === 0) {
      const held = loss + 0.03 * (setting.random() - 0.3);
      append(clock, {
        type: 'evaluation',
        stage,
        subject,
        seed,
        step,
        split: 'validation',
        loss: held,
        perplexity: Math.exp(held),
        accuracy: 0.47 - 0.02 * held,
      });
    }
  }
  return alphas;
}

/** Half-way, block 2 is pinned to the first component; at two thirds the last component leaves the last block. */
function hold(clock: Clock, job: Job, step: number, setting: Setting): void {
  const { stage, subject, seed, steps } = job;
  const where = { stage, subject, seed, step } as const;
  const oneHot = (position: number): number[] =>
    Array.from({ length: setting.K }, (_, k) => (k === position ? 1 : 0));
  if (step === Math.round(steps / 2)) {
    const weights = setting.K === 2 ? [0.7, 0.3] : oneHot(0);
    setting.held.set(1, weights);
    append(clock, { type: 'control', ...where, action: 'pin', block: 2, weights });
  }
  if (step === Math.round((2 * steps) / 3) && setting.K > 1 && setting.blocks > 2) {
    setting.held.set(setting.blocks - 1, oneHot(0));
    append(clock, {
      type: 'control',
      ...where,
      action: 'prune',
      block: setting.blocks,
      component: setting.components.at(-1)!,
    });
  }
}

/** The part of a plan that a report reads, for a synthetic run. */
export function syntheticPlan(options: SyntheticRun = {}): unknown {
  const components = options.components ?? ['neox', 'mamba'];
  const seeds = options.seeds ?? [1, 2, 3];
  const K = components.length;
  const job = (stage: Stage, subject: string, seed: number, steps: number, position: number) => ({
    stage,
    subject,
    seed,
    steps,
    weightUpdates: stage === 'search' ? steps / 2 : steps,
    alphaUpdates: stage === 'search' ? steps / 2 : 0,
    tokens: (stage === 'search' ? steps / 2 : steps) * 1024,
    parameters: position < 0 ? 2_260_992 : 1_048_576 + 131_072 * position,
    flopsPerToken: position < 0 ? 4_730_000 : 2_230_000 + 210_000 * position,
  });
  const search = options.searchSteps ?? 300;
  const finetune = options.finetuneSteps ?? 300;
  return {
    version: 1,
    name: 'quickstart',
    components: components.map((name, k) => ({ name, flopsPerToken: 2_230_000 + 210_000 * k })),
    blocks: Array.from({ length: options.blocks ?? 4 }, () => ({
      live: components.map((_, k) => k),
      initial: components.map(() => 1 / K),
    })),
    jobs: seeds.flatMap((seed) => [
      job('search', 'hybrid', seed, search, -1),
      job('finetune', 'hybrid', seed, finetune, -1),
      ...components.map((name, k) => job('baseline', name, seed, finetune, k)),
    ]),
  };
}

export const syntheticConfig = `manticore: 1
components:
  neox:
    source: ./models/tiny-neox
  mamba:
    source: ./models/tiny-mamba
hybrid:
  blocks: 4          # <as many as the shallower one allows>
data:
  train: { text: ./data/train.txt }
  validation: { text: ./data/valid.txt }
  context: 128
search:
  algorithm: darts
  schedule: alternating
  steps: 300
  batch: 8
  learningRate: 3e-4
  seeds: [1, 2, 3]
finetune:
  steps: 300
baselines: true
engine: auto
`;
