/**
 * Conformance: every op, forward and gradient, on each tier of the `wasm` engine that loads here, against the same op
 * as a composite of tfjs ops on `cpu`. Sizes are odd on purpose: 1, 7, 33, 130.
 */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { openEngine, type Engine } from '../../../server/compute/engine/engine';
import { gelu, silu, softplus } from '../../../server/compute/engine/kernels/activations';
import { attention, type AttentionOptions } from '../../../server/compute/engine/kernels/attention';
import { blend, cutTo, padTo, weightedSum } from '../../../server/compute/engine/kernels/blend';
import { causalConv } from '../../../server/compute/engine/kernels/causalConv';
import { crossEntropy } from '../../../server/compute/engine/kernels/crossEntropy';
import { dropout } from '../../../server/compute/engine/kernels/dropout';
import { embedding } from '../../../server/compute/engine/kernels/embedding';
import { linear } from '../../../server/compute/engine/kernels/linear';
import { layerNorm, rmsNorm } from '../../../server/compute/engine/kernels/norms';
import { rotary } from '../../../server/compute/engine/kernels/rotary';
import { selectiveScan } from '../../../server/compute/engine/kernels/selectiveScan';
import { availableTiers } from '../../../server/compute/engine/wasm/tiers';
import { openWasm } from '../../../server/compute/engine/wasm/openWasm';
import { randomValues } from './random';

interface Case {
  readonly name: string;
  /** Float inputs by shape; each gets a gradient. */
  readonly shapes: readonly number[][];
  readonly op: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** Applied to the random inputs first, to bring them where the op is defined. */
  readonly prepare?: (values: Float32Array, input: number) => Float32Array;
  readonly tolerance?: number;
}

const ids = (count: number, below: number) =>
  tf.tensor1d(
    Int32Array.from({ length: count }, (_, i) => (i * 7 + 3) % below),
    'int32',
  );

const cases: Case[] = [];
const add = (
  name: string,
  shapes: number[][],
  op: Case['op'],
  rest: Pick<Case, 'prepare' | 'tolerance'> = {},
) => cases.push({ name, shapes, op, ...rest });

