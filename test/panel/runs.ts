/** Runs that the panel's tests show. */
import type { RunSnapshot } from '../../server/contract/runViews';
import type {
  Alphas,
  FailedEvent,
  HandOver,
  RunEvent,
  WarningEvent,
} from '../../server/contract/events';
import { syntheticRun, type SyntheticRun } from '../report/fixtures';
import { snapshotOf } from '../webview/logSnapshot';
import { quickstart, quickstartPlan } from './scene';

/** A plan whose blocks are free, two layers each. */
export function planOf(names: readonly string[], blocks: number): NonNullable<RunSnapshot['plan']> {
  const families = ['gptNeox', 'mamba', 'gpt2'];
  return {
    components: names.map((name, m) => ({
      name,
      family: families[m % 3]!,
      parameters: 1_055_488,
      groups: Array.from({ length: blocks }, (_, i) => ({ first: 2 * i, end: 2 * i + 2 })),
    })),
    blocks: Array.from({ length: blocks }, () => ({
      live: names.map((_, m) => m),
      pinned: undefined,
      initial: names.map(() => 1 / names.length),
    })),
    jobs: [],
  };
}

/** Steps of the quickstart's log up to there: 54 of the search's 60, block 2 pinned, mamba pruned from block 4. */
export const searching = 60;

export const running = (): RunSnapshot => snapshotOf(quickstart, quickstartPlan, searching);
export const finished = (): RunSnapshot => snapshotOf(quickstart, quickstartPlan);
export const starting = (): RunSnapshot => snapshotOf(quickstart, quickstartPlan, 0);
export const paused = (): RunSnapshot => ({ ...running(), state: 'paused' });
export const lost = (): RunSnapshot => ({ ...running(), state: 'lost' });
export const stopped = (): RunSnapshot => ({ ...running(), state: 'stopped' });

const base = { seq: searching, time: '2026-11-25T00:51:00.000Z' };
const failure: FailedEvent = {
  ...base,
  type: 'failed',
  code: 'out-of-memory',
  message: 'Step 55 needed 1.2 GiB, and 0.4 GiB were free.',
  hint: 'Lower search.batch or data.context.',
};

export const failed = (): RunSnapshot =>
  snapshotOf([...quickstart.slice(0, searching), failure], quickstartPlan);

export function warned(message: string): RunSnapshot {
  const warning: WarningEvent = { ...base, type: 'warning', code: 'loss-not-finite', message };
  return snapshotOf([...quickstart.slice(0, searching), warning], quickstartPlan);
}

/** A made-up run of any shape. */
export function madeUp(options: SyntheticRun & { readonly components: string[] }): RunSnapshot {
  const plan = planOf(options.components, options.blocks ?? 4);
  return snapshotOf(syntheticRun(options), plan);
}

/** The same, with what its search came to at soft and at hard α. */
export function handedOver(snapshot: RunSnapshot): RunSnapshot {
  const seeds = [...new Set(snapshot.curves.map(({ seed }) => seed))];
  const base = { split: 'test', parameters: 2_110_976, flopsPerToken: 4_774_912 } as const;
  const handOver = seeds.flatMap((seed): HandOver[] => {
    const at = (loss: number) => ({ seed, loss, perplexity: Math.exp(loss) });
    return [
      { ...base, ...at(3.4 + 0.01 * seed), alphas: 'soft', cost: 0.62 },
      { ...base, ...at(3.9), alphas: 'argmax', parameters: 1_055_488, flopsPerToken: 1_967_104 },
      { ...base, ...at(3.5), alphas: 'threshold', threshold: 0.25 },
    ];
  });
  const events = snapshot.events.map((event) =>
    event.type === 'finished' ? { ...event, handOver } : event,
  );
  return { ...snapshot, events };
}

/** Four components in four colours, done. */
export const fourComponents = (): RunSnapshot =>
  handedOver(
    madeUp({ components: ['neox', 'mamba', 'gpt2', 'llama'], seeds: [1, 2], searchSteps: 40 }),
  );

/** The rest of the quickstart's log after `running`. */
export const afterwards = (count: number): readonly RunEvent[] =>
  quickstart.slice(searching, searching + count);

/** α of a long search at one of its steps. */
export function longAlphas(step: number, blocks: number, components: number): Alphas {
  return Array.from({ length: blocks }, (_, i) => {
    const powers = Array.from({ length: components }, (_, m) =>
      Math.exp(2 * (step / 1e5) * Math.cos(1.3 * i + 2.1 * m) + 0.2 * Math.sin(step / 700 + i * m)),
    );
    const total = powers.reduce((sum, power) => sum + power, 0);
    return powers.map((power) => power / total);
  });
}

/** What a host sends of a search of 100,000 steps: frames and points by the thousand, not by the step. */
export function longRun(blocks: number, components: readonly string[]): RunSnapshot {
  const total = 100_000;
  const frames = Array.from({ length: 2001 }, (_, at) => Math.max(1, at * 50));
  const points = Array.from({ length: 4001 }, (_, at) => Math.max(1, at * 25));
  const where = { stage: 'search', subject: 'hybrid', seed: 1 } as const;
  return {
    ...running(),
    plan: planOf(components, blocks),
    events: [],
    nextSeq: total,
    latest: {
      ...{ seq: total - 1, time: base.time, type: 'step', ...where, step: total, steps: total },
      alphas: longAlphas(total, blocks, components.length),
      ...{ loss: 2.1, tokensPerSecond: 12_345, etaSeconds: 0, memoryBytes: 3.2e9 },
    },
    curves: [
      { ...where, total, steps: points, loss: points.map((step) => 2 + 3 * Math.exp(-step / 2e4)) },
    ],
    frames: [
      {
        ...where,
        recorded: total,
        steps: frames,
        alphas: frames.map((step) => longAlphas(step, blocks, components.length)),
      },
    ],
  };
}
