import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { openEngine } from '../../../server/compute/engine/engine';
import { gradients } from '../../../server/compute/engine/gradients';
import { linear } from '../../../server/compute/engine/kernels/linear';
import { attention } from '../../../server/compute/engine/kernels/attention';
import { selectiveScan } from '../../../server/compute/engine/kernels/selectiveScan';
import { causalConv } from '../../../server/compute/engine/kernels/causalConv';
import { crossEntropy } from '../../../server/compute/engine/kernels/crossEntropy';
import { rotary } from '../../../server/compute/engine/kernels/rotary';
import { layerNorm, rmsNorm } from '../../../server/compute/engine/kernels/norms';
import { blend, weightedSum } from '../../../server/compute/engine/kernels/blend';
import { embedding } from '../../../server/compute/engine/kernels/embedding';
import { softplus, gelu } from '../../../server/compute/engine/kernels/activations';

describe('composites on cpu', () => {
  before(() => openEngine('cpu'));
  it('have gradients', () => {
    const n0 = tf.memory().numTensors;
    const V = (s: number[]) => tf.tidy(() => tf.variable(tf.randomNormal(s)));
    const vars = [
      V([11, 12]),
      V([36, 12]),
      V([36]),
      V([12]),
      V([12]),
      V([12, 1, 4]),
      V([12, 5]),
      V([12]),
      V([]),
    ] as tf.Variable[];
    const [table, wqkv, bqkv, g, b, wc, A, D, a] = vars as [
      tf.Variable,
      tf.Variable,
      tf.Variable,
      tf.Variable,
      tf.Variable,
      tf.Variable,
      tf.Variable,
      tf.Variable,
      tf.Variable,
    ];
    const ids = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8, 9, 1], [2, 5], 'int32');
    const targets = tf.tensor1d([1, -100, 3, 4, 5, 6, 7, 8, 9, 1], 'int32');
    const f = () => {
      const x = embedding(table, ids);
      const h = layerNorm(x, g, b, 1e-5);
      const qkv = rotary(linear(h, wqkv, bqkv, { transposed: true }), {
        layout: 'interleaved',
        heads: 3,
        headDim: 4,
        dims: 2,
        base: 1e4,
        offset: 0,
      });
      const y = attention(
        { qkv, layout: 'interleaved' },
        { heads: 3, scale: 0.5, window: 3, dropout: { rate: 0.1, key: 3 } },
      );
      const c = causalConv(rmsNorm(x, g, 1e-5), wc, b, { silu: true });
      const B = tf.slice(h, [0, 0, 0], [2, 5, 5]);
      const s = selectiveScan({ u: c, delta: softplus(c), A: tf.neg(tf.exp(A)), B, C: B, D });
      const z = weightedSum([gelu(s, 'erf'), blend(x, y, a, 12)], [a, tf.sub(1, a)] as tf.Tensor[]);
      return crossEntropy(
        tf.reshape(linear(z, table, undefined, { transposed: true }), [10, 11]),
        targets,
        { ignore: -100 },
      ).loss;
    };
    const own = gradients(f, vars);
    const theirs = tf.variableGrads(f, vars);
    assert.ok(Math.abs(own.value.dataSync()[0]! - theirs.value.dataSync()[0]!) < 1e-4);
    vars.forEach((v, i) => {
      const x = own.grads[i]!.dataSync();
      const y = theirs.grads[v.name]!.dataSync();
      assert.deepEqual(Array.from(x), Array.from(y));
      assert.ok(x.some((e) => e !== 0));
    });
    own.value.dispose();
    theirs.value.dispose();
    own.grads.forEach((t) => t?.dispose());
    tf.dispose(theirs.grads);
    assert.equal(tf.memory().numTensors, n0 + vars.length + 2);
  });
});