for (const [m, k, n] of [
  [1, 7, 33],
  [7, 1, 130],
  [33, 130, 7],
  [130, 33, 1],
  [130, 300, 130],
  [400, 7, 600],
  [1, 130, 600],
] as const) {
  for (const transposed of [true, false]) {
    const w = transposed ? [n, k] : [k, n];
    add(`linear ${m}×${k}×${n} transposed=${transposed}`, [[m, k], w, [n]], (x, w_, b) =>
      linear(x, w_, b, { transposed }),
    );
  }
}
add(
  'linear without bias, three axes',
  [
    [2, 7, 5],
    [9, 5],
  ],
  (x, w) => linear(x, w, undefined, { transposed: true }),
);
for (const [turnA, turnB] of [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const) {
  add(
    `matMul batched ${turnA} ${turnB}`,
    [turnA ? [3, 33, 7] : [3, 7, 33], turnB ? [3, 13, 33] : [3, 33, 13]],
    (a, b) => tf.matMul(a, b, turnA, turnB),
  );
}
add('embedding', [[33, 7]], (table) => embedding(table, tf.reshape(ids(130, 33), [10, 13])));
for (const d of [1, 7, 33, 130]) {
  if (d > 1) add(`layerNorm ${d}`, [[7, 33, d], [d], [d]], (x, g, b) => layerNorm(x, g, b, 1e-5));
  add(`rmsNorm ${d}`, [[7, 33, d], [d]], (x, g) => rmsNorm(x, g, 1e-5));
  for (const [name, f] of [
    ['gelu erf', (x: tf.Tensor) => gelu(x, 'erf')],
    ['gelu tanh', (x: tf.Tensor) => gelu(x, 'tanh')],
    ['silu', silu],
    ['softplus', softplus],
  ] as const) {
    add(`${name} ${d}`, [[7, d]], (x) => f(tf.mul(x, 3)));
  }
}
for (const layout of ['interleaved', 'blocks'] as const) {
  add(`rotary ${layout}`, [[2, 7, 3 * 6 * 3]], (x) =>
    rotary(x, { layout, heads: 3, headDim: 6, dims: 4, base: 10000, offset: 5 }),
  );
  add(`rotary ${layout} whole head, 10 turned`, [[2, 33, 2 * 10 * 3]], (x) =>
    rotary(x, { layout, heads: 2, headDim: 10, dims: 10, base: 10000, offset: 0 }),
  );
  for (const [l, headDim] of [
    [1, 7],
    [7, 8],
    [33, 16],
    [130, 5],
  ] as const) {
    const plain: AttentionOptions = { heads: 3, scale: 1 / Math.sqrt(headDim) };
    for (const [what, options] of Object.entries({
      plain,
      'window 4': { ...plain, window: 4 },
      'dropout 0.3': { ...plain, dropout: { rate: 0.3, key: 12345 } },
    })) {
      add(`attention ${layout} l=${l} headDim=${headDim} ${what}`, [[2, l, 9 * headDim]], (qkv) =>
        attention({ qkv: qkv, layout }, options),
      );
    }
  }
}
add('rotary of q alone', [[2, 7, 18]], (x) =>
  rotary(x, { layout: 'blocks', heads: 3, headDim: 6, dims: 6, base: 100, offset: 2 }),
);
add(
  'attention with offset',
  [
    [2, 7, 16],
    [2, 33, 16],
    [2, 33, 16],
  ],
  (q, k, v) => attention({ q: q, k: k, v: v }, { heads: 2, scale: 1, offset: 26 }),
);
add(
  'attention with offset, window and dropout',
  [
    [2, 7, 16],
    [2, 33, 16],
    [2, 33, 16],
  ],
  (q, k, v) =>
    attention(
      { q: q, k: k, v: v },
      { heads: 2, scale: 0.5, offset: 26, window: 9, dropout: { rate: 0.2, key: -7 } },
    ),
);
for (const [l, c, k] of [
  [1, 7, 4],
  [7, 33, 4],
  [33, 130, 3],
  [3, 5, 4],
] as const) {
  for (const withSilu of [true, false]) {
    add(
      `causalConv l=${l} c=${c} k=${k} silu=${withSilu}`,
      [[2, l, c], [c, 1, k], [c]],
      (x, w, b) => causalConv(x, w, b, { silu: withSilu }),
    );
    add(
      `causalConv l=${l} c=${c} k=${k} silu=${withSilu} no bias`,
      [
        [2, l, c],
        [c, 1, k],
      ],
      (x, w) => causalConv(x, w, undefined, { silu: withSilu }),
    );
  }
}
for (const [l, c, n] of [
  [1, 7, 1],
  [7, 33, 7],
  [33, 20, 16],
  [130, 3, 5],
  // So many states that the gradient goes over the sequence in segments.
  [130, 9, 130],
] as const) {
  add(
    `selectiveScan l=${l} c=${c} n=${n}`,
    [[2, l, c], [2, l, c], [c, n], [2, l, n], [2, l, n], [c]],
    (u, delta, A, B, C, D) => selectiveScan({ u: u, delta: delta, A: A, B: B, C: C, D: D }),
    {
      prepare: (values, input) =>
        input === 1
          ? values.map((x) => Math.abs(x) * 0.3)
          : input === 2
            ? values.map((x) => -Math.abs(x))
            : values,
    },
  );
}
for (const v of [2, 7, 33, 130]) {
  add(`crossEntropy ${v}`, [[33, v]], (x) => {
    const targets = Int32Array.from({ length: 33 }, (_, i) => (i % 5 === 0 ? -100 : (i * 7) % v));
    return crossEntropy(tf.mul(x, 3), tf.tensor1d(targets, 'int32'), { ignore: -100 }).loss;
  });
}
add('dropout', [[7, 33]], (x) => dropout(x, { rate: 0.25, key: 99 }));
for (const [dx, dp, width] of [
  [7, 7, 7],
  [33, 7, 33],
  [7, 33, 33],
  [33, 33, 7],
  [33, 130, 7],
  [1, 1, 130],
] as const) {
  add(`blend ${dx} ${dp} → ${width}`, [[2, 7, dx], [2, 7, dp], []], (x, p, a) =>
    blend(x, p, a, width),
  );
  add(`blend ${dx} alone → ${width}`, [[2, 7, dx], []], (x, a) => blend(x, undefined, a, width));
}
add('weightedSum', [[2, 7, 33], [2, 7, 33], [2, 7, 33], [], [], []], (...all) =>
  weightedSum(all.slice(0, 3), all.slice(3)),
);
add('padTo', [[2, 7, 5]], (x) => padTo(x, 33));
add('cutTo', [[2, 7, 33]], (x) => cutTo(x, 5));
for (const [name, f] of Object.entries({ add: tf.add, sub: tf.sub, mul: tf.mul, div: tf.div })) {
  for (const [a, b] of [
    [
      [7, 33],
      [7, 33],
    ],
    [[7, 33], [33]],
    [[33], [7, 33]],
    [
      [2, 7, 33],
      [2, 7, 1],
    ],
    [[7, 33], []],
    [[], [7, 33]],
    [
      [2, 7, 33],
      [1, 7, 33],
    ],
    [
      [7, 1],
      [1, 33],
    ],
    [
      [2, 1, 3],
      [2, 5, 3],
    ],
  ]) {
    add(`${name} [${String(a)}] [${String(b)}]`, [a!, b!], (x, y) => f(x, y), {
      prepare: (values) => values.map((x) => x + Math.sign(x)),
    });
  }
}
for (const axis of [[0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2]]) {
  add(`sum over ${String(axis)}`, [[3, 7, 33]], (x) => tf.sum(x, axis));
  add(`mean over ${String(axis)}, kept`, [[3, 7, 33]], (x) => tf.mean(x, axis, true));
}
for (const perm of [
  [1, 0, 2],
  [2, 0, 1],
  [0, 2, 1],
  [2, 1, 0],
])
  add(`transpose ${String(perm)}`, [[3, 7, 33]], (x) => tf.transpose(x, perm));
add('transpose of five axes', [[2, 3, 4, 5, 6]], (x) => tf.transpose(x, [3, 1, 4, 0, 2]));
add('softmax', [[7, 33]], (x) => tf.softmax(x));
add('slice', [[3, 7, 33]], (x) => tf.slice(x, [1, 2, 3], [2, 4, 25]));
add('split and concat', [[3, 7, 33]], (x) => tf.concat(tf.split(x, [5, 8, 20], 2).reverse(), 2));
add(
  'concat first axis',
  [
    [3, 7],
    [1, 7],
  ],
  (x, y) => tf.concat([x, y], 0),
);
add('pad', [[3, 7]], (x) =>
  tf.pad(x, [
    [1, 2],
    [0, 3],
  ]),
);
add('exp, neg, square', [[7, 33]], (x) => tf.square(tf.exp(tf.neg(x))));
add('cast of ids', [[7]], (x) => tf.mul(x, tf.cast(ids(7, 5), 'float32')));
add('unstack and stack', [[3, 7, 5]], (x) => tf.stack(tf.unstack(x, 1).reverse(), 1));

type Numbers = number[];

/** Output, then the gradient of Σ output·weights for each input. */
function evaluate({ shapes, op, prepare }: Case): Numbers[] {
  return tf.tidy(() => {
    const inputs = shapes.map((shape, i) => {
      const values = randomValues(tf.util.sizeFromShape(shape), i + 1);
      return tf.tensor(prepare ? prepare(values, i) : values, shape);
    });
    const y = op(...inputs);
    const weights = tf.tensor(randomValues(y.size, 77), y.shape);
    const grads = tf.grads((...xs: tf.Tensor[]) => tf.sum(tf.mul(op(...xs), weights)))(inputs);
    return [y, ...grads].map((t) => Array.from(t.dataSync()));
  });
}

/** |x − y| ≤ tolerance · max(1, max |y|), entry by entry; NaN only where NaN. */
function assertClose(actual: Numbers, expected: Numbers, tolerance: number, what: string): void {
  assert.equal(actual.length, expected.length, what);
  const scale = expected.reduce((m, x) => Math.max(m, Math.abs(x)), 1);
  actual.forEach((x, i) => {
    const y = expected[i]!;
    assert.ok(
      Object.is(x, y) || Math.abs(x - y) <= tolerance * scale,
      `${what}[${i}]: ${x} is not ${y}`,
    );
  });
}

describe('every op on the wasm engine equals its composite on cpu', () => {
  const expected = new Map<string, Numbers[]>();
  before(async () => {
    await openEngine('cpu');
    for (const one of cases) expected.set(one.name, evaluate(one));
  });
  for (const tier of availableTiers()) {
    describe(`tier ${tier}`, () => {
      let engine: Engine;
      before(async () => {
        engine = await openWasm({ tier });
      });
      after(() => engine.dispose());
      for (const one of cases) {
        it(one.name, () => {
          const actual = evaluate(one);
          expected.get(one.name)!.forEach((values, i) => {
            assertClose(
              actual[i]!,
              values,
              one.tolerance ?? 2e-5,
              i === 0 ? 'y' : `gradient ${i - 1}`,
            );
          });
        });
      }
      it('frees all that it took', () => assert.equal(engine.memoryBytes(), 0));
    });
  }
});
