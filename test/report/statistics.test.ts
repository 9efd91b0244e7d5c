import assert from 'node:assert/strict';
import fc from 'fast-check';
import { shapePositions, spreadPositions, trailingMean } from '../../server/report/decimate';
import {
  estimate,
  estimateShare,
  standardDeviation,
  studentCentralProbability,
  studentQuantile,
} from '../../server/report/statistics';

const near = (actual: number, expected: number, tolerance: number): void =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

describe('Student’s t', () => {
  // Two-sided 95 % points as every table prints them (e.g. NIST/SEMATECH e-Handbook, 1.3.6.7.2).
  const table: [freedom: number, quantile: number][] = [
    [1, 12.706],
    [2, 4.303],
    [3, 3.182],
    [4, 2.776],
    [5, 2.571],
    [9, 2.262],
    [10, 2.228],
    [30, 2.042],
    [100, 1.984],
  ];
  for (const [freedom, quantile] of table) {
    it(`has its 95 % point at ${quantile} with ${freedom} degrees of freedom`, () => {
      near(studentQuantile(freedom), quantile, 5e-4);
    });
  }

  it('is a probability that grows with t and falls short of the normal', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.double({ min: 0.01, max: 50, noNaN: true }),
        (freedom, t) => {
          const inside = studentCentralProbability(t, freedom);
          assert.ok(inside > 0 && inside <= 1 + 1e-12);
          assert.ok(studentCentralProbability(t * 1.1, freedom) >= inside - 1e-12);
        },
      ),
    );
  });
});

describe('an estimate over seeds', () => {
  it('of shares ends where shares do', () => {
    assert.deepEqual(estimateShare([0.9, 1]).interval!.high, 1);
    assert.deepEqual(estimateShare([0, 0.1]).interval!.low, 0);
    assert.deepEqual(estimateShare([0.4, 0.5, 0.6]), estimate([0.4, 0.5, 0.6]));
  });

  it('of one seed has no interval', () => {
    assert.deepEqual(estimate([2.5]), { mean: 2.5, n: 1, interval: null });
  });

  it('of three seeds is the mean ± 4.303 s/√3', () => {
    const { mean, interval } = estimate([1, 2, 3]);
    assert.equal(mean, 2);
    near(interval!.low, 2 - 4.302653 / Math.sqrt(3), 1e-5);
    near(interval!.high, 2 + 4.302653 / Math.sqrt(3), 1e-5);
  });

  it('divides the variance by n − 1', () =>
    near(standardDeviation([2, 4, 4, 4, 5, 5, 7, 9]), 2.13809, 1e-5));
});

describe('thinning', () => {
  it('keeps recorded positions only, in order, with both ends', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 1, maxLength: 900 }),
        fc.integer({ min: 3, max: 50 }),
        (losses, limit) => {
          const steps = losses.map((_, index) => index + 1);
          for (const kept of [
            shapePositions(steps, losses, limit),
            spreadPositions(losses.length, limit),
          ]) {
            assert.ok(kept.length <= limit);
            assert.equal(kept[0], 0);
            assert.equal(kept.at(-1), losses.length - 1);
            assert.ok(kept.every((position, k) => k === 0 || position > kept[k - 1]!));
          }
        },
      ),
    );
  });

  it('keeps a lone spike', () => {
    const losses = Array.from({ length: 1000 }, (_, step) => (step === 637 ? 9 : 1));
    const kept = shapePositions(
      losses.map((_, step) => step),
      losses,
      50,
    );
    assert.ok(kept.includes(637));
  });

  it('means the last few values, fewer at the start', () => {
    assert.deepEqual(trailingMean([2, 4, 6, 8], 2), [2, 3, 5, 7]);
  });
});
