/** What the wasm engine computes over values that nobody else holds, and what it leaves alone. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { openEngine, type Engine } from '../../../server/compute/engine/engine';
import { gradients } from '../../../server/compute/engine/gradients';
import { gelu, swiglu } from '../../../server/compute/engine/kernels/activations';
import { mixture } from '../../../server/compute/engine/kernels/blend';
import { crossEntropy } from '../../../server/compute/engine/kernels/crossEntropy';
import { linear } from '../../../server/compute/engine/kernels/linear';
import { layerNorm } from '../../../server/compute/engine/kernels/norms';
import { rotary } from '../../../server/compute/engine/kernels/rotary';
import { randomValues } from './conformance/random';

const [rows, d, V] = [64, 16, 4096];

describe('the wasm engine in place', () => {
  let engine: Engine;
  let variables: tf.Variable[];
  before(async () => {
    engine = await openEngine('wasm', { threads: 2 });
    variables = [[rows, d], [V, d], [d], [d]].map((shape, i) =>
      tf.tidy(() =>
        tf.variable<tf.Rank>(tf.tensor(randomValues(tf.util.sizeFromShape(shape), i + 1), shape)),
      ),
    );
  });
  after(() => {
    tf.dispose(variables);
    engine.dispose();
  });
  const targets = () =>
    tf.tensor1d(
      Int32Array.from({ length: rows }, (_, i) => (i * 7) % V),
      'int32',
    );
  const logitsOf = (x: tf.Tensor) => linear(x, variables[1]!, undefined, { transposed: true });

  it('never holds a second [rows, V] for the loss and its gradient', () => {
    const logitBytes = 4 * rows * V;
    const before = engine.memoryBytes();
    engine.resetPeak();
    const { value, grads } = gradients(
      () => crossEntropy(logitsOf(variables[0]!), targets(), { ignore: -100 }).loss,
      variables.slice(0, 2),
    );
    const peak = engine.peakBytes() - before;
    // The logits, and at their end the gradient of the table.
    assert.ok(peak < logitBytes + 4 * V * d + 200_000, `${peak} of ${logitBytes}`);
    tf.dispose([value, ...grads.map((grad) => grad!)]);
    assert.equal(engine.memoryBytes(), before);
  });

  it('leaves alone what is held elsewhere: each gradient the same whether or not its inputs are', async () => {
    const [x, , gain, bias] = variables as [tf.Variable, tf.Variable, tf.Variable, tf.Variable];
    const held: tf.Tensor[] = [];
    const turns = { dims: 6, base: 10000, offset: 0 };
    const lossOf = (hold: boolean) => () => {
      const keep = (t: tf.Tensor) => {
        if (hold) held.push(tf.keep(tf.clone(t)));
        return t;
      };
      const a = keep(layerNorm(x, gain, bias, 1e-5));
      const b = keep(gelu(keep(tf.mul(a, 2)), 'erf'));
      const c = keep(swiglu(keep(tf.add(a, b)), keep(tf.sub(a, b))));
      const weight = keep(tf.mean(bias));
      const mixed = keep(
        mixture(
          [{ x: c, weight, gate: { skip: weight, projected: keep(tf.neg(b)) } }, { x: a }],
          d,
        ),
      );
      const queries = keep(tf.mul(tf.reshape(a, [4, rows / 4, d]), 3));
      const turned = keep(rotary(queries, { layout: 'blocks', heads: 2, headDim: 8, ...turns }));
      const { loss } = crossEntropy(keep(logitsOf(mixed)), targets(), { ignore: -100 });
      return tf.add<tf.Scalar>(loss, tf.sum(keep(tf.mul(turned, tf.sin(turned)))));
    };
    const valuesOf = async (hold: boolean) => {
      const { value, grads } = gradients(lossOf(hold), variables);
      const values = await Promise.all([value, ...grads.map((grad) => grad!)].map((t) => t.data()));
      tf.dispose([value, ...grads.map((grad) => grad!)]);
      return values.map((numbers) => Array.from(numbers));
    };
    const inPlace = await valuesOf(false);
    const apart = await valuesOf(true);
    assert.deepEqual(inPlace, apart);
    // What was held is what a forward pass alone computes.
    const after = [...held];
    held.length = 0;
    tf.dispose(tf.tidy(() => lossOf(true)()));
    for (const [i, expected] of held.entries()) {
      assert.deepEqual(await after[i]!.data(), await expected.data(), `held ${i}`);
    }
    tf.dispose([...after, ...held]);
  });
});
