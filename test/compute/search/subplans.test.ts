/** A job with a plan of its own: components, blocks, width, costs and state are that plan's; budget and seed the run's. */
import assert from 'node:assert/strict';
import { planCosts } from '../../../server/compute/search/hybridModel';
import { bits, Cut, RunBench, runPlan, type RunSettings } from './runHarness';
import { done, onWasm, resultsOf, stepsOf } from './runChecks';

const settings: RunSettings = {
  finetune: {},
  baselines: { components: false, match: 'steps', uniform: false },
  others: [{ name: 'lone', width: 8 }],
};

describe('a baseline with a plan of its own', () => {
  onWasm();

  it('trains its own component under the budget of the hybrid', async () => {
    const { events, finished, bench } = await done(settings);
    assert.deepEqual(resultsOf(finished), [
      ['search hybrid 1', 6, 60],
      ['finetune hybrid 1', 4, 40],
      ['baseline lone 1', 4, 40],
    ]);
    const result = finished.results.at(-1)!;
    const own = planCosts(bench.plan.subplans![0]!);
    assert.equal(result.parameters, own.parameters([[1]], 0));
    assert.equal(result.flopsPerToken, own.flopsPerToken([[1]]));
    assert.notEqual(result.parameters, finished.results[0]!.parameters);
    const losses = stepsOf(events, 'baseline', 'lone').map(({ loss }) => loss);
    assert.equal(losses.length, 4);
    assert.ok(losses.at(-1)! < losses[0]!);
  });

  it('takes the steps that cost what the hybrid’s did, by its own FLOPs', async () => {
    const { finished, bench } = await done({
      ...settings,
      baselines: { components: false, match: 'flops', uniform: false },
    });
    const [tuned, lone] = finished.results.slice(-2);
    const own = planCosts(bench.plan.subplans![0]!).flopsPerToken([[1]]);
    assert.equal(lone!.updates, Math.round((4 * tuned!.flopsPerToken) / own));
  });

  it('goes on to the bit after a cut, before and within it', async () => {
    const uncut = bits((await done(settings)).events);
    for (const step of [1, 3]) {
      const bench = await RunBench.make(runPlan(settings));
      const cut = await bench.run({
        onEvent: (event) => {
          if (event.type === 'step' && event.subject === 'lone' && event.step === step) {
            throw new Cut();
          }
        },
      });
      assert.equal(cut, 'cut');
      assert.deepEqual(await bench.run({}, true), { status: 'done' });
      assert.deepEqual(bits(await bench.events()), uncut);
      await bench.remove();
    }
  });
});
