/** What an engine owes at the edges: limits of exp, empty inputs, the same masks, gradients that tfjs itself gets wrong. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { gradients } from '../../../../server/compute/engine/gradients';
import { silu, softplus } from '../../../../server/compute/engine/kernels/activations';
import { attention } from '../../../../server/compute/engine/kernels/attention';
import { blend } from '../../../../server/compute/engine/kernels/blend';
import { causalConv } from '../../../../server/compute/engine/kernels/causalConv';
import { countCorrect, crossEntropy } from '../../../../server/compute/engine/kernels/crossEntropy';
import { dropout, dropoutMask } from '../../../../server/compute/engine/kernels/dropout';
import { embedding } from '../../../../server/compute/engine/kernels/embedding';
import { linear } from '../../../../server/compute/engine/kernels/linear';
import { layerNorm } from '../../../../server/compute/engine/kernels/norms';
import { rotary } from '../../../../server/compute/engine/kernels/rotary';
import { selectiveScan } from '../../../../server/compute/engine/kernels/selectiveScan';
import { assertClose } from './compare';
import { onEachEngine } from './engines';
import { valuesIn, valuesOf } from './evaluate';
import { randomTensor as random, randomVariable } from './random';

const numbers = async (f: () => tf.Tensor) => Array.from(await valuesIn(f));

describe('an engine at the edges', () => {
  onEachEngine('all', () => {
    it('takes exp to infinity and to zero', async () => {
      const x = [Infinity, 100, 0, -200, -Infinity];
      assert.deepEqual(await numbers(() => tf.exp(x)), [Infinity, Infinity, 1, 0, 0]);
      const masked = [-Infinity, 0, -Infinity];
      assert.deepEqual(await numbers(() => tf.softmax(tf.tensor1d(masked))), [0, 1, 0]);
      assert.deepEqual(await numbers(() => softplus(tf.tensor1d([200, -200]))), [200, 0]);
      const quotients = await numbers(() =>
        tf.div(tf.tensor1d([1, -1, 0]), tf.tensor1d([0, 0, 0])),
      );
      assert.deepEqual(quotients.map(String), ['Infinity', '-Infinity', 'NaN']);
    });

    it('gives empty results for empty inputs', async () => {
      const turning = { heads: 2, headDim: 4, dims: 4, base: 10, offset: 0 };
      const [none, states] = [
        [2, 0, 5],
        [2, 0, 3],
      ];
      const shapes = tf.tidy(() =>
        [
          linear(random([2, 0, 7]), random([5, 7]), random([5]), { transposed: true }),
          embedding(random([5, 7]), tf.zeros([2, 0], 'int32')),
          layerNorm(random([0, 7]), random([7]), random([7]), 1e-5),
          silu(random([0])),
          rotary(random([2, 0, 24]), { layout: 'blocks', ...turning }),
          attention({ qkv: random([2, 0, 24]), layout: 'blocks' }, { heads: 2, scale: 1 }),
          causalConv(random(none), random([5, 1, 4]), undefined, { silu: true }),
          selectiveScan({
            ...{ u: random(none), delta: random(none), A: random([5, 3]) },
            ...{ B: random(states), C: random(states), D: random([5]) },
          }),
          dropout(random([0, 3]), { rate: 0.5, key: 1 }),
          blend(random(none), random(states), tf.scalar(0.5), 9),
        ].map((t) => t.shape.join()),
      );
      assert.deepEqual(shapes, [
        ...['2,0,5', '2,0,7', '0,7', '0', '2,0,24', '2,0,8', '2,0,5', '2,0,5', '0,3', '2,0,9'],
      ]);
      const loss = () =>
        crossEntropy(random([0, 7]), tf.tensor1d([], 'int32'), { ignore: -100 }).loss;
      assert.deepEqual(await numbers(loss), [0]);
    });

    it('multiplies a matrix by a batch, and a batch of one or none', async () => {
      const product = (a: number[], b: number[]) => {
        const shape = tf.tidy(() => tf.matMul(random(a), random(b, 2)).shape);
        return valuesIn(() => tf.matMul(random(a), random(b, 2))).then((values) => ({
          ...{ shape, values },
        }));
      };
      const plain = await product([7, 3], [3, 5]);
      const one = await product([7, 3], [1, 3, 5]);
      assert.deepEqual(one.shape, [1, 7, 5]);
      assertClose(one.values, plain.values, 'a batch of one');
      const many = await product([7, 3], [2, 3, 5]);
      assert.deepEqual(many.shape, [2, 7, 5]);
      assertClose(many.values.slice(0, 35), plain.values, 'the first of two');
      assert.deepEqual((await product([0, 7, 3], [1, 3, 5])).shape, [0, 7, 5]);
    });

    it('drops the same entries as every other', async () => {
      const options = { rate: 0.4, key: -123456789 };
      const kept = await valuesIn(() => dropout(tf.ones([1003]), options));
      assert.deepEqual(Array.from(kept), Array.from(dropoutMask(1003, options)));
    });

    it('counts the right rows: scored ones alone, the first of equal logits', async () => {
      const logits = tf.tensor2d([
        [0, 1],
        [2, 1],
        [5, 5],
        [5, 5],
        [0, 9],
      ]);
      const targets = tf.tensor1d([1, 1, 0, 1, -100], 'int32');
      assert.deepEqual(await numbers(() => countCorrect(logits, targets, { ignore: -100 })), [2]);
      tf.dispose([logits, targets]);
    });

    it('differentiates what tfjs itself gets wrong: one part, and running sums', async () => {
      const weights = await valuesIn(() => random([1, 3], 9));
      const gradient = (f: (t: tf.Tensor) => tf.Tensor) =>
        valuesIn(() =>
          tf.grad((t: tf.Tensor) => tf.sum(tf.mul(f(t), random([1, 3], 9))))(random([1, 3], 8)),
        );
      assertClose(await gradient((t) => tf.unstack(t)[0]!), weights, 'unstack');
      assertClose(await gradient((t) => tf.split(t, 1, 1)[0]!), weights, 'split');
      const running = await numbers(() => {
        const rows = tf.tensor2d([[1], [2], [4]]);
        return tf.grad((t: tf.Tensor) => tf.sum(tf.mul(tf.cumsum(t, 0), rows)))(random([3, 1]));
      });
      assert.deepEqual(running, [7, 6, 4]);
    });

    it('leaves no tape behind when the function throws', async () => {
      const x = randomVariable([3]);
      const before = tf.memory().numTensors;
      const failing = () => {
        tf.square(tf.mul(x, 2));
        throw new Error('stop');
      };
      assert.throws(() => gradients(failing, [x]), /stop/);
      assert.equal(tf.memory().numTensors, before);
      const { value, grads } = gradients(() => tf.sum(tf.square(x)), [x]);
      const twice = await valuesIn(() => tf.mul(x, 2));
      const [, gradient] = await valuesOf([value, grads[0]!]);
      assertClose(gradient!, twice, 'gradient');
      x.dispose();
    });
  });
});
