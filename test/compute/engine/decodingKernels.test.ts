/** Kernels of decoding alone, which have no gradient, beside the whole sequence that they take in pieces. */
import * as tf from '@tensorflow/tfjs-core';
import {
  attention,
  attentionAppend,
  canAppend,
} from '../../../server/compute/engine/kernels/attention';
import { causalConv, causalConvStep } from '../../../server/compute/engine/kernels/causalConv';
import { linear } from '../../../server/compute/engine/kernels/linear';
import { assertClose } from './conformance/compare';
import { onEachEngine } from './conformance/engines';
import { valuesOf } from './conformance/evaluate';
import { randomValues } from './conformance/random';

const random = (shape: number[], seed: number) =>
  tf.tensor(randomValues(tf.util.sizeFromShape(shape), seed), shape);

/** Each pair is the same in value. */
async function assertPairs(pairs: () => [tf.Tensor, tf.Tensor][]): Promise<void> {
  const values = await valuesOf(tf.tidy(pairs).flat());
  for (let i = 0; i < values.length; i += 2) {
    assertClose(values[i]!, values[i + 1]!, `pair ${i / 2}`);
  }
}

describe('kernels of decoding', () => {
  onEachEngine('all', () => {
    for (const pieces of [[1, 1, 1, 1, 1, 1, 1], [3, 1, 2, 1], [7]]) {
      it(`a convolution of 7 positions as ${pieces.join(' + ')}`, () =>
        assertPairs(() => {
          const [b, c, k] = [2, 67, 4];
          const x = random([b, 7, c], 1) as tf.Tensor3D;
          const [w, bias] = [random([c, 1, k], 2), random([c], 3)];
          const whole = causalConv(x, w, bias, { silu: true });
          let previous: tf.Tensor = tf.zeros([b, k - 1, c]);
          const pairs: [tf.Tensor, tf.Tensor][] = [];
          let at = 0;
          for (const l of pieces) {
            const own = tf.slice(x, [0, at, 0], [b, l, c]);
            const { y, recent } = causalConvStep(own, w, bias, { silu: true, previous });
            pairs.push([y, tf.slice(whole, [0, at, 0], [b, l, c])]);
            previous = recent;
            at += l;
          }
          return [...pairs, [previous, tf.slice(x, [0, 4, 0], [b, 3, c])]];
        }));
    }

    for (const layout of ['interleaved', 'blocks'] as const) {
      for (const window of [undefined, 3]) {
        it(`attention of 9 positions in pieces, ${layout}, window ${String(window)}`, function () {
          if (!canAppend()) this.skip();
          return assertPairs(() => {
            const [heads, headDim] = [3, 18];
            const d = heads * headDim;
            const qkv = random([1, 9, 3 * d], 1) as tf.Tensor3D;
            const options = { heads, scale: 0.4, window };
            const whole = attention({ qkv, layout }, options);
            const cache = tf.zeros<tf.Rank.R3>([1, 12, 3 * d]);
            let length = 0;
            return [4, 1, 1, 3].map((l) => {
              const own = tf.slice(qkv, [0, length, 0], [1, l, 3 * d]);
              const y = attentionAppend(own, cache, length, layout, options);
              const expected = tf.slice(whole, [0, length, 0], [1, l, d]);
              length += l;
              return [y, expected];
            });
          });
        });
      }
    }

    for (const transposed of [true, false]) {
      it(`a row times a matrix as many rows do, transposed=${transposed}`, () =>
        assertPairs(() => {
          const [k, n] = [301, 85];
          const [x, bias] = [random([2, k], 1), random([n], 2)];
          const w = random(transposed ? [n, k] : [k, n], 3);
          const both = linear(x, w, bias, { transposed });
          const one = linear(tf.slice(x, [1, 0], [1, k]), w, bias, { transposed });
          return [[one, tf.slice(both, [1, 0], [1, n])]];
        }));
    }
  });
});
