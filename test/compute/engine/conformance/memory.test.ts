/** Memory from step to step: a search takes thousands, so nothing may be left behind by one. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { dropping, trainHybrid } from '../../search/hybridSteps';
import { runPlan } from '../../search/runHarness';
import { onEachEngine } from './engines';

const STEPS = 200;
/** A software device, or composites, can take a second a step: as many as this holds then, and these at least. */
const LEAST_STEPS = 40;
const MILLISECONDS = 20_000;
/** Until then an engine may still make what it keeps: moments, buffers for reuse, compiled programs. */
const SETTLED = 5;

describe('two hundred training steps', () => {
  onEachEngine('trained', (engine) => {
    for (const checkpointing of [false, true]) {
      const way = checkpointing ? 'checkpointed' : 'plain';
      it(`take no more tensors and bytes than the first few, ${way}`, async () => {
        const plan = runPlan({
          search: { learningRate: 0.01 },
          hybrid: { components: dropping.slice(1), blocks: 2, checkpointing },
        });
        const end = performance.now() + MILLISECONDS;
        const atStart = [tf.memory().numTensors, engine().memoryBytes()];
        const figures: { tensors: number; buffers: number; bytes: number; peak: number }[] = [];
        const { losses } = await trainHybrid(plan, STEPS, (step) => {
          const { numTensors: tensors, numDataBuffers: buffers } = tf.memory();
          const [bytes, peak] = [engine().memoryBytes(), engine().peakBytes()];
          figures.push({ tensors, buffers, bytes, peak });
          engine().resetPeak();
          return step < LEAST_STEPS || performance.now() < end;
        });
        const settled = figures[SETTLED]!;
        for (const [i, figure] of figures.entries()) {
          if (i > SETTLED) assert.deepEqual(figure, settled, `step ${i + 1}`);
        }
        assert.ok(settled.peak > settled.bytes, 'a step takes memory of its own');
        assert.deepEqual([tf.memory().numTensors, engine().memoryBytes()], atStart);
        const mean = (some: readonly number[]) => some.reduce((sum, x) => sum + x, 0) / some.length;
        const [before, after] = [mean(losses.slice(0, 10)), mean(losses.slice(-10))];
        assert.ok(after < before - 0.1, `it learns: ${before} → ${after}`);
      });
    }
  });
});
