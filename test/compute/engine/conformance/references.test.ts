/**
 * Every engine, and first the composites on `cpu`, which are the oracle of everything else, against the equations written
 * out in float64, and gradients against central differences of those.
 */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { gelu, softplus } from '../../../../server/compute/engine/kernels/activations';
import { attention } from '../../../../server/compute/engine/kernels/attention';
import { crossEntropy } from '../../../../server/compute/engine/kernels/crossEntropy';
import { dropoutMask, hash32 } from '../../../../server/compute/engine/kernels/dropout';
import { layerNorm } from '../../../../server/compute/engine/kernels/norms';
import { rotary } from '../../../../server/compute/engine/kernels/rotary';
import {
  selectiveScan,
  selectiveScanWithState,
} from '../../../../server/compute/engine/kernels/selectiveScan';
import { attentionLoop } from './attentionLoop';
import { assertClose } from './compare';
import { onEachEngine } from './engines';
import { valuesOf } from './evaluate';
import { crossEntropyLoop, scanLoop } from './loops';
import { randomTensor, randomValues } from './random';

type Reference = (...inputs: Float64Array[]) => Float64Array;

/** Checks the op and the gradients of Σ op·weights for every input against the reference. */
async function check(
  shapes: readonly number[][],
  op: (...inputs: tf.Tensor[]) => tf.Tensor,
  reference: Reference,
  prepare: (values: Float32Array, input: number) => Float32Array = (values) => values,
): Promise<void> {
  const values = shapes.map((shape, i) =>
    prepare(randomValues(tf.util.sizeFromShape(shape), i + 3), i),
  );
  const wide = values.map((v) => Float64Array.from(v));
  const expected = reference(...wide);
  const weights = randomValues(expected.length, 99);
  const results = tf.tidy(() => {
    const inputs = shapes.map((shape, i) => tf.tensor(values[i]!, shape));
    const y = op(...inputs);
    const total = (...xs: tf.Tensor[]) => tf.sum(tf.mul(op(...xs), tf.tensor(weights, y.shape)));
    return [y, ...tf.grads(total)(inputs)];
  });
  const [y, ...grads] = await valuesOf(results);
  assertClose(y!, expected, 'y', 1e-5);
  const total = () => reference(...wide).reduce((sum, x, i) => sum + x * weights[i]!, 0);
  grads.forEach((actual, k) => {
    const step = Math.max(1, Math.floor(actual.length / 7));
    for (let i = 0; i < actual.length; i += step) {
      const original = wide[k]![i]!;
      wide[k]![i] = original + 1e-5;
      const above = total();
      wide[k]![i] = original - 1e-5;
      const slope = (above - total()) / 2e-5;
      wide[k]![i] = original;
      const allowed = 1e-4 * Math.max(1, Math.abs(slope));
      const what = `input ${k}[${i}]: ${actual[i]!}, not ${slope}`;
      assert.ok(Math.abs(actual[i]! - slope) < allowed, what);
    }
  });
}

