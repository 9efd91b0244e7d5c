import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import { EngineError } from '../../../server/compute/engine/errors';
import { onWasm, ran, stepsOf } from './runChecks';
import { buildTiny, runPlan, type RunHooks, type RunSettings } from './runHarness';

describe('a run that fails', () => {
  onWasm();

  describe('failures', () => {
    const failure = async (settings: RunSettings, hooks: RunHooks) => {
      const { numTensors } = tf.memory();
      const { outcome, events, bench } = await ran(settings, hooks);
      assert.ok(outcome !== 'cut' && outcome.status === 'failed');
      const last = events.at(-1);
      assert.ok(last?.type === 'failed');
      assert.equal(last.code, outcome.failure.code);
      assert.ok(last.hint.length > 10);
      assert.equal(tf.memory().numTensors, numTensors, 'tensors are freed');
      return { code: last.code, message: last.message, bench };
    };

    it('a loss that is no number ends the run; the last checkpoint resumes', async () => {
      const settings: RunSettings = {};
      const plan = runPlan(settings);
      let broken = true;
      const { code, bench } = await failure(settings, {
        buildModel: async (live, seed) => {
          const model = await buildTiny(plan, live, seed);
          let losses = 0;
          return {
            ...model,
            lossSum: (batch, rows, context) => {
              const loss = model.lossSum(batch, rows, context);
              return broken && ++losses === 4 ? tf.mul(loss, NaN) : loss;
            },
          };
        },
      });
      assert.equal(code, 'loss-not-finite');
      broken = false;
      assert.deepEqual(await bench.run({}, true), { status: 'done' });
    });

    it('a learning rate beyond all reason ends as loss or gradient not finite', async () => {
      const { code } = await failure(
        { search: { learningRate: 1e38, warmup: 0, weightDecay: 0, steps: 20 } },
        {},
      );
      assert.match(code, /^(loss|gradient)-not-finite$/);
    });

    it('a full disk ends the run with the last checkpoint whole', async () => {
      const { code, bench } = await failure(
        {},
        {
          onCheckpoint: (tick) => {
            if (tick === 4) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
          },
        },
      );
      assert.equal(code, 'disk-full');
      assert.deepEqual(await bench.run({}, true), { status: 'done' });
      const steps = stepsOf(await bench.events(), 'search').map(({ step }) => step);
      assert.deepEqual(steps, [1, 2, 3, 4, 5, 6]);
    });

    it('no memory left keeps the engine’s own words', async () => {
      const { code, message } = await failure(
        {},
        {
          buildModel: () =>
            Promise.reject(
              new EngineError('out-of-memory', 'wasm: no room', 'Take a smaller batch.'),
            ),
        },
      );
      assert.equal(code, 'out-of-memory');
      assert.equal(message, 'wasm: no room');
    });

    it('too little text is said before the first step', async () => {
      const tiny = Int32Array.from([1, 2, 3]);
      const { code } = await failure(
        {},
        {
          data: {
            train: tiny,
            searchTrain: tiny,
            heldOut: undefined,
            validation: tiny,
            test: undefined,
          },
        },
      );
      assert.equal(code, 'not-enough-text');
    });
  });
});
