/** A sweep's grid and the results of its cells → what its report says. Pure: a grid selects on validation, reports on test. */
import type { CellState, Setting, SweepAxis } from '../../contract/sweep';
import type { ResultRow } from '../modelTypes';
import { estimate, estimateShare, mean, type Estimate } from '../statistics';
import { axisOf, type ModelAxis } from './axes';
import type { CellResult } from './cellResult';
import { withDifferences } from './sweepBeside';
import { buildSweepPareto, type SweepPareto } from './sweepPareto';

export interface SweepSource {
  readonly id: string;
  /** The config's path. */
  readonly config: string;
  readonly startedAt: string;
  readonly axes: readonly SweepAxis[];
  /** In the order of the grid. */
  readonly cells: readonly SweepCellSource[];
}

export interface SweepCellSource {
  /** From 1. */
  readonly cell: number;
  readonly settings: readonly Setting[];
  readonly state: CellState;
  readonly run: string | undefined;
  readonly message: string | undefined;
  readonly result: CellResult | undefined;
}

/** Over the seeds of a row's cells. */
export interface SplitScore {
  readonly loss: Estimate;
  readonly accuracy: Estimate | null;
}

/** The hybrid, or what it is compared with, in one row. */
export interface SubjectScore {
  /** `hybrid`, a component, `uniform`. */
  readonly subject: string;
  readonly stage: ResultRow['stage'];
  readonly validation: SplitScore | null;
  readonly test: SplitScore | null;
  /** Mean over the seeds, whose hard α may keep different components; so is `flopsPerToken`. */
  readonly parameters: number | null;
  readonly flopsPerToken: number | null;
  /** Mean over the seeds. */
  readonly seconds: number | null;
}

/** Cells that differ in their seeds alone. */
export interface SweepRow {
  /** Places of its values on the axes, seeds left out. */
  readonly places: readonly number[];
  readonly settings: readonly Setting[];
  readonly cells: readonly number[];
  readonly runs: readonly string[];
  readonly states: readonly CellState[];
  readonly seeds: number;
  readonly subjects: readonly SubjectScore[];
  /** Component with the largest mean α, and its mean over the row's cells. */
  readonly selection: { readonly component: string; readonly meanAlpha: number } | null;
  readonly messages: readonly string[];
}

/** The row that validation chooses for a subject, among those that learn the same data. */
export interface SelectedScore {
  /** Values of the keys of the data: what is learnt there is not comparable. */
  readonly condition: readonly Setting[];
  readonly subject: string;
  /** Position in `rows`. */
  readonly row: number;
  readonly score: SubjectScore;
  /** The chosen hybrid's figure less this one's where both are reported, paired by seed; null of the hybrid itself. */
  readonly hybridBeside: Estimate | null;
}

export interface SweepModel {
  readonly format: 'manticore-sweep-report';
  readonly version: 1;
  readonly id: string;
  readonly name: string;
  readonly startedAt: string;
  readonly cells: number;
  readonly done: number;
  readonly failed: readonly number[];
  /** By what rows are compared: accuracy where every cell learns a synthetic task. */
  readonly measure: 'loss' | 'accuracy';
  readonly axes: readonly ModelAxis[];
  readonly subjects: readonly string[];
  readonly rows: readonly SweepRow[];
  readonly selected: readonly SelectedScore[];
  /** Null where cells learn different data, or cost the same. */
  readonly pareto: SweepPareto | null;
}

export function buildSweepModel(source: SweepSource): SweepModel {
  const { cells } = source;
  const results = cells.flatMap(({ result }) => (result ? [result] : []));
  const axes = source.axes.map((axis) => axisOf(axis, results[0]?.components ?? []));
  const own = axes.flatMap((axis, index) => (axis.kind === 'seed' ? [] : [index]));
  const groups = new Map<string, SweepCellSource[]>();
  for (const cell of cells) {
    const key = JSON.stringify(own.map((axis) => cell.settings[axis]!.value));
    const group = groups.get(key);
    if (group) group.push(cell);
    else groups.set(key, [cell]);
  }
  const rows = [...groups.values()].map((group) => rowOf(group, axes, own));
  const done = [...groups.values()].map(doneResults);
  const isOneData = axes.every(({ kind }) => kind !== 'data');
  const measure =
    results.length > 0 && results.every(({ task }) => task !== null) ? 'accuracy' : 'loss';
  const subjects = [
    ...new Set(rows.flatMap((row) => row.subjects.map(({ subject }) => subject))),
  ].sort((a, b) => Number(b === 'hybrid') - Number(a === 'hybrid'));
  return {
    format: 'manticore-sweep-report',
    version: 1,
    id: source.id,
    name: nameOf(source.config),
    startedAt: source.startedAt,
    cells: cells.length,
    done: cells.filter(({ state }) => state === 'done').length,
    failed: cells.flatMap(({ cell, state }) =>
      state === 'failed' || state === 'lost' ? [cell] : [],
    ),
    measure,
    axes,
    subjects,
    rows,
    selected: withDifferences(select(rows, axes, subjects, measure), done, measure),
    pareto: isOneData ? buildSweepPareto(done) : null,
  };
}

const nameOf = (config: string): string =>
  (config.split(/[\\/]/).at(-1) ?? '').replace(/(\.manticore)?\.ya?ml$/i, '') || 'sweep';

