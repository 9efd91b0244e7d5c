/** The chunks of `stateSpaceDual` against the scan that they stand for, A and Δ repeated for a head's channels, by group. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { selectiveScanWithState } from '../../../../server/compute/engine/kernels/selectiveScan';
import { stateSpaceDual } from '../../../../server/compute/engine/kernels/stateSpaceDual';
import { chunkLength } from '../../../../server/models/mamba2';
import { assertClose, type Values } from './compare';
import { onEachEngine } from './engines';
import { valuesOf } from './evaluate';
import { randomValues } from './random';

interface Shape {
  readonly b: number;
  readonly l: number;
  readonly h: number;
  readonly p: number;
  readonly g: number;
  readonly n: number;
  readonly initial?: boolean;
}

const NAMES = ['x', 'delta', 'A', 'B', 'C', 'D', 'initial'] as const;
type Inputs = [tf.Tensor3D, tf.Tensor3D, tf.Tensor, tf.Tensor3D, tf.Tensor3D, tf.Tensor, tf.Tensor];

function inputsOf({ b, l, h, p, g, n, initial }: Shape): Inputs {
  const shapes = [[b, l, h * p], [b, l, h], [h], [b, l, g * n], [b, l, g * n], [h], [b, h, p * n]];
  return shapes.map((shape, i) => {
    const drawn = randomValues(tf.util.sizeFromShape(shape), i + 1);
    const sign = { 1: 0.3, 2: -1 }[i];
    if (i === 6 && !initial) drawn.fill(0);
    return tf.tensor(sign === undefined ? drawn : drawn.map((x) => sign * Math.abs(x)), shape);
  }) as Inputs;
}

/** y and the state after the last position, side by side: [b, l·h·p + h·p·n]. */
const joined = (y: tf.Tensor, state: tf.Tensor, b: number) =>
  tf.concat([tf.reshape(y, [b, -1]), tf.reshape(state, [b, -1])], 1);

function inChunks([x, delta, A, B, C, D, initial]: Inputs, { b, g, ...shape }: Shape): tf.Tensor {
  const given = shape.initial ? { initial } : {};
  const { y, state } = stateSpaceDual({ x, delta, A, B, C, D, groups: g, ...given });
  return joined(y, state, b);
}

function asScan([x, delta, A, B, C, D, initial]: Inputs, shape: Shape): tf.Tensor {
  const { b, l, h, p, g, n } = shape;
  const r = h / g;
  /** [rows, r] → [rows, r·p], each p times: a product, whose gradient every engine has. */
  const spread = (values: tf.Tensor, rows: number) => {
    const each = Float32Array.from({ length: r * r * p }, (_, at) =>
      Math.floor(at / (r * p)) === Math.floor((at % (r * p)) / p) ? 1 : 0,
    );
    return tf.matMul(tf.reshape(values, [rows, r]), tf.tensor2d(each, [r, r * p]));
  };
  const parts = Array.from({ length: g }, (_, group) => {
    const own = (values: tf.Tensor3D, width: number) =>
      tf.slice(values, [0, 0, group * width], [b, l, width]);
    const rates = spread(tf.slice(A, [group * r], [r]), 1); // [1, r·p]
    return selectiveScanWithState({
      u: own(x, r * p),
      delta: tf.reshape(spread(own(delta, r), b * l), [b, l, r * p]),
      A: tf.matMul(rates, tf.ones([1, n]), true, false), // [r·p, n]
      B: own(B, n),
      C: own(C, n),
      D: tf.reshape(spread(tf.slice(D, [group * r], [r]), 1), [r * p]),
      initial: tf.slice(tf.reshape(initial, [b, h * p, n]), [0, group * r * p, 0], [b, r * p, n]),
    });
  });
  const y = tf.concat(
    parts.map((part) => part.y),
    2,
  );
  const state = tf.concat(
    parts.map((part) => part.state),
    1,
  );
  return joined(y, state, b);
}

/** Result, then the gradient of a weighted sum of y by each input that the scan has one for. */
function evaluated(f: (inputs: Inputs, shape: Shape) => tf.Tensor, shape: Shape) {
  const results = tf.tidy(() => {
    const inputs = inputsOf(shape);
    const result = f(inputs, shape);
    const count = shape.l * shape.h * shape.p;
    const weights = tf.tensor(randomValues(shape.b * count, 77), [shape.b, count]);
    const [initial, own] = [inputs[6], inputs.slice(0, 6)];
    const grads = tf.grads((...xs: tf.Tensor[]) => {
      const y = tf.slice(f([...xs, initial] as unknown as Inputs, shape), [0, 0], [shape.b, count]);
      return tf.sum(tf.mul(y, weights));
    })(own);
    return [result, ...grads];
  });
  return valuesOf(results);
}

const shapes: readonly Shape[] = [
  { b: 2, l: 7, h: 4, p: 3, g: 2, n: 5 },
  { b: 1, l: 1, h: 3, p: 2, g: 1, n: 4, initial: true },
  // Three chunks, the last one short, and one that is whole.
  { b: 2, l: 35, h: 3, p: 2, g: 3, n: 3 },
  { b: 1, l: 32, h: 2, p: 5, g: 1, n: 2, initial: true },
  { b: 1, l: 70, h: 2, p: 16, g: 1, n: 64 },
];

describe('a state space of many heads equals its scan', () => {
  onEachEngine('each', () => {
    for (const shape of shapes) {
      it(JSON.stringify(shape), async () => {
        const expected: Values[] = await evaluated(asScan, shape);
        const actual = await evaluated(inChunks, shape);
        actual.forEach((values, i) => {
          assertClose(values, expected[i]!, i === 0 ? 'y and state' : NAMES[i - 1]!, 1e-4);
        });
      });
    }

    it('of nothing is nothing', () => {
      tf.tidy(() => {
        const inputs = inputsOf({ b: 2, l: 0, h: 2, p: 3, g: 1, n: 2 });
        const result = inChunks(inputs, { b: 2, l: 0, h: 2, p: 3, g: 1, n: 2 });
        assert.deepEqual(result.shape, [2, 12]);
      });
    });

    it('says what does not fit', () => {
      tf.tidy(() => {
        const inputs = inputsOf({ b: 1, l: 2, h: 4, p: 3, g: 2, n: 2 });
        const wrong = { b: 1, l: 2, h: 4, p: 3, g: 3, n: 2 };
        assert.throws(() => inChunks(inputs, wrong), /stateSpaceDual: .* do not fit 3 groups/);
      });
    });
  });

  it('in chunks of a length between 16 and 128 that grows with states and heads', () => {
    assert.deepEqual(
      [chunkLength(1, 1), chunkLength(16, 16), chunkLength(128, 64), chunkLength(4096, 4096)],
      [16, 16, 64, 128],
    );
  });
});
