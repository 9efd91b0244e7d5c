/** The weights' AdamW against torch.optim.AdamW (test/reference/search.py). */
import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { openEngine } from '../../../server/compute/engine/engine';
import type { TrainableParameter } from '../../../server/compute/search/model';
import {
  disposeAdamw,
  globalNorm,
  initialAdamw,
  updateWeights,
} from '../../../server/compute/search/optimiser';

interface Golden {
  readonly adamw: {
    readonly weightDecay: number;
    readonly clip: number;
    readonly start: [number[][], number[]];
    readonly steps: readonly {
      readonly gradients: [number[][], number[] | null];
      readonly learningRate: number;
      readonly norm: number;
      readonly values: [number[][], number[]];
    }[];
  };
}

const { adamw } = JSON.parse(
  readFileSync('test/compute/search/golden/search.json', 'utf8'),
) as Golden;

function parameters(): TrainableParameter[] {
  const make = (values: tf.TensorLike) => {
    const initial = tf.tensor(values, undefined, 'float32');
    const variable = tf.variable(initial);
    initial.dispose();
    return variable;
  };
  return [
    { name: 'matrix', variable: make(adamw.start[0]), decay: true },
    { name: 'vector', variable: make(adamw.start[1]), decay: false },
  ];
}

describe('AdamW', () => {
  before(() => openEngine('cpu'));

  it("equals torch's: decay on the matrix alone, clipping, a step without the vector", async () => {
    const both = parameters();
    const state = initialAdamw();
    const divisor = 8;
    for (const step of adamw.steps) {
      // The engine gets sums over scored tokens; the optimiser divides.
      const gradients = both.flatMap((parameter, index) => {
        const given = step.gradients[index];
        if (given == null) return [];
        return [{ parameter, gradient: tf.mul(tf.tensor(given), divisor) }];
      });
      const norm = await globalNorm(gradients, divisor);
      assert.ok(Math.abs(norm - step.norm) < 1e-5 * step.norm);
      updateWeights(state, gradients, divisor, norm, { ...adamw, learningRate: step.learningRate });
      both.forEach(({ variable, name }, index) => {
        const expected = step.values[index]!.flat();
        variable.dataSync().forEach((value, at) => {
          assert.ok(Math.abs(value - expected[at]!) < 2e-6, `${name}[${at}]`);
        });
      });
      for (const { gradient } of gradients) gradient.dispose();
    }
    assert.deepEqual(
      [...state].map(([name, { updates }]) => [name, updates]),
      [
        ['matrix', 5],
        ['vector', 4],
      ],
    );
    disposeAdamw(state);
    tf.dispose(both.map(({ variable }) => variable));
  });

  it('leaves a parameter without a gradient untouched: no decay, no moment, no count', () => {
    const [matrix, vector] = parameters();
    const state = initialAdamw();
    const start = matrix!.variable.arraySync();
    const gradient = tf.ones([4]);
    updateWeights(state, [{ parameter: vector!, gradient }], 1, 2, {
      learningRate: 0.1,
      weightDecay: 0.5,
      clip: 0,
    });
    assert.deepEqual(matrix!.variable.arraySync(), start);
    assert.deepEqual([...state.keys()], ['vector']);
    disposeAdamw(state);
    tf.dispose([gradient, matrix!.variable, vector!.variable]);
  });
});
