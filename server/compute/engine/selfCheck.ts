/**
 * The self-check: the loss and every gradient of one tiny training step (an attention block, a state space block, a gated
 * mixture of the two, cross-entropy) on an engine, compared with the same step on the `cpu` oracle.
 */
import * as tf from '@tensorflow/tfjs-core';
import { gradients } from './gradients';
import { gelu, silu, softplus } from './kernels/activations';
import { attention } from './kernels/attention';
import { blend, weightedSum } from './kernels/blend';
import { causalConv } from './kernels/causalConv';
import { crossEntropy } from './kernels/crossEntropy';
import { embedding } from './kernels/embedding';
import { linear } from './kernels/linear';
import { layerNorm, rmsNorm } from './kernels/norms';
import { rotary } from './kernels/rotary';
import { selectiveScan } from './kernels/selectiveScan';
import { adamwStep, squaredNorm } from './update';

/** Largest relative difference that an engine may show. */
export const SELF_CHECK_LIMIT = 1e-4;

// Odd sizes, so that every kernel meets its edges: b batch, l length, d width, heads × headDim, n states, V vocabulary.
const [b, l, d, heads, headDim, n, V] = [2, 7, 15, 3, 5, 5, 33];

const shapes = {
  table: [V, d],
  gain: [d],
  bias: [d],
  qkv: [3 * d, d],
  qkvBias: [3 * d],
  hidden: [d, 2 * d],
  hiddenBias: [2 * d],
  out: [2 * d, d],
  conv: [d, 1, 4],
  logA: [d, n],
  stateInputs: [2 * n, d],
  D: [d],
  alphas: [2],
} as const;

type Weights = Record<keyof typeof shapes, tf.Variable>;

/** Values in (−0.5, 0.5) from the hash of their place: the same on every engine. */
function weights(): Weights {
  let seed = 1;
  const values = (count: number) =>
    Float32Array.from({ length: count }, () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed / 2 ** 32 - 0.5;
    });
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const own = [...shape];
    const initial = tf.tensor(values(tf.util.sizeFromShape(own)), own);
    const variable = tf.variable(initial);
    initial.dispose();
    return [name, variable] as const;
  });
  return Object.fromEntries(entries) as Weights;
}

function loss(w: Weights): tf.Scalar {
  const ids = tf.tensor2d(
    Int32Array.from({ length: b * l }, (_, i) => (i * 5) % V),
    [b, l],
    'int32',
  );
  const targets = tf.tensor1d(
    Int32Array.from({ length: b * l }, (_, i) => (i === 3 ? -100 : (i * 7 + 1) % V)),
    'int32',
  );
  const x = embedding(w.table, ids); // [b, l, d]
  const [first, second] = tf.unstack(tf.softmax(w.alphas)) as [tf.Tensor, tf.Tensor];
  const mixed = weightedSum([attentionBlock(w, x), stateSpaceBlock(w, x)], [first, second]);
  const y = blend(mixed, x, first, d);
  const logits = linear(layerNorm(y, w.gain, w.bias, 1e-5), w.table, undefined, {
    transposed: true,
  }); // [b, l, V]
  return crossEntropy(tf.reshape(logits, [b * l, V]), targets, { ignore: -100 }).loss;
}

function attentionBlock(w: Weights, x: tf.Tensor): tf.Tensor {
  const normed = layerNorm(x, w.gain, w.bias, 1e-5);
  const qkv = rotary(linear(normed, w.qkv, w.qkvBias, { transposed: true }), {
    ...{ layout: 'interleaved', heads, headDim, dims: 4, base: 10000, offset: 0 },
  });
  const attended = attention(
    { qkv, layout: 'interleaved' },
    { heads, scale: 1 / Math.sqrt(headDim), dropout: { rate: 0.1, key: 7 } },
  );
  const hidden = gelu(linear(attended, w.hidden, w.hiddenBias, { transposed: false }), 'erf');
  return tf.add(x, linear(hidden, w.out, undefined, { transposed: false }));
}

function stateSpaceBlock(w: Weights, x: tf.Tensor): tf.Tensor {
  const u = causalConv(rmsNorm(x, w.gain, 1e-5), w.conv, w.bias, { silu: true });
  const both = linear(u, w.stateInputs, undefined, { transposed: true }); // [b, l, 2n]
  const [B, C] = tf.split(both, 2, 2) as [tf.Tensor, tf.Tensor];
  const A = tf.neg(tf.exp(w.logA));
  const y = selectiveScan({ u, delta: softplus(u), A, B, C, D: w.D });
  return tf.add(x, tf.mul(y, silu(u)));
}

/** What one step gives on the current backend: loss, gradients, their norm, and the weights after AdamW. */
async function step(): Promise<Float32Array[]> {
  const w = weights();
  const variables = Object.values(w);
  const held: tf.Tensor[] = [...variables];
  try {
    const { value, grads: made } = gradients(() => loss(w), variables);
    const grads = made.map((grad) => grad!);
    held.push(value, ...grads);
    const results = await Promise.all([value, ...grads].map(valuesOf));
    results.push(Float32Array.of(await squaredNorm(grads)));
    const entries = variables.map((variable, i) => {
      const [m, v] = [zerosLike(variable), zerosLike(variable)];
      held.push(m, v);
      return { value: variable, grad: grads[i]!, m, v, step: 1, decay: 0.01 };
    });
    adamwStep(entries, {
      learningRate: 0.01,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-3,
      gradScale: 0.5,
    });
    return [...results, ...(await Promise.all(variables.map(valuesOf)))];
  } finally {
    tf.dispose(held);
  }
}

/** A copy: what an engine hands out may be its own memory. */
async function valuesOf(tensor: tf.Tensor): Promise<Float32Array> {
  return Float32Array.from(await tensor.data<'float32'>());
}

function zerosLike(tensor: tf.Tensor): tf.Variable {
  return tf.tidy(() => tf.variable(tf.zerosLike(tensor)));
}

/** Largest |x − y| of an array over its largest |y|; NaN counts as infinite. */
function relativeDifference(actual: Float32Array, expected: Float32Array): number {
  const scale = expected.reduce((most, y) => Math.max(most, Math.abs(y)), 1e-6);
  return expected.reduce((most, y, i) => {
    const difference = Math.abs(actual[i]! - y) / scale;
    return Number.isNaN(difference) ? Infinity : Math.max(most, difference);
  }, 0);
}

/**
 * Largest relative difference from the oracle, over loss, gradients, norm and updated weights. Leaves the backend that
 * was current the current one.
 */
export async function selfCheckError(): Promise<number> {
  const backend = tf.getBackend();
  const actual = await step();
  await tf.setBackend('cpu');
  try {
    const expected = await step();
    return expected.reduce(
      (most, values, i) => Math.max(most, relativeDifference(actual[i]!, values)),
      0,
    );
  } finally {
    await tf.setBackend(backend);
  }
}
