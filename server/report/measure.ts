/** What a report's first sentence compares by: the loss on a text, the accuracy on a task whose answers are right or wrong. */
import type { ResultRow, ResultSummary } from './modelTypes';
import { formatFixed, formatSigned } from './text';

export interface Measure {
  readonly name: 'loss' | 'accuracy';
  readonly of: (row: ResultRow) => number;
  /** Whether a difference, hybrid − component, is one that can be seen, and for the better. */
  readonly isBetter: (difference: number) => boolean;
  /** The hybrid's, in full. */
  readonly figure: (summary: ResultSummary) => string;
  /** A component's, in short. */
  readonly short: (summary: ResultSummary) => string;
  /** `0.036 below`. */
  readonly gap: (difference: number) => string;
  /** `+0.036`, an end of an interval; and the unit behind a whole difference. */
  readonly signed: (difference: number) => string;
  readonly unit: string;
}

/** Half of the last digit that is shown. */
const STILL = 0.0005;

const points = (value: number) => value * 100;
const share = (accuracy: number | undefined): string =>
  accuracy === undefined ? '–' : `${formatFixed(points(accuracy), 1)} %`;

export const byLoss: Measure = {
  name: 'loss',
  of: (row) => row.loss,
  isBetter: (difference) => difference <= -STILL,
  figure: ({ loss, perplexity }) =>
    `${formatFixed(loss.mean)} nats a token (perplexity ${formatFixed(perplexity.mean, 2)})`,
  short: ({ loss }) => formatFixed(loss.mean),
  gap: (difference) =>
    Math.abs(difference) < STILL
      ? 'the same to three digits as that of'
      : `${formatFixed(Math.abs(difference))} ${difference < 0 ? 'below' : 'above'}`,
  signed: (difference) => formatSigned(difference),
  unit: 'nats',
};

export const byAccuracy: Measure = {
  name: 'accuracy',
  of: (row) => row.accuracy ?? Number.NaN,
  isBetter: (difference) => difference >= STILL,
  figure: ({ accuracy, loss }) =>
    `${share(accuracy?.mean)} (loss ${formatFixed(loss.mean)} nats an answer)`,
  short: ({ accuracy }) => share(accuracy?.mean),
  gap: (difference) =>
    Math.abs(difference) < STILL
      ? 'the same to a tenth of a percent as that of'
      : `${formatFixed(points(Math.abs(difference)), 1)} points ${difference < 0 ? 'below' : 'above'}`,
  signed: (difference) => formatSigned(points(difference), 1),
  unit: 'points',
};
