/** Outputs that the tape computes again rather than keeps: the same gradients to the bit, in less memory, and nothing left behind. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { gradients } from '../../../../server/compute/engine/gradients';
import {
  gelu,
  silu,
  softplus,
  swiglu,
} from '../../../../server/compute/engine/kernels/activations';
import { mixture } from '../../../../server/compute/engine/kernels/blend';
import { linear } from '../../../../server/compute/engine/kernels/linear';
import { layerNorm, rmsNorm } from '../../../../server/compute/engine/kernels/norms';
import { addResidual } from '../../../../server/compute/engine/kernels/residual';
import { checkpoint } from '../../../../server/compute/engine/tape';
import { onEachEngine } from './engines';
import { valuesOf } from './evaluate';
import { randomValues } from './random';

const [rows, d] = [48, 32];

/** Told of each output that may be made again, or written over. */
type Seen = (output: tf.Tensor) => tf.Tensor;
const remade: Seen = (output) => output;
/** A clone is one that the tape doesn't know, and keeps. */
const kept: Seen = (output) => tf.clone(output);

interface Weights {
  readonly x: tf.Variable;
  readonly w: tf.Variable;
  readonly wide: tf.Variable;
  readonly narrow: tf.Variable;
  readonly gain: tf.Variable;
  readonly bias: tf.Variable;
  readonly share: tf.Variable;
}

const shapes: Readonly<Record<keyof Weights, number[]>> = {
  ...{ x: [rows, d], w: [d, d], wide: [16 * d, d], narrow: [d, 16 * d] },
  ...{ gain: [d], bias: [d], share: [] },
};

const map = (x: tf.Tensor, w: tf.Tensor) => linear(x, w, undefined, { transposed: true });

/** Of two tensors of a pool. */
const operations: Readonly<
  Record<string, (weights: Weights, seen: Seen, a: tf.Tensor, b: tf.Tensor) => tf.Tensor>
> = {
  layerNorm: ({ gain, bias }, seen, a) => seen(layerNorm(a, gain, bias, 1e-5)),
  rmsNorm: ({ gain }, seen, a) => seen(rmsNorm(a, gain, 1e-5)),
  gelu: (_weights, seen, a) => seen(gelu(a, 'erf')),
  silu: (_weights, seen, a) => seen(silu(a)),
  softplus: (_weights, seen, a) => seen(softplus(a)),
  swiglu: (_weights, seen, a, b) => seen(swiglu(a, b)),
  linear: ({ w }, _seen, a) => map(a, w),
  sum: (_weights, _seen, a, b) => addResidual(a, b),
  product: (_weights, _seen, a, b) => tf.mul(a, b),
  mixture: ({ share }, seen, a, b) => {
    const weight = seen(tf.mul(share, 2));
    return mixture(
      [
        { x: a, weight, gate: { skip: weight, projected: b } },
        { x: b, weight, gate: { skip: weight, projected: a } },
      ],
      d,
    );
  },
  checkpoint: ({ w, gain }, seen, a) =>
    checkpoint((x) => map(seen(rmsNorm(seen(silu(x)), gain, 1e-5)), w), a),
  checkpointed: (_weights, seen, a) => seen(checkpoint((x) => silu(x), a)),
};

/** Each step's operation and its two tensors, counted back from the newest one; sums of the last ones are the loss. */
type Program = readonly (readonly [operation: string, a: number, b: number])[];

function run(program: Program, weights: Weights, seen: Seen): tf.Scalar {
  const pool: tf.Tensor[] = [weights.x];
  for (const [operation, a, b] of program) {
    // What a layer makes is gone when the gradients are asked for.
    const at = (back: number) => pool[Math.max(0, pool.length - 1 - back)]!;
    pool.push(tf.tidy(() => operations[operation]!(weights, seen, at(a), at(b))));
  }
  return tf.sum<tf.Scalar>(tf.sin(addResidual(pool.at(-1)!, pool.at(-2) ?? pool.at(-1)!)));
}

