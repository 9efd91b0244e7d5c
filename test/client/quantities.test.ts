/** Numbers as people read them. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  formatBytes,
  formatCount,
  formatDate,
  formatDuration,
  formatLoss,
} from '../../client/text/quantities';

describe('quantities', () => {
  const written: readonly (readonly [string, string])[] = [
    [formatDuration(0.4), '0 s'],
    [formatDuration(59.6), '1 min'],
    [formatDuration(60), '1 min'],
    [formatDuration(12_000), '3 h 20 min'],
    [formatDuration(7200), '2 h'],
    [formatDuration(187_200), '2 d 4 h'],
    [formatDuration(Number.NaN), ''],
    [formatDuration(-1), ''],
    [formatBytes(0), '0 B'],
    [formatBytes(1023), '1 kB'],
    [formatBytes(432e6), '432 MB'],
    [formatBytes(3.44e9), '3.4 GB'],
    [formatBytes(999.9e6), '1.0 GB'],
    [formatCount(940), '940'],
    [formatCount(999.9), '1.0k'],
    [formatCount(1912), '1.9k'],
    [formatCount(13_900), '14k'],
    [formatCount(3_100_000), '3.1M'],
    [formatCount(2_800_000_000), '2.8B'],
    [formatLoss(undefined), '–'],
    [formatLoss(Infinity), '–'],
    [formatLoss(2.9), '2.900'],
  ];
  for (const [actual, expected] of written) {
    it(expected === '' ? 'nothing for what is no quantity' : expected, () =>
      assert.equal(actual, expected),
    );
  }

  it('dates: the time alone today, the year where it is another', () => {
    const now = new Date(2026, 10, 25, 12, 0);
    assert.equal(formatDate(new Date(2026, 10, 25, 9, 5).toISOString(), now), 'today 09:05');
    assert.equal(formatDate(new Date(2026, 0, 2, 9, 5).toISOString(), now), '2 Jan 09:05');
    assert.equal(formatDate(new Date(2024, 0, 2, 9, 5).toISOString(), now), '2 Jan 2024 09:05');
    assert.equal(formatDate('no date', now), 'no date');
  });

  it('never writes NaN', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        const all = [
          formatDuration(value),
          formatBytes(value),
          formatCount(value),
          formatLoss(value),
        ];
        assert.doesNotMatch(all.join(' '), /NaN|Infinity|undefined/u);
      }),
    );
  });
});
