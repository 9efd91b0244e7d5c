/** The chosen hybrid of a sweep beside each other model: paired by seed, with the interval, and a plain word. */
import assert from 'node:assert/strict';
import type { SweepModel } from '../../server/report/sweep/sweepModel';
import { sweepHtml } from '../../server/report/sweep/sweepHtml';
import { sweepSvg } from '../../server/report/sweep/sweepSvg';
import { headlineOf } from '../../server/report/sweep/sweepText';
import { madeSweep } from './sweepFixtures';

const rates = { key: 'search.learningRate', values: [1e-4, 1e-3, 1e-2] };
const seeds = { key: 'search.seed', values: [1, 2, 3] };

const chosen = ({ selected }: SweepModel, subject: string) =>
  selected.find((one) => one.subject === subject)!;

describe('the best hybrid of a sweep', () => {
  it('stands beside each model that validation chose, seed by seed, on test', () => {
    const model = madeSweep({ axes: [rates, seeds] });
    for (const name of ['neox', 'mamba']) {
      const { hybridBeside, score } = chosen(model, name);
      const own = chosen(model, 'hybrid').score.test!.loss.mean;
      assert.equal(hybridBeside!.n, 3);
      assert.ok(Math.abs(hybridBeside!.mean - (own - score.test!.loss.mean)) < 1e-12);
      const { low, high } = hybridBeside!.interval!;
      assert.ok(low < hybridBeside!.mean && hybridBeside!.mean < high);
    }
    assert.equal(chosen(model, 'hybrid').hybridBeside, null);
    const [verdict] = headlineOf(model).details;
    assert.match(
      verdict!,
      /^The hybrid beside (neox|mamba), the best of the others: [−+]0\.\d{3} nats, 95 % interval [−+]\S+ to [−+]\S+ over 3 paired seeds(: |, which )/,
    );
    assert.match(sweepHtml(model), /Hybrid beside it/);
  });

  it('says of one seed that chance is not ruled out', () => {
    const model = madeSweep({ axes: [rates] });
    assert.equal(chosen(model, 'neox').hybridBeside!.interval, null);
    assert.match(
      headlineOf(model).details[0]!,
      /one seed: no interval, so chance is not ruled out/,
    );
  });

  it('counts kinds of data, and those apart where it is no chance', () => {
    const lengths = { key: 'data.train.mad.length', values: [32, 64] };
    const model = madeSweep({ axes: [lengths, seeds], task: 'in-context-recall' });
    const { sentence, details } = headlineOf(model);
    assert.match(
      sentence,
      /^The hybrid is ahead of every other model on \d of 2 kinds of data(, by more than the 95 % interval of the paired difference on \d)?\.$/,
    );
    assert.equal(details.filter((line) => /points, 95 % interval/.test(line)).length, 2);
  });

  it('over seeds alone is reported on test, with nothing named that was not swept', () => {
    const model = madeSweep({ axes: [seeds], flops: (cell) => 5e5 + 1e4 * cell });
    assert.equal(model.rows.length, 1);
    const texts = [sweepHtml(model), sweepSvg(model)];
    for (const text of texts) {
      assert.match(text, /Test loss \(nats a token\), mean and 95 % interval over 3 seeds/);
      assert.doesNotMatch(text, / over ,| at :|, :/);
    }
  });
});
