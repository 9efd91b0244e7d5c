/** Kernels on sizes and values that nobody chose, 0 and 1 among them, against float64 loops; what fails is shrunk. */
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { attention } from '../../../../server/compute/engine/kernels/attention';
import { mixture } from '../../../../server/compute/engine/kernels/blend';
import { crossEntropy } from '../../../../server/compute/engine/kernels/crossEntropy';
import { linear } from '../../../../server/compute/engine/kernels/linear';
import { selectiveScan } from '../../../../server/compute/engine/kernels/selectiveScan';
import { attentionLoop } from './attentionLoop';
import { assertClose, type Values } from './compare';
import { onEachEngine, type EngineUnderTest } from './engines';
import { valuesOf } from './evaluate';
import { crossEntropyLoop, mixtureLoop, productLoop, scanLoop } from './loops';
import { randomValues } from './random';

const seed = fc.integer({ min: 1, max: 1000 });
const size = (max: number) => fc.integer({ min: 0, max });
const positive = (max: number) => fc.integer({ min: 1, max });

/** A device compiles a program for each new shape, which takes a software one half a second. */
const runsOn = ({ name }: EngineUnderTest) => (name === 'webgpu' ? 8 : 40);

const sizeOf = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);

/** Random values for inputs of these shapes. */
const drawn = (shapes: readonly (readonly number[])[], first: number) =>
  shapes.map((shape, i) => randomValues(sizeOf(shape), first + i));

/** The op's output, then the gradient of Σ output·dy for each input. */
function computed(
  shapes: readonly number[][],
  values: readonly Float32Array[],
  dy: Float32Array,
  op: (...inputs: tf.Tensor[]) => tf.Tensor,
): Promise<Values[]> {
  const results = tf.tidy(() => {
    const inputs = shapes.map((shape, i) => tf.tensor(values[i]!, shape));
    const y = op(...inputs);
    const total = (...xs: tf.Tensor[]) => tf.sum(tf.mul(op(...xs), tf.tensor(dy, y.shape)));
    return [y, ...tf.grads(total)(inputs)];
  });
  return valuesOf(results);
}

function assertSame(actual: readonly Values[], expected: readonly Values[]): void {
  expected.forEach((values, t) => {
    assertClose(actual[t]!, values, t === 0 ? 'y' : `gradient ${t - 1}`);
  });
}