function rowOf(
  group: readonly SweepCellSource[],
  axes: readonly ModelAxis[],
  own: readonly number[],
): SweepRow {
  const [first] = group as readonly [SweepCellSource, ...SweepCellSource[]];
  const results = doneResults(group);
  const all = results.flatMap(({ rows }) => rows);
  const settings = own.map((axis) => first.settings[axis]!);
  return {
    places: own.map((axis, index) => placeOf(axes[axis]!, settings[index]!.value)),
    settings,
    cells: group.map(({ cell }) => cell),
    runs: group.flatMap(({ run }) => run ?? []),
    states: group.map(({ state }) => state),
    seeds: new Set(all.map(({ seed }) => seed)).size,
    subjects: scoresOf(all),
    selection: selectionOf(results),
    messages: group.flatMap(({ cell, message }) =>
      message === undefined ? [] : [`Cell ${cell}: ${message}`],
    ),
  };
}

const doneResults = (group: readonly SweepCellSource[]): CellResult[] =>
  group.flatMap(({ result, state }) => (result && state === 'done' ? [result] : []));

const placeOf = (axis: ModelAxis, value: unknown): number =>
  axis.values.findIndex((other) => JSON.stringify(other) === JSON.stringify(value));

/** A subject's last stage is what it stands for: the hybrid fine-tuned, where it was. */
function scoresOf(rows: readonly ResultRow[]): readonly SubjectScore[] {
  return [...new Set(rows.map(({ subject }) => subject))].flatMap((subject) => {
    const own = rows.filter((row) => row.subject === subject);
    const stage = (['finetune', 'baseline', 'search'] as const).find((each) =>
      own.some((row) => row.stage === each),
    );
    const last = own.filter((row) => row.stage === stage);
    if (stage === undefined) return [];
    return [
      {
        subject,
        stage,
        validation: splitOf(last, 'validation'),
        test: splitOf(last, 'test'),
        parameters: meanOf(last.map(({ parameters }) => parameters)),
        flopsPerToken: meanOf(last.map(({ flopsPerToken }) => flopsPerToken)),
        seconds: meanOf(last.map(({ seconds }) => seconds)),
      },
    ];
  });
}

/** Of what is known. */
function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.flatMap((value) => value ?? []);
  return known.length === 0 ? null : mean(known);
}

function splitOf(rows: readonly ResultRow[], split: ResultRow['split']): SplitScore | null {
  const bySeed = new Map<number, ResultRow>();
  for (const row of rows) if (row.split === split) bySeed.set(row.seed, row);
  const own = [...bySeed.values()];
  if (own.length === 0) return null;
  const accuracies = own.flatMap(({ accuracy }) => accuracy ?? []);
  return {
    loss: estimate(own.map(({ loss }) => loss)),
    accuracy: accuracies.length === own.length ? estimateShare(accuracies) : null,
  };
}

function selectionOf(results: readonly CellResult[]): SweepRow['selection'] {
  const chosen = results.flatMap(({ selection }) => (selection ? [selection.meanAlpha] : []));
  const names = [...new Set(chosen.flatMap((alphas) => Object.keys(alphas)))];
  const means = names.map((component) => ({
    component,
    meanAlpha: mean(chosen.map((alphas) => alphas[component] ?? 0)),
  }));
  return means.sort((a, b) => b.meanAlpha - a.meanAlpha).at(0) ?? null;
}

/** Figure that a score is compared by; NaN where there is none. */
export function figureOf(score: SplitScore | null, measure: SweepModel['measure']): number {
  const value = measure === 'accuracy' ? score?.accuracy : score?.loss;
  return value?.mean ?? Number.NaN;
}

/** Whether `a` is chosen before `b`: by the measure, and where two are alike (all right) by the loss. */
function isBetter(a: SubjectScore, b: SubjectScore, measure: SweepModel['measure']): boolean {
  const [left, right] = [figureOf(a.validation, measure), figureOf(b.validation, measure)];
  if (left !== right) return measure === 'accuracy' ? left > right : left < right;
  return figureOf(a.validation, 'loss') < figureOf(b.validation, 'loss');
}

type Chosen = Omit<SelectedScore, 'hybridBeside'>;

function select(
  rows: readonly SweepRow[],
  axes: readonly ModelAxis[],
  subjects: readonly string[],
  measure: SweepModel['measure'],
): readonly Chosen[] {
  const ofData = new Set(axes.filter(({ kind }) => kind === 'data').map(({ key }) => key));
  const conditions = new Map<string, readonly Setting[]>();
  const conditionOf = ({ settings }: SweepRow) => settings.filter(({ key }) => ofData.has(key));
  for (const row of rows) conditions.set(JSON.stringify(conditionOf(row)), conditionOf(row));
  return [...conditions].flatMap(([key, condition]) =>
    subjects.flatMap((subject): Chosen[] => {
      let best: Chosen | undefined;
      rows.forEach((row, index) => {
        if (JSON.stringify(conditionOf(row)) !== key) return;
        const score = row.subjects.find((one) => one.subject === subject);
        if (!score || Number.isNaN(figureOf(score.validation, measure))) return;
        if (!best || isBetter(score, best.score, measure)) {
          best = { condition, subject, row: index, score };
        }
      });
      return best ? [best] : [];
    }),
  );
}
