/** The scale of a sweep's measure: every point and interval lies on it. */
import { formatFixed } from '../text';
import type { PicturePoint } from './picture';
import type { SweepModel } from './sweepModel';

export interface Scale {
  readonly low: number;
  readonly high: number;
  /** Place of a value, between the two ends that were asked for. */
  readonly of: (value: number) => number;
  /** A value beside the axis. */
  readonly label: (value: number) => string;
}

/** @param from place of the lowest value, @param to of the highest */
export function scaleOf(
  points: readonly PicturePoint[],
  from: number,
  to: number,
  measure: SweepModel['measure'],
): Scale {
  const means = points.map(({ estimate }) => estimate.mean);
  const span = Math.max(...means) - Math.min(...means);
  // Of two seeds an interval can be wider than anything that is there to be seen: it leaves the picture.
  const reach = Math.max(2 * span, 0.02);
  const ends = points.flatMap(({ estimate: { mean, interval } }) =>
    interval
      ? [Math.max(interval.low, mean - reach), Math.min(interval.high, mean + reach)]
      : [mean],
  );
  let low = Math.min(...means, ...ends);
  let high = Math.max(...means, ...ends);
  const room = Math.max((high - low) * 0.06, 5e-3);
  low -= room;
  high += room;
  if (measure === 'accuracy') [low, high] = [Math.max(0, low), Math.min(1, high)];
  const digits = high - low < 0.05 ? 3 : high - low < 0.5 ? 2 : 1;
  return {
    low,
    high,
    of: (value) =>
      from + ((to - from) * (Math.min(Math.max(value, low), high) - low)) / (high - low),
    label: (value) =>
      measure === 'accuracy'
        ? `${formatFixed(value * 100, high - low < 0.05 ? 1 : 0)} %`
        : formatFixed(value, digits),
  };
}