describe('kernels on any size', () => {
  onEachEngine('compared', (_engine, subject) => {
    const holds = <T>(arbitrary: fc.Arbitrary<T>, property: (drawn: T) => Promise<void>) =>
      fc.assert(fc.asyncProperty(arbitrary, property), { seed: 42, numRuns: runsOn(subject) });

    it('matrix products of any shape, batch and turn', () =>
      holds(
        fc.record({
          ...{ batch: size(3), m: size(40), k: size(40), n: size(40), seed },
          ...{ turnA: fc.boolean(), turnB: fc.boolean() },
        }),
        async (shape) => {
          const { batch, m, k, n, turnA, turnB } = shape;
          const shapes = [
            turnA ? [batch, k, m] : [batch, m, k],
            turnB ? [batch, n, k] : [batch, k, n],
          ];
          const [a, b] = drawn(shapes, shape.seed) as [Float32Array, Float32Array];
          const dy = randomValues(batch * m * n, shape.seed + 9);
          const actual = await computed(shapes, [a, b], dy, (x, y) =>
            tf.matMul(x, y, turnA, turnB),
          );
          assertSame(actual, productLoop(a, b, dy, shape));
        },
      ));

    it('linear maps of any shape', () =>
      holds(
        fc.record({ m: size(70), k: size(70), n: size(70), turned: fc.boolean(), seed }),
        async ({ m, k, n, turned, seed: first }) => {
          const shapes = [[m, k], turned ? [n, k] : [k, n], [n]];
          const [x, w, bias] = drawn(shapes, first) as [Float32Array, Float32Array, Float32Array];
          const dy = randomValues(m * n, first + 9);
          const actual = await computed(shapes, [x, w, bias], dy, (x_, w_, b_) =>
            linear(x_, w_, b_, { transposed: turned }),
          );
          const shape = { batch: 1, m, k, n, turnA: false, turnB: turned };
          const [y, dx, dw] = productLoop(x, w, dy, shape);
          const sums = new Float64Array(n);
          dy.forEach((value, i) => (sums[i % n]! += value));
          assertSame(actual, [y.map((value, i) => value + bias[i % n]!), dx!, dw!, sums]);
        },
      ));

    it('scans of any length, channels and states', () =>
      holds(
        fc.record({ b: size(2), l: positive(24), c: positive(20), n: positive(9), seed }),
        async ({ seed: first, ...shape }) => {
          const { b, l, c, n } = shape;
          const shapes = [[b, l, c], [b, l, c], [c, n], [b, l, n], [b, l, n], [c]];
          const values = drawn(shapes, first).map((own, i) =>
            i === 1 ? own.map((x) => Math.abs(x) / 2) : i === 2 ? own.map((x) => -x * x) : own,
          );
          const dy = randomValues(b * l * c, first + 9);
          const actual = await computed(shapes, values, dy, (u, delta, A, B, C, D) =>
            selectiveScan({ u, delta, A, B, C, D }),
          );
          assertSame(actual, scanLoop(values, dy, shape));
        },
      ));

    it('cross-entropy of any rows, some of them ignored', () =>
      holds(
        fc.record({ rows: size(70), width: positive(150), ignored: fc.integer(), seed }),
        async ({ rows, width, ignored, seed: first }) => {
          const logits = randomValues(rows * width, first).map((x) => 4 * x);
          const targets = Array.from({ length: rows }, (_, r) =>
            (ignored >> (r % 32)) & 1 ? -100 : (r * 31 + first) % width,
          );
          const actual = await computed(
            [[rows, width]],
            [logits],
            Float32Array.of(0.7),
            (x) => crossEntropy(x, tf.tensor1d(targets, 'int32'), { ignore: -100 }).loss,
          );
          assertSame(actual, crossEntropyLoop(logits, targets, width, -100, 0.7));
        },
      ));

    it('attention of any heads, window, offset and dropout', () =>
      holds(
        fc.record({
          ...{
            batch: positive(2),
            heads: positive(3),
            lq: positive(60),
            headDim: positive(9),
            seed,
          },
          ...{ offset: size(20), window: size(70), dropping: fc.boolean() },
        }),
        async ({ batch, heads, lq, headDim, offset, window, dropping, seed: first }) => {
          const lk = offset + lq;
          const shapes = [lq, lk, lk].map((l) => [batch, l, heads * headDim]);
          const values = drawn(shapes, first);
          const [q, k, v] = values as [Float32Array, Float32Array, Float32Array];
          const dy = randomValues(q.length, first + 9);
          const options = {
            scale: 1 / Math.sqrt(headDim),
            window: window === 0 ? undefined : window,
            dropout: dropping ? { rate: 0.3, key: first } : undefined,
          };
          const actual = await computed(shapes, values, dy, (x, y, z) =>
            attention({ q: x, k: y, v: z }, { heads, offset, ...options }),
          );
          const shape = { batch, heads, lq, lk, headDim };
          const { y, dq, dk, dv } = attentionLoop({ q, k, v }, dy, shape, options);
          assertSame(actual, [y, dq, dk, dv]);
        },
      ));

    it('mixtures of any widths, with weights and gates or without', () =>
      holds(
        fc.record({
          ...{ rows: positive(40), width: positive(40), seed },
          terms: fc.array(
            fc.record({
              ...{ own: positive(50), theirs: positive(50) },
              ...{ weighted: fc.boolean(), gated: fc.boolean() },
            }),
            { minLength: 1, maxLength: 4 },
          ),
        }),
        async ({ rows, width, terms, seed: first }) => {
          const shapes = terms.flatMap(({ own, theirs, weighted, gated }) => [
            ...[[rows, own], ...(weighted ? [[]] : [])],
            ...(gated ? [[], [rows, theirs]] : []),
          ]);
          const values = drawn(shapes, first);
          const dy = randomValues(rows * width, first + 29);
          /** The inputs, in order, as the terms have them. */
          const spread = <T>(inputs: readonly T[]) => {
            let next = 0;
            return terms.map(({ weighted, gated }) => ({
              x: inputs[next++]!,
              weight: weighted ? inputs[next++]! : undefined,
              gate: gated ? { skip: inputs[next++]!, projected: inputs[next++]! } : undefined,
            }));
          };
          const actual = await computed(shapes, values, dy, (...inputs) =>
            mixture(spread(inputs), width),
          );
          const numbers = spread(values).map(({ x, weight, gate }) => ({
            ...{ x, weight: weight?.[0] },
            gate: gate && { skip: gate.skip[0]!, projected: gate.projected },
          }));
          const { y, terms: grads } = mixtureLoop(numbers, dy, rows, width);
          const inOrder = grads.flatMap((grad, m) => [
            ...[grad.x, ...(terms[m]!.weighted ? [Float64Array.of(grad.weight)] : [])],
            ...(terms[m]!.gated ? [Float64Array.of(grad.skip), grad.projected] : []),
          ]);
          assertSame(actual, [y, ...inOrder]);
        },
      ));
  });
});
