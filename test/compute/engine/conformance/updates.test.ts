/** What an engine does to variables in place: AdamW, norms, accumulation. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import {
  accumulateAll,
  accumulateInto,
  adamwStep,
  squaredNorm,
} from '../../../../server/compute/engine/update';
import { assertClose } from './compare';
import { onEachEngine } from './engines';
import { valuesOf } from './evaluate';
import { randomValues } from './random';

const variableOf = (values: Float32Array, shape = [values.length]) =>
  tf.tidy((): tf.Variable => tf.variable<tf.Rank>(tf.tensor(values, shape)));

describe('updates in place', () => {
  onEachEngine('all', () => {
    it('are those of torch.optim.AdamW', async () => {
      // torch 2.13, float64: AdamW([1, −2, 3, 0.5], lr 0.1, betas (0.8, 0.95), eps 1e-3, weight_decay 0.05).
      const gradsOfSteps = [
        [0.1, -0.2, 0.3, 0],
        [0.5, 0.5, -0.5, 1e-4],
        [-1, 2, 0.25, 3],
      ];
      const expected = [
        [0.895990099009901, -1.890497512437811, 2.885332225913621, 0.4975],
        [0.8034224563106129, -1.9300679104925085, 2.90564526972423, 0.4898281998867059],
        [0.8325856829736239, -1.9964291445005904, 2.886421398405265, 0.4181975306457555],
      ];
      const value = variableOf(Float32Array.of(1, -2, 3, 0.5));
      const shared = tf.reshape(value, [2, 2]);
      const [m, v] = [variableOf(new Float32Array(4)), variableOf(new Float32Array(4))];
      for (const [i, values] of gradsOfSteps.entries()) {
        const grad = tf.tensor1d(values.map((x) => x * 8));
        adamwStep([{ value, grad, m, v, step: i + 1, decay: 0.05 }], {
          ...{ learningRate: 0.1, beta1: 0.8, beta2: 0.95, epsilon: 1e-3, gradScale: 1 / 8 },
        });
        grad.dispose();
        (await value.data()).forEach((x, j) => {
          assert.ok(Math.abs(x - expected[i]![j]!) < 2e-6, `step ${i + 1} [${j}]: ${x}`);
        });
      }
      const [kept] = await valuesOf([shared, value, m, v]);
      assert.deepEqual(
        Array.from(kept!),
        [1, -2, 3, 0.5],
        'values shared with another tensor stay',
      );
    });

    it('of many parameters at once, of any size, are those of one after the other', async () => {
      const sizes = [1, 7, 130, 0, 40_001];
      const options = { learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-3, gradScale: 0.5 };
      const entries = sizes.map((size, i) => ({
        ...{
          value: variableOf(randomValues(size, i)),
          grad: variableOf(randomValues(size, i + 9)),
        },
        ...{ m: variableOf(new Float32Array(size)), v: variableOf(new Float32Array(size)) },
        ...{ step: 1 + i, decay: 0.1 * i },
      }));
      adamwStep(entries, options);
      for (const [i, { value, grad, m, v }] of entries.entries()) {
        const [found, , first] = await valuesOf([value, grad, m, v]);
        const { learningRate, beta1, beta2, epsilon, gradScale } = options;
        const gradient = randomValues(sizes[i]!, i + 9).map((g) => g * gradScale);
        const expected = randomValues(sizes[i]!, i).map((x, j) => {
          const mean = ((1 - beta1) * gradient[j]!) / (1 - beta1 ** (1 + i));
          const square = ((1 - beta2) * gradient[j]! ** 2) / (1 - beta2 ** (1 + i));
          const change = (learningRate * mean) / (Math.sqrt(square) + epsilon);
          return x * (1 - learningRate * 0.1 * i) - change;
        });
        assertClose(found!, expected, `parameter ${i}`, 2e-6);
        const scaled = gradient.map((g) => (1 - beta1) * g);
        assertClose(first!, scaled, `first moment ${i}`, 2e-6);
      }
    });

    it('sums squares', async () => {
      const values = Float32Array.from({ length: 70_001 }, (_, i) => (i % 2 ? 1e-3 : 1e3));
      const expected = values.reduce((sum, x) => sum + x * x, 0) + 9;
      const tensors = [tf.tensor1d(values), tf.tensor1d([3]), tf.tensor1d([])];
      // A composite sums in float32: some 1e-6 of it where the sum is not cut in halves.
      assert.ok(Math.abs((await squaredNorm(tensors)) / expected - 1) < 1e-5);
      assert.equal(await squaredNorm([]), 0);
      tf.dispose(tensors);
    });

    it('of sums leave alone what someone else holds', async () => {
      const a = tf.tensor1d([1, 2, 3]);
      const other = tf.reshape(a, [3, 1]);
      const sum = accumulateInto(a, tf.tensor1d([10, 20, 30]));
      const alone = accumulateInto(tf.tensor1d([1, 2]), tf.tensor1d([1, 1]));
      const found = await valuesOf([sum, other, alone]);
      assert.deepEqual(
        found.map((values) => Array.from(values)),
        [
          [11, 22, 33],
          [1, 2, 3],
          [2, 3],
        ],
      );
    });

    it('of many sums are those of each', async () => {
      const sizes = [40_001, 3, 0, 1];
      const [held, ...own] = sizes.map((size) => tf.range(0, size));
      const other = tf.reshape(held!, [40_001, 1]);
      const twice = sizes.map((size) => tf.mul(tf.range(0, size), 2));
      const sums = accumulateAll([held!, ...own].map((a, i) => [a, twice[i]!]));
      const found = await valuesOf([...sums, other]);
      for (const [i, values] of found.entries()) {
        const times = i === sizes.length ? 1 : 3;
        assert.ok(values.every((value, at) => value === times * at));
        assert.equal(values.length, sizes[i] ?? 40_001);
      }
    });
  });
});
