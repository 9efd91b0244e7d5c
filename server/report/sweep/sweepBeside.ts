/** The hybrid that validation chose beside each other model that it chose, seed by seed. */
import type { ResultRow } from '../modelTypes';
import { includesZero, pairedDifference } from '../resultReport';
import type { Estimate } from '../statistics';
import { displayText, formatSigned } from '../text';
import type { CellResult } from './cellResult';
import type { SelectedScore, SweepModel } from './sweepModel';

type Measure = SweepModel['measure'];
type Chosen = Omit<SelectedScore, 'hybridBeside'>;

/** Test where every model that was chosen for the same data was tested, else validation. */
export function reportedSplit(scores: readonly Pick<Chosen, 'score'>[]): 'test' | 'validation' {
  return scores.every(({ score }) => score.test !== null) ? 'test' : 'validation';
}

/** @param results of the done cells of each row, in the order of the model's rows */
export function withDifferences(
  chosen: readonly Chosen[],
  results: readonly (readonly CellResult[])[],
  measure: Measure,
): SelectedScore[] {
  const value = (row: ResultRow): number =>
    measure === 'accuracy' ? (row.accuracy ?? Number.NaN) : row.loss;
  return chosen.map((one) => {
    const same = chosen.filter((other) => keyOf(other) === keyOf(one));
    const hybrid = same.find(({ subject }) => subject === 'hybrid');
    if (!hybrid || one === hybrid) return { ...one, hybridBeside: null };
    const split = reportedSplit(same);
    const rowsOf = ({ row, subject, score }: Chosen): ResultRow[] =>
      results[row]!.flatMap(({ rows }) => rows).filter(
        (each) => each.subject === subject && each.stage === score.stage && each.split === split,
      );
    return { ...one, hybridBeside: pairedDifference(rowsOf(hybrid), rowsOf(one), value) ?? null };
  });
}

export const keyOf = ({ condition }: Pick<Chosen, 'condition'>): string =>
  JSON.stringify(condition);

/** The hybrid with other α is no rival of it. */
export const isRival = ({ subject }: Pick<Chosen, 'subject'>): boolean =>
  !['hybrid', 'uniform', 'searched'].includes(subject);

/** Of those with the best mean on the split that is reported, which favours it. */
export function bestRival(
  scores: readonly SelectedScore[],
  measure: Measure,
): SelectedScore | undefined {
  const gap = ({ hybridBeside }: SelectedScore): number =>
    (hybridBeside?.mean ?? Number.NaN) * (measure === 'accuracy' ? -1 : 1);
  const rivals = scores.filter((one) => isRival(one) && Number.isFinite(gap(one)));
  return rivals.reduce<SelectedScore | undefined>(
    (best, one) => (best === undefined || gap(one) > gap(best) ? one : best),
    undefined,
  );
}

export type Outcome = 'ahead' | 'behind' | 'open';

/** Ahead or behind where the interval of the difference allows one sign alone. */
export function outcomeOf(difference: Estimate, measure: Measure): Outcome {
  if (includesZero(difference.interval) !== false) return 'open';
  const isBetter = measure === 'accuracy' ? difference.mean > 0 : difference.mean < 0;
  return isBetter ? 'ahead' : 'behind';
}

/** `+0.117`, of shares in points. */
export const differenceText = (value: number, measure: Measure): string =>
  measure === 'accuracy' ? formatSigned(value * 100, 1) : formatSigned(value);

/** A plain word on whether the hybrid wins, with the interval that decides it. */
export function verdictOf(scores: readonly SelectedScore[], measure: Measure): string | undefined {
  const best = bestRival(scores, measure);
  const difference = best?.hybridBeside;
  if (!best || !difference) return undefined;
  const { mean, interval, n } = difference;
  const unit = measure === 'accuracy' ? 'points' : 'nats';
  const head = `The hybrid beside ${displayText(best.subject, 40)}, the best of the others: ${differenceText(mean, measure)} ${unit}`;
  if (!interval) return `${head}, one seed: no interval, so chance is not ruled out.`;
  const span = `${differenceText(interval.low, measure)} to ${differenceText(interval.high, measure)}`;
  const outcome = outcomeOf(difference, measure);
  const words = {
    ahead: ': it wins',
    behind: ': it does not win',
    open: ', which includes no difference',
  }[outcome];
  return `${head}, 95 % interval ${span} over ${n} paired seeds${words}.`;
}
