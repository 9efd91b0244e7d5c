/** Loss curves as they are drawn: what zooming brought put in, a centred mean, evaluations. Pure. */
import type { LossCurve } from '../server/contract/runViews';
import type { Where } from '../server/contract/events';
import { countUpTo, sameWhere, whereKey, type Job } from './jobs';
import type { PlotLine, PlotMark } from './plot';
import { jobStyle } from './seriesStyle';
import type { RunData } from './state';

export interface CurveOptions {
  readonly zoomed: Readonly<Record<string, LossCurve>>;
  /** Groups that are not drawn. */
  readonly hidden: ReadonlySet<string>;
  /** Draws a centred mean, with the losses as its pale ground. */
  readonly smooth: boolean;
  readonly logarithmic: boolean;
}

/** The same job of every seed: its lines look alike, and are shown and hidden together. */
export const groupKey = ({ stage, subject }: Where): string => JSON.stringify([stage, subject]);

interface Points {
  readonly steps: readonly number[];
  readonly loss: readonly (number | null)[];
}

/** The curve with a stretch of it in full. */
export function withStretch(curve: Points, stretch: Points | undefined): Points {
  if (!stretch || stretch.steps.length === 0) return curve;
  const before = countUpTo(curve.steps, stretch.steps[0]! - 1);
  const after = countUpTo(curve.steps, stretch.steps.at(-1)!);
  return {
    steps: [...curve.steps.slice(0, before), ...stretch.steps, ...curve.steps.slice(after)],
    loss: [...curve.loss.slice(0, before), ...stretch.loss, ...curve.loss.slice(after)],
  };
}

/**
 * Mean of each number and of up to `half` neighbours on either side, as many on both, so that a falling curve isn't
 * lifted; null where there is no number.
 */
export function centredMean(values: readonly (number | null)[], half: number): (number | null)[] {
  const sums = [0];
  const counts = [0];
  for (const value of values) {
    sums.push(sums.at(-1)! + (value ?? 0));
    counts.push(counts.at(-1)! + (value === null ? 0 : 1));
  }
  return values.map((value, at) => {
    const reach = Math.min(half, at, values.length - 1 - at);
    const from = at - reach;
    const end = at + reach + 1;
    return value === null ? null : (sums[end]! - sums[from]!) / (counts[end]! - counts[from]!);
  });
}

/** Evaluations of a job: dots for validation (and train), diamonds for the test. */
export function evaluationsOf(run: RunData, job: Job): PlotMark[] {
  return run.events.flatMap((event): PlotMark[] =>
    event.type === 'evaluation' && sameWhere(event, job) && Number.isFinite(event.loss)
      ? [
          {
            step: event.step,
            value: event.loss,
            shape: event.split === 'test' ? 'diamond' : 'dot',
          },
        ]
      : [],
  );
}

/** Lines of every job that is shown, each after its pale ground. */
export function curveLines(
  run: RunData,
  names: readonly string[],
  options: CurveOptions,
): PlotLine[] {
  return run.jobs.flatMap((job): PlotLine[] => {
    const key = whereKey(job);
    if (options.hidden.has(groupKey(job)) || job.steps.length === 0) return [];
    const { steps, loss } = withStretch(job, options.zoomed[key]);
    const values = options.logarithmic ? loss.map(positive) : loss;
    const style = jobStyle(job, names);
    const marks = evaluationsOf(run, job);
    const half = Math.round(steps.length / 60);
    if (!options.smooth || half < 1) return [{ key, steps, values, style, marks }];
    return [
      { key: `${key} ground`, steps, values, style, faint: true },
      { key, steps, values: centredMean(values, half), style, marks },
    ];
  });
}

const positive = (value: number | null): number | null =>
  value !== null && value > 0 ? value : null;

/** A sentence a job, for those who can't see the chart. */
export function curveWords(
  job: Job,
  title: string,
  format: (loss: number | null) => string,
): string {
  const lowest = job.loss.reduce<number>(
    (least, value) => (value === null ? least : Math.min(least, value)),
    Infinity,
  );
  const first = format(job.loss[0] ?? null);
  const last = format(job.loss.at(-1) ?? null);
  return `${title}: ${job.steps.at(-1) ?? 0} of ${job.total} steps, loss from ${first} to ${last}, lowest ${format(lowest)}.`;
}
