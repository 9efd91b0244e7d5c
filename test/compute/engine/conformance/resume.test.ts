/** A run that is cut and resumed ends as one that never was, on every engine that promises the same bits. */
import assert from 'node:assert/strict';
import { bits, Cut, RunBench, runPlan, type RunHooks } from '../../search/runHarness';
import { dropping } from '../../search/hybridSteps';
import { onEachEngine } from './engines';

describe('a run that was cut', () => {
  onEachEngine('sameBits', () => {
    it('goes on from its checkpoint with the same losses and α, to the bit', async () => {
      const plan = runPlan({
        hybrid: { components: dropping, blocks: 2 },
        search: { algorithm: 'dash', steps: 4, checkpointEvery: 2, evalEvery: 2 },
        finetune: { steps: 2, weights: 'keep' },
      });
      const cut: RunHooks = {
        onEvent: (event) => {
          if (event.type === 'step' && event.step === 4) throw new Cut();
        },
      };
      const run = async (hooks: readonly RunHooks[]) => {
        const bench = await RunBench.make(plan);
        try {
          const outcomes = [];
          for (const [i, each] of hooks.entries()) outcomes.push(await bench.run(each, i > 0));
          return { outcomes, events: bits(await bench.events()) };
        } finally {
          await bench.remove();
        }
      };
      const whole = await run([{}]);
      const resumed = await run([cut, {}]);
      assert.deepEqual(whole.outcomes, [{ status: 'done' }]);
      assert.deepEqual(resumed.outcomes, ['cut', { status: 'done' }]);
      assert.deepEqual(resumed.events, whole.events);
    });
  });
});
