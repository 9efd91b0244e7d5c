import assert from 'node:assert/strict';
import { done, lastStep, onWasm, resultsOf, stepsOf } from './runChecks';
import { someData } from './runHarness';

describe('runs', () => {
  onWasm();

  it('tell every step, with α on the simplex, and evaluate and checkpoint as often as asked', async () => {
    const { events } = await done({});
    const steps = stepsOf(events, 'search');
    assert.deepEqual(
      steps.map(({ step, steps: of }) => `${step}/${of}`),
      ['1/6', '2/6', '3/6', '4/6', '5/6', '6/6'],
    );
    for (const { alphas, loss, tokensPerSecond, etaSeconds } of steps) {
      assert.ok(loss > 0 && tokensPerSecond > 0 && etaSeconds >= 0);
      for (const row of alphas!) assert.ok(Math.abs(row[0]! + row[1]! - 1) < 1e-12);
    }
    assert.equal(lastStep(events).etaSeconds, 0);
    const at = (type: string) =>
      events.flatMap((event) => (event.type === type && 'step' in event ? [event.step] : []));
    assert.deepEqual(at('evaluation'), [3, 6]);
    // Before the first step, every second one, and after the job.
    assert.deepEqual(at('checkpoint'), [0, 2, 4, 6]);
  });

  it('learn: the last losses are below the first', async () => {
    const { events } = await done({ search: { steps: 40, learningRate: 0.02, evalEvery: 40 } });
    const losses = stepsOf(events, 'search').map(({ loss }) => loss);
    const mean = (some: number[]) => some.reduce((sum, loss) => sum + loss, 0) / some.length;
    assert.ok(mean(losses.slice(-8)) < mean(losses.slice(0, 8)) - 0.1, losses.join(' '));
  });

  it('move a only in its turn, and θ only in its own', async () => {
    const { events, finished } = await done({ search: { schedule: 'alternating' } });
    const alphas = stepsOf(events, 'search').map((event) => JSON.stringify(event.alphas));
    assert.equal(
      alphas[0],
      JSON.stringify([
        [0.5, 0.5],
        [0.5, 0.5],
      ]),
    );
    assert.notEqual(alphas[1], alphas[0]);
    assert.equal(alphas[2], alphas[1]);
    assert.notEqual(alphas[3], alphas[2]);
    assert.deepEqual(resultsOf(finished), [['search hybrid 1', 3, 30]]);
  });

  it('keep α as given with fixed', async () => {
    const { finished } = await done({ search: { algorithm: 'fixed' } });
    assert.deepEqual(finished.alphas, [
      [0.5, 0.5],
      [0.5, 0.5],
    ]);
    assert.deepEqual(resultsOf(finished), [['search hybrid 1', 6, 60]]);
  });

  it('repeat the whole for every seed, and tell mean and spread', async () => {
    const { finished, bench } = await done({
      search: { algorithm: 'gaea', seeds: [1, 2] },
      finetune: {},
    });
    assert.equal(finished.perSeed.length, 2);
    assert.notDeepEqual(finished.perSeed[0], finished.perSeed[1]);
    finished.alphas.flat().forEach((alpha, at) => {
      const [first, second] = finished.perSeed.map((table) => table.flat()[at]!);
      assert.ok(Math.abs(alpha - (first! + second!) / 2) < 1e-12);
    });
    const { component, meanAlpha } = finished.selection;
    assert.equal(component, meanAlpha['neox']! >= meanAlpha['mamba']! ? 'neox' : 'mamba');
    assert.deepEqual(
      bench.kept.map(({ seed }) => seed),
      [1, 2],
    );
  });

  it('train a single component: pretraining is a run like any other', async () => {
    const { finished, events } = await done({
      hybrid: { components: [{ name: 'only', family: 'gpt2', layers: 3, width: 4 }] },
    });
    assert.deepEqual(finished.alphas, [[1], [1]]);
    assert.deepEqual(finished.selection, { component: 'only', meanAlpha: { only: 1 } });
    const losses = stepsOf(events, 'search').map(({ loss }) => loss);
    assert.ok(losses.every(Number.isFinite) && new Set(losses).size === losses.length);
  });

  it('report on test data where given, beside validation', async () => {
    const data = { ...someData(), test: someData().validation.subarray(0, 9) };
    const { finished } = await done({}, { data });
    const [validation, test] = finished.results;
    assert.deepEqual([validation!.split, test!.split], ['validation', 'test']);
    assert.notEqual(validation!.loss, test!.loss);
    assert.ok(Math.abs(test!.perplexity - Math.exp(test!.loss)) < 1e-9);
    assert.ok(test!.accuracy! >= 0 && test!.accuracy! <= 1);
  });

  it('begin from α that was pinned and pruned in the config, and never move it', async () => {
    const { events, finished } = await done({
      hybrid: { prune: { 0: [1] } },
      pinned: { 1: [0.25, 0.75] },
    });
    for (const { alphas } of stepsOf(events, 'search')) {
      assert.deepEqual(alphas, [
        [1, 0],
        [0.25, 0.75],
      ]);
    }
    assert.equal(finished.selection.component, 'neox');
  });
});
