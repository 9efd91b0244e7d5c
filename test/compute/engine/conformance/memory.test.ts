/** Memory from step to step: a search takes thousands, so nothing may be left behind by one. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { dropping, trainHybrid } from '../../search/hybridSteps';
import { runPlan } from '../../search/runHarness';
import { onEachEngine } from './engines';

const STEPS = 200;
/** Until then an engine may still make what it keeps: moments, buffers for reuse, compiled programs. */
const SETTLED = 5;

describe('two hundred training steps', () => {
  onEachEngine('trained', (engine) => {
    for (const checkpointing of [false, true]) {
      const way = checkpointing ? 'checkpointed' : 'plain';
      it(`take no more tensors and bytes than the first few, ${way}`, async function () {
        this.timeout(180_000);
        const plan = runPlan({
          search: { learningRate: 0.01 },
          hybrid: { components: dropping.slice(1), blocks: 2, checkpointing },
        });
        const atStart = [tf.memory().numTensors, engine().memoryBytes()];
        const figures: { tensors: number; buffers: number; bytes: number; peak: number }[] = [];
        const { losses } = await trainHybrid(plan, STEPS, () => {
          const { numTensors: tensors, numDataBuffers: buffers } = tf.memory();
          const [bytes, peak] = [engine().memoryBytes(), engine().peakBytes()];
          figures.push({ tensors, buffers, bytes, peak });
          engine().resetPeak();
        });
        const settled = figures[SETTLED]!;
        for (const [i, figure] of figures.entries()) {
          if (i > SETTLED) assert.deepEqual(figure, settled, `step ${i + 1}`);
        }
        assert.ok(settled.peak > settled.bytes, 'a step takes memory of its own');
        assert.deepEqual([tf.memory().numTensors, engine().memoryBytes()], atStart);
        assert.ok(
          losses.at(-1)! < losses[0]! - 0.5,
          `it learns: ${losses[0]!} → ${losses.at(-1)!}`,
        );
      });
    }
  });
});
