/** Scores of several seeds, drawn together. */
import assert from 'node:assert/strict';
import type { RunResult } from '../../server/contract/events';
import { meanScores, shownResults } from '../../webview/scores';

const result = (change: Partial<RunResult>): RunResult => ({
  ...{ subject: 'hybrid', stage: 'finetune', seed: 1, split: 'validation' },
  ...{ loss: 4, perplexity: 54.598, parameters: 100, flopsPerToken: 200 },
  ...{ updates: 10, tokens: 1000, seconds: 1 },
  ...change,
});

describe('scores of several seeds', () => {
  it('are their mean, their ends, and the perplexity of the mean', () => {
    const [score, ...rest] = meanScores([
      result({ loss: 3, accuracy: 0.2 }),
      result({ loss: 4, accuracy: 0.4, seed: 2 }),
    ]);
    assert.equal(rest.length, 0);
    assert.equal(score!.loss, 3.5);
    assert.deepEqual(score!.range, [3, 4]);
    assert.equal(score!.perplexity, Math.exp(3.5));
    assert.ok(Math.abs(score!.accuracy! - 0.3) < 1e-12);
    assert.equal(score!.seeds, 2);
  });

  it('begin with the test text, and keep the order of the run within a text', () => {
    const scores = meanScores([
      result({}),
      result({ split: 'test' }),
      result({ subject: 'neox', stage: 'baseline' }),
      result({ subject: 'neox', stage: 'baseline', split: 'test' }),
    ]);
    assert.deepEqual(
      scores.map(({ split, subject }) => `${split} ${subject}`),
      ['test hybrid', 'test neox', 'validation hybrid', 'validation neox'],
    );
  });

  it('of one seed are what the run measured', () => {
    assert.equal(meanScores([result({})])[0]!.perplexity, 54.598);
  });
});

describe('scores of a programmed hybrid', () => {
  it('name which α each hybrid has, and leave out those of the tasks', () => {
    const results = [
      result({ stage: 'program', subject: 'memorization' }),
      result({}),
      result({ stage: 'baseline', subject: 'searched' }),
      result({ stage: 'baseline', subject: 'uniform' }),
    ];
    const named = shownResults(results, true).map(({ subject }) => subject);
    assert.deepEqual(named, ['programmed hybrid', 'searched hybrid', 'uniform']);
    assert.deepEqual(shownResults(results.slice(1, 2), false), results.slice(1, 2));
  });
});
