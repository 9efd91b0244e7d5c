import assert from 'node:assert/strict';
import { parseBenchArguments, UsageError } from './arguments';

const refused = (args: readonly string[], pattern: RegExp) =>
  assert.throws(
    () => parseBenchArguments(args),
    (error) => error instanceof UsageError && pattern.test(error.message),
  );

describe('bench: options', () => {
  it('measures every row in seven turns with two threads unless told otherwise', () => {
    const { rows, turns, threads, besides, json, profile, scans } = parseBenchArguments([]);
    assert.deepEqual(
      rows.map(({ name, targets }) => [name, targets]),
      [
        ['neox-small', { time: 0.7, memory: 0.5 }],
        ['neox-large', { time: 0.95, memory: 0.9 }],
        ['mamba', { time: 0.4, memory: 0.4 }],
        ['hybrid-quickstart', { time: 0.5, memory: 0.5 }],
        ['hybrid-large', { time: 0.8, memory: 0.8 }],
        ['generation', { time: 0.4 }],
        ['scan-growth', { time: 1.2 }],
      ],
    );
    assert.deepEqual([turns, threads, besides, json, profile], [7, 2, true, false, 'none']);
    assert.deepEqual(scans, ['mambapy', 'loop']);
  });

  it('keeps the order of the rows, whatever theirs on the command line', () => {
    const { rows } = parseBenchArguments(['--rows', 'scan-growth, mamba']);
    assert.deepEqual(
      rows.map(({ name }) => name),
      ['mamba', 'scan-growth'],
    );
  });

  it('profiles what misses its target where a page is written, and all that it is told to', () => {
    assert.equal(parseBenchArguments(['--write', 'page.md']).profile, 'missed');
    assert.equal(parseBenchArguments(['--write', 'page.md', '--profile']).profile, 'all');
    assert.equal(parseBenchArguments(['--no-besides']).besides, false);
    assert.deepEqual(parseBenchArguments(['--scan', 'mambapy']).scans, ['mambapy']);
  });

  it('refuses what it does not know', () => {
    refused(['--rows', 'mamba,lstm'], /lstm/);
    refused(['--turns', '0'], /whole number/);
    refused(['--turns', '2.5'], /2\.5/);
    refused(['--scan', 'cuda'], /cuda/);
    refused(['--fast'], /--fast/);
  });
});
