import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { openEngine } from '../../../server/compute/engine/engine';
import { gradients } from '../../../server/compute/engine/gradients';
import { silu, softplus } from '../../../server/compute/engine/kernels/activations';
import { attention } from '../../../server/compute/engine/kernels/attention';
import { causalConv } from '../../../server/compute/engine/kernels/causalConv';
import { crossEntropy } from '../../../server/compute/engine/kernels/crossEntropy';
import { embedding } from '../../../server/compute/engine/kernels/embedding';
import { linear } from '../../../server/compute/engine/kernels/linear';
import { layerNorm } from '../../../server/compute/engine/kernels/norms';
import { selectiveScan } from '../../../server/compute/engine/kernels/selectiveScan';
import { squaredNorm } from '../../../server/compute/engine/update';
import { availableTiers } from '../../../server/compute/engine/wasm/tiers';
import { openWasm } from '../../../server/compute/engine/wasm/openWasm';
import { randomValues } from './conformance/random';

/** One step whose products, rows and sequences make many chunks: the loss, the norm and every gradient. */
async function step(): Promise<number[]> {
  const results = tf.tidy(() => {
    const [b, l, d, V, n] = [4, 65, 66, 301, 5];
    const shapes = [[V, d], [d], [d], [3 * d, d], [d, 1, 4], [d, n], [2 * n, d], [d]];
    const variables = shapes.map((shape, i) =>
      tf.variable<tf.Rank>(tf.tensor(randomValues(tf.util.sizeFromShape(shape), i), shape)),
    );
    const [table, gain, bias, qkv, conv, logA, mix, D] = variables as [
      ...[tf.Variable, tf.Variable, tf.Variable, tf.Variable],
      ...[tf.Variable, tf.Variable, tf.Variable, tf.Variable],
    ];
    const places = Int32Array.from({ length: b * l }, (_, i) => (i * 37) % V);
    const ids = tf.tensor2d(places, [b, l], 'int32');
    const targets = tf.tensor1d(
      places.map((id) => (id * 3 + 1) % V),
      'int32',
    );
    const { value, grads } = gradients(() => {
      const x = layerNorm(embedding(table, ids), gain, bias, 1e-5);
      const heads = { heads: 6, scale: 0.3, dropout: { rate: 0.1, key: 3 } };
      const projected = linear(x, qkv, undefined, { transposed: true });
      const attended = attention({ qkv: projected, layout: 'interleaved' }, heads);
      const u = causalConv(attended, conv, bias, { silu: true });
      const [B, C] = tf.split(linear(u, mix, undefined, { transposed: true }), 2, 2) as [
        tf.Tensor,
        tf.Tensor,
      ];
      const y = selectiveScan({ u, delta: softplus(u), A: tf.neg(tf.exp(logA)), B, C, D });
      const logits = linear(tf.mul(y, silu(x)), table, undefined, { transposed: true });
      return crossEntropy(tf.reshape(logits, [b * l, V]), targets, { ignore: -100 }).loss;
    }, variables);
    variables.forEach((variable) => variable.dispose());
    return [value, ...grads.map((grad) => grad!)];
  });
  const norm = await squaredNorm(results.slice(1));
  const numbers = results.flatMap((tensor) => Array.from(tensor.dataSync()));
  tf.dispose(results);
  return [norm, ...numbers];
}

describe('threads of the wasm engine', () => {
  before(() => openEngine('cpu'));
  for (const tier of availableTiers()) {
    it(`give the same bits, however many there are (${tier})`, async () => {
      const results: number[][] = [];
      for (const threads of [1, 2, 3]) {
        const engine = await openWasm({ tier, threads });
        assert.equal(engine.threads, threads);
        // Again and again: workers join in at different moments.
        for (let round = 0; round < 4; round++) results.push(await step());
        engine.dispose();
      }
      assert.ok(results[0]!.every(Number.isFinite));
      results.slice(1).forEach((numbers) => assert.deepEqual(numbers, results[0]));
    });
  }
});
