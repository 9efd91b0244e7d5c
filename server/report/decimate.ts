/** Thinning for drawing: every point that is kept is a recorded one. */

/** At most `limit` (≥ 2) of `length` positions, evenly spread, the first and the last among them. */
export function spreadPositions(length: number, limit: number): number[] {
  if (length <= limit) return Array.from({ length }, (_, index) => index);
  return Array.from({ length: limit }, (_, index) =>
    Math.round((index * (length - 1)) / (limit - 1)),
  );
}

/**
 * At most `limit` (≥ 3) positions of the curve `y` over `x` that keep its shape: largest triangle of three buckets
 * (Steinarsson, 2013).
 */
export function shapePositions(
  x: readonly number[],
  y: readonly number[],
  limit: number,
): number[] {
  const length = x.length;
  if (length <= limit) return spreadPositions(length, limit);
  const kept = [0];
  const width = (length - 2) / (limit - 2);
  for (let bucket = 0; bucket < limit - 2; bucket++) {
    const first = 1 + Math.floor(bucket * width);
    const end = 1 + Math.floor((bucket + 1) * width);
    const nextEnd = Math.min(length, 1 + Math.floor((bucket + 2) * width));
    const [nextX, nextY] = centre(x, y, Math.min(end, length - 1), Math.max(nextEnd, end + 1));
    const last = kept.at(-1) ?? 0;
    let best = first;
    let largest = -1;
    for (let index = first; index < end; index++) {
      const area = Math.abs(
        (x[last]! - nextX) * (y[index]! - y[last]!) - (x[last]! - x[index]!) * (nextY - y[last]!),
      );
      if (area > largest) {
        largest = area;
        best = index;
      }
    }
    kept.push(best);
  }
  kept.push(length - 1);
  return kept;
}

function centre(
  x: readonly number[],
  y: readonly number[],
  first: number,
  end: number,
): [number, number] {
  let sumX = 0;
  let sumY = 0;
  const stop = Math.min(end, x.length);
  for (let index = first; index < stop; index++) {
    sumX += x[index]!;
    sumY += y[index]!;
  }
  const count = Math.max(1, stop - first);
  return [sumX / count, sumY / count];
}

/** Mean of the last `window` values at each position (of fewer at the start). */
export function trailingMean(values: readonly number[], window: number): number[] {
  const means: number[] = [];
  let sum = 0;
  for (let index = 0; index < values.length; index++) {
    sum += values[index]!;
    if (index >= window) sum -= values[index - window]!;
    means.push(sum / Math.min(index + 1, window));
  }
  return means;
}
