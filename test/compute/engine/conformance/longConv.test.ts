/** The long convolution by blocks against its sum written out in float64, with the gradients, on each engine. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { longConv } from '../../../../server/compute/engine/kernels/longConv';
import { blockLength, channelsAtATime } from '../../../../server/models/hyena';
import { assertClose, type Values } from './compare';
import { onEachEngine } from './engines';
import { valuesOf } from './evaluate';
import { randomValues } from './random';

type Shape = readonly [b: number, l: number, c: number, together?: number];

/** y, and the gradients of Σ y·dy by u and h. */
function loop([b, l, c]: Shape, u: Values, h: Values, dy: Values): Float64Array[] {
  const made = [b * l * c, b * l * c, l * c].map((size) => new Float64Array(size));
  const [y, du, dh] = made as [Float64Array, Float64Array, Float64Array];
  for (let q = 0; q < b; q++) {
    for (let t = 0; t < l; t++) {
      for (let s = 0; s <= t; s++) {
        for (let j = 0; j < c; j++) {
          const [now, then, lag] = [(q * l + t) * c + j, (q * l + t - s) * c + j, s * c + j];
          y[now]! += h[lag]! * u[then]!;
          du[then]! += h[lag]! * dy[now]!;
          dh[lag]! += u[then]! * dy[now]!;
        }
      }
    }
  }
  return made;
}

const valuesFor = ([b, l, c]: Shape) =>
  [b * l * c, l * c, b * l * c].map((size, i) => randomValues(size, i + 1)) as [
    ...[Float32Array, Float32Array, Float32Array],
  ];

function evaluated(shape: Shape): Promise<Values[]> {
  const [b, l, c, together] = shape;
  const [u, h, dy] = valuesFor(shape);
  const results = tf.tidy(() => {
    const inputs = [tf.tensor3d(u, [b, l, c]), tf.tensor2d(h, [l, c])];
    const of = (...given: tf.Tensor[]) =>
      longConv(given[0] as tf.Tensor3D, given[1] as tf.Tensor2D, together);
    const weights = tf.tensor3d(dy, [b, l, c]);
    return [of(...inputs), ...tf.grads((...xs) => tf.sum(tf.mul(of(...xs), weights)))(inputs)];
  });
  return valuesOf(results);
}

const shapes: readonly Shape[] = [
  [2, 1, 3],
  // One block; whole blocks; a last one that is short.
  [1, 3, 7],
  [3, 32, 5],
  [2, 131, 9],
  // Some channels at a time.
  [2, 35, 10, 4],
];

describe('the long convolution equals its sum', () => {
  onEachEngine('each', (engine) => {
    for (const shape of shapes) {
      it(`b=${shape[0]} l=${shape[1]} c=${shape[2]}`, async () => {
        const before = [engine().memoryBytes(), tf.memory().numTensors];
        const actual = await evaluated(shape);
        const expected = loop(shape, ...valuesFor(shape));
        ['y', 'du', 'dh'].forEach((what, i) => {
          assertClose(actual[i]!, expected[i]!, what);
        });
        assert.deepEqual([engine().memoryBytes(), tf.memory().numTensors], before, 'freed');
      });
    }

    it('of nothing is nothing, and what does not fit is told', () => {
      tf.tidy(() => {
        const empty = longConv(tf.zeros([2, 0, 3]), tf.zeros([0, 3]));
        assert.deepEqual(empty.shape, [2, 0, 3]);
        assert.throws(
          () => longConv(tf.zeros([1, 4, 3]), tf.zeros([4, 2])),
          /does not fit h \[4, 2\]/,
        );
      });
    });
  });

  it('holds matrices of a bounded size', () => {
    assert.deepEqual([1, 3, 16, 128, 1000, 8192].map(blockLength), [1, 3, 8, 32, 64, 64]);
    assert.equal(channelsAtATime(128, 64), 64);
    assert.ok(channelsAtATime(1024, 128) < 128);
    assert.equal(channelsAtATime(2 ** 20, 64), 1);
  });
});