describe('kernels against the equations', () => {
  onEachEngine('all', () => {
    it('scans as the recurrence says', async () => {
      const [b, l, c, n] = [2, 5, 3, 4];
      const shapes = [[b, l, c], [b, l, c], [c, n], [b, l, n], [b, l, n], [c]];
      await check(
        shapes,
        (u, delta, A, B, C, D) => selectiveScan({ u, delta, A, B, C, D }),
        (...inputs) => scanLoop(inputs, new Float64Array(b * l * c), { b, l, c, n })[0],
        (values, i) =>
          i === 1
            ? values.map((x) => Math.abs(x) / 2)
            : i === 2
              ? values.map((x) => -Math.abs(x))
              : values,
      );
    });

    it('attends to the keys that a window and an offset leave', async () => {
      const [lq, lk, headDim] = [4, 9, 3];
      const one = { batch: 1, heads: 1, lq, lk, headDim };
      const shapes = [lq, lk, lk].map((l) => [1, l, headDim]);
      for (const window of [1, 3, 100]) {
        for (const dropout of [undefined, { rate: 0.25, key: 21 }]) {
          const options = { scale: 0.7, window, dropout };
          await check(
            shapes,
            (q, k, v) => attention({ q, k, v }, { heads: 1, offset: lk - lq, ...options }),
            (q, k, v) =>
              attentionLoop({ q: q, k: k, v: v }, new Float64Array(q.length), one, options).y,
          );
        }
      }
    });

    it('turns entry i with entry i + dims/2 by position · base^(−2i/dims)', async () => {
      const [l, dims, headDim] = [5, 4, 6];
      await check(
        [[1, l, headDim]],
        (x) => rotary(x, { layout: 'blocks', heads: 1, headDim, dims, base: 100, offset: 3 }),
        (x) => {
          const y = Float64Array.from(x);
          for (let t = 0; t < l; t++) {
            for (let i = 0; i < dims / 2; i++) {
              const angle = (t + 3) * 100 ** ((-2 * i) / dims);
              const [p, q] = [t * headDim + i, t * headDim + i + dims / 2];
              y[p] = x[p]! * Math.cos(angle) - x[q]! * Math.sin(angle);
              y[q] = x[q]! * Math.cos(angle) + x[p]! * Math.sin(angle);
            }
          }
          return y;
        },
      );
    });

    it('scores rows whose target is not ignored', async () => {
      const [rows, width] = [5, 7];
      const targets = [3, -100, 0, 6, -100];
      await check(
        [[rows, width]],
        (x) => crossEntropy(x, tf.tensor1d(targets, 'int32'), { ignore: -100 }).loss,
        (x) => crossEntropyLoop(x, targets, width, -100)[0],
      );
    });

    it('normalises, activates', async () => {
      await check(
        [[3, 5], [5], [5]],
        (x, gain, bias) => layerNorm(x, gain, bias, 1e-3),
        (x, gain, bias) =>
          Float64Array.from(x, (value, i) => {
            const row = x.subarray(Math.floor(i / 5) * 5, Math.floor(i / 5) * 5 + 5);
            const mean = row.reduce((s, z) => s + z, 0) / 5;
            const variance = row.reduce((s, z) => s + (z - mean) ** 2, 0) / 5;
            return ((value - mean) / Math.sqrt(variance + 1e-3)) * gain[i % 5]! + bias[i % 5]!;
          }),
      );
      await check(
        [[9]],
        (x) => gelu(x, 'tanh'),
        (x) =>
          x.map((z) => (z / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3)))),
      );
      await check(
        [[9]],
        (x) => softplus(x),
        (x) => x.map((z) => Math.log1p(Math.exp(z))),
      );
    });

    it('scans one position at a time to the same outputs and state', async () => {
      const differences = tf.tidy(() => {
        const [b, l, c, n] = [2, 6, 3, 4];
        const [u, delta, B, C] = [c, c, n, n].map((w, i) => randomTensor([b, l, w], i)) as [
          ...[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor],
        ];
        const rest = { A: tf.neg(tf.exp(randomTensor([c, n], 9))), D: randomTensor([c], 10) };
        const whole = selectiveScanWithState({ u, delta: tf.abs(delta), B, C, ...rest });
        let state: tf.Tensor = tf.zeros([b, c, n]);
        const steps = Array.from({ length: l }, (_, t) => {
          const at = (x: tf.Tensor) => tf.slice(x, [0, t, 0], [b, 1, x.shape[2]!]); // [b, 1, …]
          const one = { u: at(u), delta: at(tf.abs(delta)), B: at(B), C: at(C), ...rest };
          const result = selectiveScanWithState({ ...one, initial: state });
          state = result.state;
          return tf.sub(result.y, at(whole.y));
        });
        return [tf.concat(steps, 1), tf.sub(state, whole.state)];
      });
      for (const values of await valuesOf(differences)) {
        assertClose(values, new Float32Array(values.length), 'difference', 1e-6);
      }
    });
  });

  it('hashes counters as MurmurHash3 does', () => {
    // Published test vectors of MurmurHash3_x86_32 on four bytes.
    assert.equal(hash32(0, 0), 0x2362f9de);
    assert.equal(hash32(0, 0x87654321 | 0), 0xf55b516b);
    assert.equal(hash32(0x5082edee, 0x87654321 | 0), 0x2362f9de);
    const kept = dropoutMask(100_000, { rate: 0.3, key: 5 }).filter((x) => x > 0).length;
    assert.ok(Math.abs(kept / 100_000 - 0.7) < 0.01);
  });
});
