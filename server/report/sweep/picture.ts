/** What a sweep's picture shows: its axes, and a figure with its interval for each subject at each combination of values. */
import type { ModelAxis } from './axes';
import type { Estimate } from '../statistics';
import type { SplitScore, SweepModel } from './sweepModel';

export interface PicturePoint {
  /** On the picture's axes. */
  readonly places: readonly number[];
  readonly subject: string;
  readonly estimate: Estimate;
  /** Whether validation chose it. */
  readonly isSelected: boolean;
}

/**
 * `curve`: one key with numbers; `heatmap`: two keys; `dots`: anything else, a line each combination. Where keys of the
 * data are swept they are the axes, and each point is what validation chose there; otherwise every row is a point.
 */
export interface Picture {
  readonly kind: 'curve' | 'heatmap' | 'dots';
  readonly axes: readonly ModelAxis[];
  readonly split: 'test' | 'validation';
  readonly points: readonly PicturePoint[];
}

/** `undefined` while there is nothing to draw. */
export function pictureOf(model: SweepModel): Picture | undefined {
  const own = model.axes.filter(({ kind }) => kind !== 'seed');
  const data = own.filter(({ kind }) => kind === 'data');
  const axes = data.length > 0 ? data : own;
  const isChosen = data.length > 0 && data.length < own.length;
  const shown = model.rows.flatMap((row, index) =>
    row.subjects.flatMap((score) => {
      const isSelected = model.selected.some(
        (one) => one.row === index && one.subject === score.subject,
      );
      return isChosen && !isSelected ? [] : [{ row, score, isSelected }];
    }),
  );
  // A grid selects on validation; what was chosen, or what was never chosen from, is shown as it tests.
  const hasTest = shown.length > 0 && shown.every(({ score }) => score.test !== null);
  const isFree = data.length > 0 || own.length === 0;
  const split = isFree && hasTest ? 'test' : 'validation';
  const points = shown.flatMap(({ row, score, isSelected }): PicturePoint[] => {
    const estimate = estimateOf(score[split], model.measure);
    const places = axes.map((axis) => row.places[own.indexOf(axis)]!);
    return estimate ? [{ places, subject: score.subject, estimate, isSelected }] : [];
  });
  if (points.length === 0) return undefined;
  const [only] = axes;
  const kind =
    axes.length === 1 && only?.numbers ? 'curve' : axes.length === 2 ? 'heatmap' : 'dots';
  return { kind, axes, split, points };
}

function estimateOf(score: SplitScore | null, measure: SweepModel['measure']): Estimate | null {
  const estimate = measure === 'accuracy' ? score?.accuracy : score?.loss;
  return estimate && Number.isFinite(estimate.mean) ? estimate : null;
}
