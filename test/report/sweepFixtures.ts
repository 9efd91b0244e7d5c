/** Made-up sweeps: each kind of picture, with one seed and several, failed cells, long names. The same every time. */
import type { CellState, SweepAxis } from '../../server/contract/sweep';
import { cellCount, settingsOf } from '../../server/language/sweep';
import type { ParetoPoint, ResultRow } from '../../server/report/modelTypes';
import type { CellResult } from '../../server/report/sweep/cellResult';
import { buildSweepModel, type SweepModel } from '../../server/report/sweep/sweepModel';
import { uniformStream } from './fixtures';

export interface MadeSweep {
  readonly axes: readonly SweepAxis[];
  readonly components?: readonly string[];
  /** Of each run. */
  readonly seeds?: readonly number[];
  readonly task?: string;
  /** States of cells, where they aren't done. */
  readonly states?: Readonly<Record<number, CellState>>;
  /** FLOPs a token of the trained hybrid, by cell from 0; without it runs have no costs. */
  readonly flops?: (cell: number) => number;
}

const SOFT = 1e6;

export function madeSweep(options: MadeSweep): SweepModel {
  const { axes, states = {} } = options;
  const seedsOf = (index: number): readonly number[] => {
    const swept = settingsOf(axes, index).find(({ key }) => key === 'search.seed');
    return swept ? [swept.value as number] : (options.seeds ?? [1]);
  };
  const cells = Array.from({ length: cellCount(axes) }, (_, index) => {
    const state = states[index + 1] ?? 'done';
    const isDone = state === 'done';
    return {
      cell: index + 1,
      settings: settingsOf(axes, index),
      state,
      run: state === 'waiting' ? undefined : `run-${index + 1}`,
      message: state === 'failed' ? 'Step 55 needed 1.2 GiB, and there is 1 GiB.' : undefined,
      result: isDone ? madeResult({ ...options, seeds: seedsOf(index) }, index) : undefined,
    };
  });
  return buildSweepModel({
    ...{ id: 'made', config: '/work/made.manticore.yaml', startedAt: '2026-11-27T08:00:00.000Z' },
    ...{ axes, cells },
  });
}

function madeResult(
  { components = ['neox', 'mamba'], seeds = [1], task, flops }: MadeSweep,
  index: number,
): CellResult {
  const random = uniformStream(1 + index);
  const row = (
    subject: string,
    stage: ResultRow['stage'],
    seed: number,
    base: number,
    flopsPerToken: number,
  ): ResultRow[] =>
    (['validation', 'test'] as const).map((split) => {
      const loss = base + 0.04 * random() + 0.01 * seed;
      return {
        ...{ subject, stage, seed, split, loss, perplexity: Math.exp(loss), final: true },
        accuracy: task === undefined ? null : Math.max(0, 1 - loss / 4),
        ...{ parameters: flopsPerToken / 2, flopsPerToken, updates: 60, tokens: 30_720 },
        ...{ trainingFlops: 1e9, seconds: 4 + random(), milliseconds: null },
      };
    });
  const hard = flops?.(index) ?? SOFT;
  const base = 3.2 + 0.15 * Math.sin(index);
  const rows = seeds.flatMap((seed) => [
    ...row('hybrid', 'search', seed, base + 0.1, SOFT),
    ...row('hybrid', 'finetune', seed, base, hard),
    ...components.flatMap((name, m) =>
      row(name, 'baseline', seed, 3.25 + 0.05 * m, SOFT / (2 + m)),
    ),
  ]);
  const [first = '', ...others] = components;
  const meanAlpha = { [first]: 0.7, ...Object.fromEntries(others.map((name) => [name, 0.1])) };
  const point = (
    label: string,
    subject: string,
    mark: ParetoPoint['mark'],
    cost: number,
    stage: ResultRow['stage'],
  ): ParetoPoint => {
    const own = rows.filter(
      (each) => each.subject === subject && each.stage === stage && each.split === 'test',
    );
    const loss = own.reduce((sum, each) => sum + each.loss, 0) / own.length;
    return { label, subject, mark, cost, loss: mark === 'hard' ? loss + 0.2 : loss };
  };
  const points = [
    point('hybrid, search', 'hybrid', 'soft', SOFT, 'search'),
    point('hybrid, search, argmax', 'hybrid', 'hard', hard, 'search'),
    point('hybrid, fine-tuned', 'hybrid', 'trained', hard, 'finetune'),
    ...components.map((name, m) =>
      point(`${name} alone`, name, 'trained', SOFT / (2 + m), 'baseline'),
    ),
  ];
  const pareto = { kind: 'flops', unit: 'forward FLOPs a token', split: 'test' } as const;
  return {
    ...{ task: task ?? null, components, rows, selection: { component: first, meanAlpha } },
    pareto: flops ? { ...pareto, points, sentences: [] } : null,
    wallSeconds: 12,
  };
}

export const madeSweeps: Readonly<Record<string, () => SweepModel>> = {
  'one key with numbers, one seed': () =>
    madeSweep({ axes: [{ key: 'search.learningRate', values: [1e-4, 1e-3, 1e-2] }] }),
  'two keys over three seeds, of a task': () =>
    madeSweep({
      axes: [
        { key: 'search.learningRate', values: [1e-4, 5e-4, 1e-3] },
        { key: 'search.weightDecay', values: [0, 0.1] },
        { key: 'search.seed', values: [1, 2, 3] },
      ],
      task: 'in-context-recall',
    }),
  'names and mixtures, some cells failed': () =>
    madeSweep({
      axes: [
        { key: 'hybrid.gate', values: ['none', 'paper', 'transition'] },
        { key: 'hybrid.blocks', values: [1, 4] },
        {
          key: 'hybrid.mixture.all.init',
          values: [
            { neox: 0.5, mamba: 0.5 },
            { neox: 0.9, mamba: 0.1 },
          ],
        },
      ],
      seeds: [1, 2],
      states: { 3: 'failed', 12: 'waiting' },
    }),
  'six subjects, and names that are long': () =>
    madeSweep({
      axes: [{ key: 'finetune.alphas', values: ['soft', 'argmax'] }],
      components: [
        'the-first-model-with-a-name',
        'mamba-of-the-second-kind',
        'gpt2',
        'llama',
        'stack-of-attention',
      ],
      seeds: [1, 2, 3],
    }),
  'eight weights of a cost': () =>
    madeSweep({
      axes: [{ key: 'search.cost.weight', values: [0, 0.1, 0.25, 0.5, 1, 2, 4, 8] }],
      seeds: [1, 2],
      flops: (cell) => 5.2e5 - 2.5e4 * cell,
    }),
  'nothing done yet': () =>
    madeSweep({
      axes: [{ key: 'search.steps', values: [10, 20] }],
      states: { 1: 'running', 2: 'waiting' },
    }),
};
