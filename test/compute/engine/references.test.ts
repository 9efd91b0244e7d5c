/**
 * The composites, which are the oracle of everything else, against the equations written out in float64, and their
 * gradients against central differences of those.
 */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { openEngine } from '../../../server/compute/engine/engine';
import { gelu, softplus } from '../../../server/compute/engine/kernels/activations';
import { attention } from '../../../server/compute/engine/kernels/attention';
import { crossEntropy } from '../../../server/compute/engine/kernels/crossEntropy';
import { dropoutMask, hash32 } from '../../../server/compute/engine/kernels/dropout';
import { layerNorm } from '../../../server/compute/engine/kernels/norms';
import { rotary } from '../../../server/compute/engine/kernels/rotary';
import {
  selectiveScan,
  selectiveScanWithState,
} from '../../../server/compute/engine/kernels/selectiveScan';
import { randomValues } from './conformance/random';

type Reference = (...inputs: Float64Array[]) => Float64Array;

/** Checks Σ op·weights and its gradients for every input against the reference. */
function check(
  shapes: readonly number[][],
  op: (...inputs: tf.Tensor[]) => tf.Tensor,
  reference: Reference,
  prepare: (values: Float32Array, input: number) => Float32Array = (values) => values,
): void {
  tf.tidy(() => {
    const values = shapes.map((shape, i) =>
      prepare(randomValues(tf.util.sizeFromShape(shape), i + 3), i),
    );
    const inputs = shapes.map((shape, i) => tf.tensor(values[i]!, shape));
    const y = op(...inputs);
    const wide = values.map((v) => Float64Array.from(v));
    const expected = reference(...wide);
    y.dataSync().forEach((x, i) => {
      assert.ok(Math.abs(x - expected[i]!) < 1e-5, `y[${i}]: ${x} is not ${expected[i]!}`);
    });
    const weights = randomValues(y.size, 99);
    const total = () => reference(...wide).reduce((sum, x, i) => sum + x * weights[i]!, 0);
    const grads = tf.grads((...xs: tf.Tensor[]) =>
      tf.sum(tf.mul(op(...xs), tf.tensor(weights, y.shape))),
    )(inputs);
    grads.forEach((grad, k) => {
      const actual = grad.dataSync();
      const step = Math.max(1, Math.floor(actual.length / 7));
      for (let i = 0; i < actual.length; i += step) {
        const original = wide[k]![i]!;
        wide[k]![i] = original + 1e-5;
        const above = total();
        wide[k]![i] = original - 1e-5;
        const slope = (above - total()) / 2e-5;
        wide[k]![i] = original;
        const allowed = 1e-4 * Math.max(1, Math.abs(slope));
        assert.ok(
          Math.abs(actual[i]! - slope) < allowed,
          `input ${k}[${i}]: ${actual[i]!}, not ${slope}`,
        );
      }
    });
  });
}

const scanReference =
  (b: number, l: number, c: number, n: number): Reference =>
  (u, delta, A, B, C, D) => {
    const y = new Float64Array(b * l * c);
    for (let q = 0; q < b; q++) {
      for (let j = 0; j < c; j++) {
        const h = new Float64Array(n);
        for (let t = 0; t < l; t++) {
          const at = (q * l + t) * c + j;
          y[at] = D[j]! * u[at]!;
          for (let s = 0; s < n; s++) {
            const state = (q * l + t) * n + s;
            const decay = Math.exp(delta[at]! * A[j * n + s]!);
            h[s] = decay * h[s]! + delta[at]! * B[state]! * u[at]!;
            y[at] += C[state]! * h[s]!;
          }
        }
      }
    }
    return y;
  };

/** One head: q [lq, d], k and v [lk, d]. */
function attentionReference(
  [lq, lk, d]: [number, number, number],
  scale: number,
  window: number,
  factors: ArrayLike<number>,
): Reference {
  return (q, k, v) => {
    const y = new Float64Array(lq * d);
    for (let i = 0; i < lq; i++) {
      const last = lk - lq + i;
      const first = Math.max(0, last - window + 1);
      const weights = Array.from({ length: last - first + 1 }, (_, j) => {
        let dot = 0;
        for (let e = 0; e < d; e++) dot += q[i * d + e]! * k[(first + j) * d + e]!;
        return Math.exp(dot * scale);
      });
      const sum = weights.reduce((total, x) => total + x, 0);
      weights.forEach((weight, j) => {
        const factor = (weight / sum) * factors[i * lk + first + j]!;
        for (let e = 0; e < d; e++) y[i * d + e]! += factor * v[(first + j) * d + e]!;
      });
    }
    return y;
  };
}

