/** Ops along a sequence: rotary positions, attention, causal convolution, selective scan. */
import {
  attention,
  type AttentionOptions,
} from '../../../../../server/compute/engine/kernels/attention';
import { causalConv } from '../../../../../server/compute/engine/kernels/causalConv';
import { rotary } from '../../../../../server/compute/engine/kernels/rotary';
import { selectiveScan } from '../../../../../server/compute/engine/kernels/selectiveScan';
import { attentionLoop, type LoopShape } from '../attentionLoop';
import { caseList, type Case } from './case';

const { cases, add } = caseList();
export { cases as sequenceCases };

/** The loop on a fused projection: parts taken out, gradients put back. */
function fusedLoop(
  shape: LoopShape,
  layout: 'interleaved' | 'blocks',
  options: AttentionOptions,
): NonNullable<Case['loop']> {
  const { heads, headDim } = shape;
  const width = heads * headDim;
  /** Where entry `i` of part `part` lies in the projection. */
  const place = (part: number, i: number) => {
    const [row, column] = [Math.floor(i / width), i % width];
    const own =
      layout === 'blocks'
        ? part * width + column
        : (Math.floor(column / headDim) * 3 + part) * headDim + (column % headDim);
    return row * 3 * width + own;
  };
  return ([qkv], dy) => {
    const parts = [0, 1, 2].map((part) => dy.map((_, i) => qkv![place(part, i)]!));
    const [q, k, v] = parts as [Float32Array, Float32Array, Float32Array];
    const { y, dq, dk, dv } = attentionLoop({ q, k, v }, dy, shape, options);
    const gradient = new Float64Array(qkv!.length);
    [dq, dk, dv].forEach((grad, part) => {
      grad.forEach((x, i) => (gradient[place(part, i)] = x));
    });
    return [y, gradient];
  };
}

for (const layout of ['interleaved', 'blocks'] as const) {
  add(`rotary ${layout}`, [[2, 7, 3 * 6 * 3]], (x) =>
    rotary(x, { layout, heads: 3, headDim: 6, dims: 4, base: 10000, offset: 5 }),
  );
  add(`rotary ${layout} whole head, 10 turned`, [[2, 33, 2 * 10 * 3]], (x) =>
    rotary(x, { layout, heads: 2, headDim: 10, dims: 10, base: 10000, offset: 0 }),
  );
  add(`rotary ${layout} of no positions`, [[2, 0, 24]], (x) =>
    rotary(x, { layout, heads: 2, headDim: 4, dims: 4, base: 10, offset: 0 }),
  );
  for (const [b, l, headDim] of [
    [2, 1, 7],
    [2, 7, 8],
    [2, 33, 16],
    [2, 130, 5],
    [1, 65, 33],
    [2, 0, 4],
    [0, 7, 4],
  ] as const) {
    const plain: AttentionOptions = { heads: 3, scale: 1 / Math.sqrt(headDim) };
    for (const [what, options] of Object.entries({
      plain,
      'window 4': { ...plain, window: 4 },
      'dropout 0.3': { ...plain, dropout: { rate: 0.3, key: 12345 } },
    })) {
      add(
        `attention ${layout} b=${b} l=${l} headDim=${headDim} ${what}`,
        [[b, l, 9 * headDim]],
        (qkv) => attention({ qkv, layout }, options),
        { loop: fusedLoop({ batch: b, heads: 3, lq: l, lk: l, headDim }, layout, options) },
      );
    }
  }
}
add('attention l=257', [[1, 257, 24]], (qkv) =>
  attention(
    { qkv, layout: 'interleaved' },
    { heads: 2, scale: 0.5, dropout: { rate: 0.3, key: 5 } },
  ),
);
add('attention l=257 window 70', [[1, 257, 24]], (qkv) =>
  attention({ qkv, layout: 'blocks' }, { heads: 2, scale: 0.5, window: 70 }),
);
for (const scaling of [
  { kind: 'linear', factor: 2.5 },
  { kind: 'llama3', factor: 8, low: 1, high: 4, trained: 24 },
] as const) {
  add(`rotary scaled, ${scaling.kind}`, [[2, 33, 20]], (x) =>
    rotary(x, { layout: 'blocks', heads: 2, headDim: 10, dims: 10, base: 50, scaling, offset: 3 }),
  );
}
add('rotary of q alone', [[2, 7, 18]], (x) =>
  rotary(x, { layout: 'blocks', heads: 3, headDim: 6, dims: 6, base: 100, offset: 2 }),
);
const apart = [
  [2, 7, 16],
  [2, 33, 16],
  [2, 33, 16],
];
add(
  'attention with offset',
  apart,
  (q, k, v) => attention({ q, k, v }, { heads: 2, scale: 1, offset: 26 }),
  {
    loop: ([q, k, v], dy) => {
      const shape = { batch: 2, heads: 2, lq: 7, lk: 33, headDim: 8 };
      const grads = attentionLoop({ q: q!, k: k!, v: v! }, dy, shape, { scale: 1 });
      return [grads.y, grads.dq, grads.dk, grads.dv];
    },
  },
);
add('attention of no queries', [[2, 0, 16], apart[1]!, apart[2]!], (q, k, v) =>
  attention({ q, k, v }, { heads: 2, scale: 1, offset: 33 }),
);
add('attention with offset, window and dropout', apart, (q, k, v) =>
  attention(
    { q, k, v },
    { heads: 2, scale: 0.5, offset: 26, window: 9, dropout: { rate: 0.2, key: -7 } },
  ),
);

for (const [b, l, c, k] of [
  [2, 1, 7, 4],
  [2, 7, 33, 4],
  [2, 33, 130, 3],
  [2, 3, 5, 4],
  [1, 257, 65, 4],
  [1, 3, 600, 2],
  [2, 5, 3, 1],
  [2, 0, 5, 4],
] as const) {
  for (const silu of [true, false]) {
    const name = `causalConv b=${b} l=${l} c=${c} k=${k} silu=${silu}`;
    add(name, [[b, l, c], [c, 1, k], [c]], (x, w, bias) => causalConv(x, w, bias, { silu }));
    const noBias = [
      [b, l, c],
      [c, 1, k],
    ];
    add(`${name} no bias`, noBias, (x, w) => causalConv(x, w, undefined, { silu }));
  }
}

/** delta positive and A negative, as Mamba has them. */
export const scanInputs = (values: Float32Array, input: number): Float32Array =>
  input === 1
    ? values.map((x) => Math.abs(x) * 0.3)
    : input === 2
      ? values.map((x) => -Math.abs(x))
      : values;

for (const [b, l, c, n] of [
  [2, 1, 7, 1],
  [2, 7, 33, 7],
  [2, 33, 20, 16],
  [2, 130, 3, 5],
  // So many states that the gradient goes over the sequence in segments.
  [2, 70, 9, 130],
  [1, 65, 257, 4],
  [1, 257, 3, 2],
  [0, 7, 5, 3],
] as const) {
  add(
    `selectiveScan b=${b} l=${l} c=${c} n=${n}`,
    [[b, l, c], [b, l, c], [c, n], [b, l, n], [b, l, n], [c]],
    (u, delta, A, B, C, D) => selectiveScan({ u, delta, A, B, C, D }),
    { prepare: scanInputs },
  );
}
