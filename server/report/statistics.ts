/** Means and 95 % intervals over seeds. Few seeds are the rule, so Student's t and never the normal. */

export interface Interval {
  readonly low: number;
  readonly high: number;
}

export interface Estimate {
  readonly mean: number;
  /** Number of seeds. */
  readonly n: number;
  /** 95 % t-interval of the mean; null with one seed. */
  readonly interval: Interval | null;
}

/** Mean; NaN of nothing. */
export function mean(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** Sample standard deviation (n − 1); NaN below two values. */
export function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return Number.NaN;
  const centre = mean(values);
  let sum = 0;
  for (const value of values) sum += (value - centre) ** 2;
  return Math.sqrt(sum / (values.length - 1));
}

/**
 * P(|T| ≤ t) of Student's t with `freedom` degrees of freedom, a whole number ≥ 1: the finite trigonometric sums of
 * Abramowitz and Stegun, 26.7.3 and 26.7.4.
 */
export function studentCentralProbability(t: number, freedom: number): number {
  const angle = Math.atan(t / Math.sqrt(freedom));
  const cosine = Math.cos(angle);
  const odd = freedom % 2 === 1;
  let term = odd ? cosine : 1;
  let sum = odd && freedom === 1 ? 0 : term;
  for (let k = odd ? 3 : 2; k <= freedom - 2; k += 2) {
    term *= ((k - 1) / k) * cosine * cosine;
    sum += term;
  }
  const series = Math.sin(angle) * sum;
  return odd ? (2 / Math.PI) * (angle + series) : series;
}

/** t such that P(|T| ≤ t) = `coverage`, by bisection. `freedom` a whole number ≥ 1. */
export function studentQuantile(freedom: number, coverage = 0.95): number {
  let low = 0;
  let high = 1;
  while (studentCentralProbability(high, freedom) < coverage) high *= 2;
  for (let round = 0; round < 200 && high - low > 1e-12 * high; round++) {
    const middle = (low + high) / 2;
    if (studentCentralProbability(middle, freedom) < coverage) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Mean and 95 % t-interval over seeds. */
export function estimate(values: readonly number[]): Estimate {
  const centre = mean(values);
  const n = values.length;
  if (n < 2) return { mean: centre, n, interval: null };
  const half = (studentQuantile(n - 1) * standardDeviation(values)) / Math.sqrt(n);
  return { mean: centre, n, interval: { low: centre - half, high: centre + half } };
}

/** Of shares, such as accuracies: the interval ends where shares do, which with two seeds it often would not. */
export function estimateShare(shares: readonly number[]): Estimate {
  const { interval, ...rest } = estimate(shares);
  const cut = interval && { low: Math.max(0, interval.low), high: Math.min(1, interval.high) };
  return { ...rest, interval: cut };
}
