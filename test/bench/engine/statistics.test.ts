import assert from 'node:assert/strict';
import { largestDifference, median, spread } from './statistics';

describe('bench: statistics', () => {
  it('takes the middle of an odd count and the mean of the two middles of an even one', () => {
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([10, 2, 1, 4]), 3);
    assert.throws(() => median([]), RangeError);
  });

  it('leaves the values in their order', () => {
    const values = [3, 1, 2];
    median(values);
    spread(values);
    assert.deepEqual(values, [3, 1, 2]);
  });

  it('measures spread by the quartiles, so that one disturbed turn does not count', () => {
    assert.equal(spread([10, 10, 10, 10, 10, 10, 900]), 0);
    assert.equal(spread([8, 9, 10, 11, 12]), 0.1);
  });

  it('compares numbers relative to the peer’s where those are large', () => {
    assert.equal(largestDifference([100, 1], [101, 1]), 1 / 101);
    assert.equal(largestDifference([0.25], [0.5]), 0.25);
    assert.equal(largestDifference([1], [1, 2]), Infinity);
    assert.equal(largestDifference([NaN, 1], [1, 1]), Infinity);
  });
});