describe('the oracle', () => {
  before(() => openEngine('cpu'));

  it('scans as the recurrence says', () => {
    const [b, l, c, n] = [2, 5, 3, 4];
    const shapes = [[b, l, c], [b, l, c], [c, n], [b, l, n], [b, l, n], [c]];
    check(
      shapes,
      (u, delta, A, B, C, D) => selectiveScan({ u: u, delta: delta, A: A, B: B, C: C, D: D }),
      scanReference(b, l, c, n),
      (values, i) =>
        i === 1
          ? values.map((x) => Math.abs(x) / 2)
          : i === 2
            ? values.map((x) => -Math.abs(x))
            : values,
    );
  });

  it('attends to the keys that a window and an offset leave', () => {
    const [lq, lk, d] = [4, 9, 3];
    const dropout = { rate: 0.25, key: 21 };
    const plain = new Float64Array(lq * lk).fill(1);
    for (const window of [1, 3, 100]) {
      for (const factors of [plain, dropoutMask(lq * lk, dropout)]) {
        check(
          [
            [1, lq, d],
            [1, lk, d],
            [1, lk, d],
          ],
          (q, k, v) =>
            attention(
              { q: q, k: k, v: v },
              {
                heads: 1,
                scale: 0.7,
                window,
                offset: lk - lq,
                ...(factors !== plain && { dropout }),
              },
            ),
          attentionReference([lq, lk, d], 0.7, window, factors),
        );
      }
    }
  });

  it('turns entry i with entry i + dims/2 by position · base^(−2i/dims)', () => {
    const [l, dims, headDim] = [5, 4, 6];
    check(
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

  it('scores rows whose target is not ignored', () => {
    const [rows, width] = [5, 7];
    const targets = [3, -100, 0, 6, -100];
    check(
      [[rows, width]],
      (x) => crossEntropy(x, tf.tensor1d(targets, 'int32'), { ignore: -100 }).loss,
      (x) => {
        const losses = targets.map((target, r) => {
          if (target === -100) return 0;
          const row = Array.from(x.subarray(r * width, (r + 1) * width));
          return Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0)) - row[target]!;
        });
        return Float64Array.of(losses.reduce((sum, loss) => sum + loss, 0));
      },
    );
  });

  it('normalises, activates', () => {
    check(
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
    check(
      [[9]],
      (x) => gelu(x, 'tanh'),
      (x) =>
        x.map((z) => (z / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z ** 3)))),
    );
    check(
      [[9]],
      (x) => softplus(x),
      (x) => x.map((z) => Math.log1p(Math.exp(z))),
    );
  });

  it('scans one position at a time to the same outputs and state', () => {
    tf.tidy(() => {
      const [b, l, c, n] = [2, 6, 3, 4];
      const [u, delta, B, C] = [c, c, n, n].map((w, i) =>
        tf.tensor(randomValues(b * l * w, i), [b, l, w]),
      );
      const A = tf.neg(tf.exp(tf.tensor(randomValues(c * n, 9), [c, n])));
      const D = tf.tensor(randomValues(c, 10));
      const rest = { A, D };
      const whole = selectiveScanWithState({ u: u!, delta: tf.abs(delta!), B: B!, C: C!, ...rest });
      let state: tf.Tensor = tf.zeros([b, c, n]);
      for (let t = 0; t < l; t++) {
        const at = (x: tf.Tensor) => tf.slice(x, [0, t, 0], [b, 1, x.shape[2]!]); // [b, 1, …]
        const one = { u: at(u!), delta: at(tf.abs(delta!)), B: at(B!), C: at(C!), ...rest };
        const result = selectiveScanWithState({ ...one, initial: state });
        state = result.state;
        assert.ok(tf.max(tf.abs(tf.sub(result.y, at(whole.y)))).dataSync()[0]! < 1e-6);
      }
      assert.ok(tf.max(tf.abs(tf.sub(state, whole.state))).dataSync()[0]! < 1e-6);
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