describe('outputs made again', () => {
  onEachEngine('compared', (engine, subject) => {
    let weights: Weights;
    beforeEach(() => {
      const drawn = Object.entries(shapes).map(([name, shape], i) => {
        const values = randomValues(tf.util.sizeFromShape(shape), i + 1);
        return [name, tf.tidy(() => tf.variable<tf.Rank>(tf.tensor(values, shape)))] as const;
      });
      weights = Object.fromEntries(drawn) as unknown as Weights;
    });
    afterEach(() => {
      tf.dispose(Object.values(weights) as tf.Variable[]);
    });

    async function valuesAndPeak(
      loss: (seen: Seen) => tf.Scalar,
      seen: Seen,
      wanted: readonly (keyof Weights)[],
    ) {
      const before = engine().memoryBytes();
      engine().resetPeak();
      const variables = wanted.map((name) => weights[name]);
      const { value, grads } = gradients(() => loss(seen), variables);
      const peak = engine().peakBytes() - before;
      const there = grads.map((grad) => grad !== undefined);
      const values = await valuesOf([value, ...grads.filter((grad) => grad !== undefined)]);
      return { peak, there, values: values.map((numbers) => Array.from(numbers)) };
    }

    /** The same as where everything is kept and held elsewhere too, so that no gradient is written over it. */
    async function holds(
      loss: (seen: Seen) => tf.Scalar,
      wanted: readonly (keyof Weights)[] = ['x', 'w', 'wide', 'narrow', 'gain', 'bias', 'share'],
    ) {
      const tensors = tf.memory().numTensors;
      const made = await valuesAndPeak(loss, remade, wanted);
      assert.equal(tf.memory().numTensors, tensors);
      const held: tf.Tensor[] = [];
      const hold: Seen = (output) => {
        held.push(tf.keep(tf.clone(output)));
        return kept(output);
      };
      const apart = await valuesAndPeak(loss, hold, wanted);
      tf.dispose(held);
      assert.deepEqual(made.there, apart.there);
      assert.deepEqual(made.values, apart.values);
    }

    const inner = (seen: Seen) => {
      const { x, wide, narrow, gain } = weights;
      const u = seen(rmsNorm(x, gain, 1e-5));
      return tf.tidy(() => map(seen(gelu(map(u, wide), 'erf')), narrow));
    };

    it('a feed-forward layer, in less memory', async () => {
      const loss = (seen: Seen) => tf.sum<tf.Scalar>(tf.sin(inner(seen)));
      await holds(loss);
      if (subject.name !== 'wasm') return;
      const [made, held] = [
        await valuesAndPeak(loss, remade, ['wide', 'narrow']),
        await valuesAndPeak(loss, kept, ['wide', 'narrow']),
      ];
      const bytes = 4 * rows * 16 * d;
      assert.ok(made.peak < held.peak - 0.9 * bytes, `${made.peak}, ${held.peak} when kept`);
    });

    it('with gradients of later weights alone, or of none', async () => {
      const loss = (seen: Seen) => tf.sum<tf.Scalar>(tf.sin(inner(seen)));
      await holds(loss, ['narrow']);
      await holds(loss, ['share']);
    });

    it('what stands twice in one kernel is not written over', async () => {
      await holds((seen) => {
        const a = seen(silu(weights.x));
        const weight = seen(tf.mul(weights.share, 2));
        const gate = { skip: weight, projected: seen(softplus(a)) };
        const terms = [
          { x: a, weight, gate },
          { x: a, weight, gate },
        ];
        return tf.sum<tf.Scalar>(tf.sin(swiglu(mixture(terms, d), a)));
      });
    });

    it('an error in either pass leaves nothing behind', () => {
      const tensors = tf.memory().numTensors;
      const bytes = engine().memoryBytes();
      const failing = tf.customGrad((x) => ({
        value: tf.clone(x as tf.Tensor),
        gradFunc: () => {
          throw new Error('backward');
        },
      }));
      const losses = [
        () => {
          map(gelu(inner(remade), 'erf'), weights.w);
          throw new Error('forward');
        },
        () => tf.sum<tf.Scalar>(map(gelu(failing(inner(remade)), 'erf'), weights.w)),
      ];
      for (const [i, loss] of losses.entries()) {
        assert.throws(() => gradients(loss, Object.values(weights) as tf.Variable[]), {
          message: ['forward', 'backward'][i]!,
        });
        assert.equal(tf.memory().numTensors, tensors);
        if (subject.name === 'wasm') assert.equal(engine().memoryBytes(), bytes);
      }
    });

    it('any few operations', () => {
      const back = fc.nat({ max: 3 });
      const step = fc.tuple(fc.constantFrom(...Object.keys(operations)), back, back);
      return fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 1, maxLength: 8 }),
          fc.subarray(['x', 'w', 'gain', 'bias', 'share'] as const, { minLength: 1 }),
          async (program, wanted) => {
            await holds((seen) => run(program, weights, seen), wanted);
          },
        ),
        { seed: 7, numRuns: subject.name === 'wasm' ? 60 : 8 },
      );
    });
  });
});
