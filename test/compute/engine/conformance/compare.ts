/** When two results of a kernel are the same. */
import assert from 'node:assert/strict';

export type Values = Float32Array | Float64Array | Int32Array | Uint8Array;

/**
 * Largest |x − y| over max(1, largest |y|) of a whole result.
 *
 * float32 has a rounding of 6e-8. A sum of k products in another order differs by about √k of it, an exponential of the
 * engine's own by 2e-7, and the gradient of a sequence carries both along: 2e-5 leaves them a decade.
 */
export const TOLERANCE = 2e-5;

const scaleOf = (values: Values): number => {
  let most = 1;
  for (const y of values) if (Number.isFinite(y)) most = Math.max(most, Math.abs(y));
  return most;
};

/** Whether two entries are the same: within `allowed`, both NaN, or the same infinity. */
export const isClose = (x: number, y: number, allowed: number): boolean =>
  Object.is(x, y) || Math.abs(x - y) <= allowed;

/** What entries of a result like `expected` may differ by. */
export const allowedFor = (expected: Values, tolerance: number): number =>
  tolerance * scaleOf(expected);

/** Within `tolerance`, entry by entry; NaN only where NaN, an infinity only where the same one. */
export function assertClose(
  actual: Values,
  expected: Values,
  what: string,
  tolerance = TOLERANCE,
): void {
  assert.equal(actual.length, expected.length, what);
  const allowed = allowedFor(expected, tolerance);
  for (let i = 0; i < expected.length; i++) {
    if (!isClose(actual[i]!, expected[i]!, allowed)) {
      assert.fail(`${what}[${i}]: ${actual[i]!} is not ${expected[i]!} (allowed: ${allowed})`);
    }
  }
}
