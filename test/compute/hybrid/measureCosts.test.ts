/** Costs measured on the engine, by a clock that counts: which parts are timed, and that nothing stays. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { openEngine, type Engine } from '../../../server/compute/engine/engine';
import { measureCosts } from '../../../server/compute/hybrid/measureCosts';
import { buildTiny } from '../search/runHarness';
import { tinyPlan } from './tinyHybrid';

describe('measured costs', () => {
  let engine: Engine;
  before(async () => (engine = await openEngine('wasm', { threads: 1 })));
  after(() => engine.dispose());

  it('are those of each live group, embeddings in the first block, heads where they are mixed', async () => {
    const plan = tinyPlan({
      components: [
        { name: 'neox', family: 'gptNeox', layers: 3, width: 4 },
        { name: 'mamba', family: 'mamba', layers: 3, width: 8 },
      ],
      blocks: 3,
      prune: { 1: [0] },
    });
    const live = plan.blocks.map(({ live: members }) => [members.includes(0), members.includes(1)]);
    const model = await buildTiny(plan, live, 1);
    const before = tf.memory().numTensors;
    // Every look at the clock is a millisecond later: each timed part takes one. The first passes of a process are slow:
    // each of the nine parts is timed behind two rounds of all.
    let clock = 0;
    let looks = 0;
    const now = () => (clock += looks++ < 2 * 2 * 9 ? 100 : 1);
    const table = await measureCosts(model.hybrid, { batch: 2, context: 5 }, now);
    assert.deepEqual(table, [
      [2, 2],
      [0, 1],
      [2, 2],
    ]);
    assert.equal(tf.memory().numTensors, before);
    model.dispose();
  });
});
