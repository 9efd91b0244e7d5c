/** The scan in chunks of chunks, which runs where tensors lie on a GPU; here on the processor. The conformance suite has it too. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { openEngine, type Engine } from '../../../../server/compute/engine/engine';
import { EngineError } from '../../../../server/compute/engine/errors';
import { selectiveScanWithState } from '../../../../server/compute/engine/kernels/selectiveScan';
import { partsOf } from '../../../../server/compute/engine/tensorflow/chunkedScan';
import { openTensorflow } from '../../../../server/compute/engine/tensorflow/openTensorflow';
import { scanInputs } from '../conformance/cases/sequences';
import { assertClose, type Values } from '../conformance/compare';
import { valuesOf } from '../conformance/evaluate';
import { randomValues } from '../conformance/random';

describe('the parts of a sequence that is scanned in chunks', () => {
  it('cover it in order, each position once, and none is longer than allowed', () => {
    for (const l of [0, 1, 2, 7, 33, 127, 256, 257, 511, 1000]) {
      for (const most of [1, 10, 64, 5000]) {
        let at = 0;
        for (const { from, k, m } of partsOf(l, most)) {
          assert.equal(from, at);
          assert.ok(k * m > 0 && k * m <= most, `${k} × ${m} of ${most}`);
          at += k * m;
        }
        assert.equal(at, l);
      }
    }
  });

  it('take about 2√l steps', () => {
    for (const l of [64, 127, 128, 250, 257, 509, 512, 1021, 4096, 8191]) {
      const steps = partsOf(l, l).reduce((sum, { k, m }) => sum + k + m, 0);
      assert.ok(steps <= 2.6 * Math.sqrt(l), `${l}: ${steps}`);
    }
  });
});

const required = (process.env['MANTICORE_ENGINES_REQUIRED'] ?? '').split(',');

describe('the scan in chunks on tensorflow', () => {
  const [b, c, n] = [2, 5, 3];

  /** y and the last state from a state before, and the gradient of Σ y² for each input, where there is any y. */
  function scanned(l: number): Promise<Values[]> {
    const shapes = [[b, l, c], [b, l, c], [c, n], [b, l, n], [b, l, n], [c], [b, c, n]];
    const results = tf.tidy(() => {
      const inputs = shapes.map((shape, i) =>
        tf.tensor(scanInputs(randomValues(tf.util.sizeFromShape(shape), i + 1), i), shape),
      );
      const run = ([u, delta, A, B, C, D, initial]: tf.Tensor[]) =>
        selectiveScanWithState({ u: u!, delta: delta!, A: A!, B: B!, C: C!, D: D!, initial });
      const { y, state } = run(inputs);
      if (l === 0) return [y, state];
      const square = (...given: tf.Tensor[]) => tf.sum(tf.square(run([...given, inputs[6]!]).y));
      return [y, state, ...tf.grads(square)(inputs.slice(0, 6))];
    });
    return valuesOf(results);
  }

  const lengths = [0, 1, 2, 9, 37, 64];
  const expected = new Map<number, Values[]>();
  let engine: Engine | undefined;
  before(async function () {
    await openEngine('cpu');
    for (const l of lengths) expected.set(l, await scanned(l));
    try {
      engine = await openTensorflow({ asOnGpu: true });
    } catch (error) {
      if (!(error instanceof EngineError) || required.includes('tensorflow')) throw error;
      this.skip();
    }
  });
  after(() => engine?.dispose());

  for (const l of lengths) {
    it(`goes on from a state over ${l} positions and gives the last one, as one position at a time`, async () => {
      const before = tf.memory().numTensors;
      const actual = await scanned(l);
      for (const [i, values] of expected.get(l)!.entries()) {
        assertClose(actual[i]!, values, ['y', 'state'][i] ?? `gradient ${i - 2}`);
      }
      assert.deepEqual([tf.memory().numTensors, engine!.memoryBytes()], [before, 0]);
    });
  }
});
