/**
 * The same numbers give the same bits where an engine promises it: a run that is resumed goes on as if it had not been cut.
 *
 * wasm promises it: each reduction has one order whatever the number of threads (threads.test.ts), in every tier, each with
 * bits of its own. So does webgpu on one device and driver: no sum of a step depends on the moment. So does tensorflow on as
 * many threads of one processor; on a GPU by TensorFlow's own promise (TF_DETERMINISTIC_OPS), which no test here can hold it to.
 */
import assert from 'node:assert/strict';
import { onEachEngine } from './engines';
import { dropping, trainHybrid } from '../../search/hybridSteps';
import { runPlan } from '../../search/runHarness';

describe('the same steps twice', () => {
  onEachEngine('sameBits', () => {
    it('leave the same losses, weights, moments and α, to the bit', async () => {
      const plan = runPlan({ hybrid: { components: dropping, blocks: 2 } });
      const [once, twice] = [await trainHybrid(plan, 3), await trainHybrid(plan, 3)];
      assert.ok(once.losses.every(Number.isFinite));
      assert.deepEqual(twice, once);
    });
  });
});
