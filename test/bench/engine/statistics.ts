/** What is made of the turns. */

/** @throws RangeError for no values */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('the median of nothing');
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Half the distance of the quartiles over the median: how much the turns differ. */
export function spread(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const quartile = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!;
  return (quartile(0.75) - quartile(0.25)) / 2 / median(values);
}

/** Largest |a − b| over max(1, |b|); infinite where the counts differ or a number is none. */
export function largestDifference(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return Infinity;
  return a.reduce((largest, value, index) => {
    const difference = Math.abs(value - b[index]!) / Math.max(1, Math.abs(b[index]!));
    return Number.isFinite(difference) ? Math.max(largest, difference) : Infinity;
  }, 0);
}
