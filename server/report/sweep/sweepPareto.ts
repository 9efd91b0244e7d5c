/** Loss against cost over a sweep's cells: one picture, and each trained hybrid beside components of about its FLOPs. */
import type { ParetoPoint, ReportPareto, ResultRow } from '../modelTypes';
import { estimate, mean, type Estimate } from '../statistics';
import type { CellResult } from './cellResult';

export interface SweepParetoPoint extends ParetoPoint {
  /** Position in the model's `rows`. */
  readonly row: number;
}

/** A component trained alone, beside the row's hybrid. */
export interface BesideComponent {
  readonly component: string;
  readonly loss: Estimate;
  /** The hybrid's FLOPs a token over the component's, mean over the seeds. */
  readonly ratio: number;
  /** Within a tenth of the component's FLOPs. */
  readonly isEqual: boolean;
  /** The hybrid's loss less the component's, paired by seed. */
  readonly difference: Estimate;
}

/** A trained hybrid that computes fewer components than its search did. */
export interface BesideRow {
  readonly row: number;
  readonly loss: Estimate;
  readonly flopsPerToken: number;
  readonly components: readonly BesideComponent[];
}

export interface SweepPareto extends Omit<ReportPareto, 'points' | 'sentences'> {
  readonly points: readonly SweepParetoPoint[];
  readonly beside: readonly BesideRow[];
  readonly sentence: string | null;
}

/**
 * @param rows results of the done cells of each row, in the order of the model's rows; of one kind of data
 * @returns null where no two hybrids differ in what they cost, or the cells are priced by different units
 */
export function buildSweepPareto(rows: readonly (readonly CellResult[])[]): SweepPareto | null {
  const priced = rows.flatMap((results) => results.flatMap(({ pareto }) => pareto ?? []));
  const [first] = priced;
  if (!first) return null;
  if (priced.some(({ kind, split }) => kind !== first.kind || split !== first.split)) return null;
  const points = rows.flatMap((results, row) => meanPoints(results, row));
  if (!differ(points)) return null;
  const { kind, unit, split } = first;
  const beside = rows.flatMap((results, row) => besideOf(results, row, split));
  return { kind, unit, split, points, beside, sentence: sentenceOf(beside, split) };
}

/** Of cells that differ in their seed alone, the means. */
function meanPoints(results: readonly CellResult[], row: number): SweepParetoPoint[] {
  const groups = new Map<string, ParetoPoint[]>();
  for (const point of results.flatMap(({ pareto }) => pareto?.points ?? [])) {
    const key = JSON.stringify([point.label, point.mark]);
    const group = groups.get(key);
    if (group) group.push(point);
    else groups.set(key, [point]);
  }
  return [...groups.values()].map((group) => ({
    ...group[0]!,
    row,
    cost: mean(group.map(({ cost }) => cost)),
    loss: mean(group.map(({ loss }) => loss)),
  }));
}

/** Whether hybrids of one kind (trained, or hard and untrained) cost differently from row to row: by one in a hundred. */
function differ(points: readonly SweepParetoPoint[]): boolean {
  return ['trained', 'hard'].some((mark) => {
    const costs = points
      .filter((point) => point.subject === 'hybrid' && point.mark === mark)
      .map(({ cost }) => cost);
    return Math.max(...costs) > 1.01 * Math.min(...costs);
  });
}

function besideOf(
  results: readonly CellResult[],
  row: number,
  split: ReportPareto['split'],
): BesideRow[] {
  const rows = results.flatMap((result) => result.rows).filter((each) => each.split === split);
  const searched = bySeed(rows, 'search', 'hybrid');
  const tuned = bySeed(rows, 'finetune', 'hybrid');
  const own = [...tuned.values()];
  const isDiscrete = own.every(({ seed, flopsPerToken }) => {
    const soft = searched.get(seed)?.flopsPerToken;
    return flopsPerToken !== null && (soft == null || flopsPerToken < soft);
  });
  if (own.length === 0 || !isDiscrete) return [];
  const names = new Set(results.flatMap(({ components }) => components));
  const components = [...names].flatMap((component) => {
    const alone = bySeed(rows, 'baseline', component);
    const pairs = own.flatMap((hybrid) => {
      const other = alone.get(hybrid.seed);
      return other?.flopsPerToken ? [{ hybrid, other }] : [];
    });
    if (pairs.length === 0) return [];
    const ratio = mean(
      pairs.map(({ hybrid, other }) => hybrid.flopsPerToken! / other.flopsPerToken!),
    );
    return [
      {
        component,
        loss: estimate(pairs.map(({ other }) => other.loss)),
        ratio,
        isEqual: ratio >= 0.9 && ratio <= 1.1,
        difference: estimate(pairs.map(({ hybrid, other }) => hybrid.loss - other.loss)),
      },
    ];
  });
  if (components.length === 0) return [];
  const loss = estimate(own.map((each) => each.loss));
  const flopsPerToken = mean(own.map((each) => each.flopsPerToken!));
  return [{ row, loss, flopsPerToken, components }];
}

function bySeed(
  rows: readonly ResultRow[],
  stage: ResultRow['stage'],
  subject: string,
): Map<number, ResultRow> {
  const own = rows.filter((row) => row.stage === stage && row.subject === subject);
  return new Map(own.map((row) => [row.seed, row]));
}

/** All comparisons counted, none picked. */
function sentenceOf(beside: readonly BesideRow[], split: ReportPareto['split']): string | null {
  const equal = beside.flatMap(({ components }) => components.filter(({ isEqual }) => isEqual));
  if (equal.length === 0) return null;
  const ahead = equal.filter(({ difference }) => difference.mean < 0).length;
  const certain = equal.filter(({ difference: { interval } }) => interval && interval.high < 0);
  const pairs = equal.length === 1 ? 'the one pair' : `${equal.length} pairs`;
  return `Of ${pairs} of a discretised hybrid and a component within a tenth of each other's FLOPs a token, the hybrid has the lower ${split} loss in ${ahead}, by more than the 95 % interval of the difference in ${certain.length}.`;
}
