/**
 * Causal multi-head attention: softmax(scale · q·kᵀ)·v over the keys that a query may see. The fused kernel works a
 * head and a few query rows at a time and recomputes the probabilities in the backward pass, so nothing of size
 * l × l is kept (the idea of Rabe & Staats, arXiv 2112.05682).
 */
import * as tf from '@tensorflow/tfjs-core';
import { dropoutMask, dropThreshold, type DropoutOptions } from './dropout';
import { hasKernel, runKernel, runKernels, widthOf } from './fused';

export const ATTENTION = 'ManticoreAttention';
export const ATTENTION_GRAD = 'ManticoreAttentionGrad';
export const ATTENTION_QKV = 'ManticoreAttentionQkv';
export const ATTENTION_QKV_GRAD = 'ManticoreAttentionQkvGrad';
/** Of decoding alone: without gradient, and with a composite of its own (families/decoding.ts). */
export const ATTENTION_APPEND = 'ManticoreAttentionAppend';

export type AttentionInput =
  | {
      /** [b, l, 3 · heads · headDim] */
      readonly qkv: tf.Tensor;
      /** `interleaved`: each head holds its q, k, v (GPT-NeoX); `blocks`: all q, then all k, then all v (GPT-2). */
      readonly layout: 'interleaved' | 'blocks';
    }
  | {
      /** [b, lq, heads · headDim] */
      readonly q: tf.Tensor;
      /** [b, lk, heads · headDim], lk = offset + lq */
      readonly k: tf.Tensor;
      readonly v: tf.Tensor;
    };

export interface AttentionOptions {
  readonly heads: number;
  /** Factor on q·k before the softmax: 1/√headDim, or 1 (GPT-Neo). */
  readonly scale: number;
  /** How many keys a query sees, itself included; all before it when absent. */
  readonly window?: number | undefined;
  /** Position of the first query among the keys: query i sees keys j ≤ offset + i. 0 when absent. */
  readonly offset?: number | undefined;
  /** Dropout of the probabilities; entry (b, h, i, j) has counter ((b·heads + h)·lq + i)·lk + j. */
  readonly dropout?: DropoutOptions | undefined;
}

/** → [b, lq, heads · headDim]. Every query sees at least itself. */
export function attention(input: AttentionInput, options: AttentionOptions): tf.Tensor3D {
  const { heads, scale, window = 0, offset = 0, dropout } = options;
  const rate = dropout && dropThreshold(dropout.rate) > 0 ? dropout.rate : 0;
  const attributes = { heads, scale, window, offset, rate, key: dropout ? dropout.key | 0 : 0 };
  const fused = 'qkv' in input;
  checkShapes(input, heads, offset);
  if (fused && hasKernel(ATTENTION_QKV)) {
    const attrs = { ...attributes, layout: input.layout };
    return runKernel(ATTENTION_QKV, { qkv: input.qkv }, attrs) as tf.Tensor3D;
  }
  if (!fused && hasKernel(ATTENTION)) {
    const { q, k, v } = input;
    return runKernel(ATTENTION, { q, k, v }, attributes) as tf.Tensor3D;
  }
  return attentionComposite(fused ? splitHeads(input, heads) : input, options, fused);
}

/** Whether `attentionAppend` can be had. */
export const canAppend = (): boolean => hasKernel(ATTENTION_APPEND);

/**
 * Attention of new positions over themselves and those of a cache, where they are written: decoding copies no key twice.
 * @param qkv [1, l, 3 · d], as `attention` takes it
 * @param cache [1, capacity, 3 · d]: the products of the positions before; rows `length` … `length + l` are overwritten
 * @returns [1, l, d]
 */
export function attentionAppend(
  qkv: tf.Tensor3D,
  cache: tf.Tensor3D,
  length: number,
  layout: 'interleaved' | 'blocks',
  { heads, scale, window = 0 }: AttentionOptions,
): tf.Tensor3D {
  const [b, l, width] = qkv.shape;
  const [, capacity, cached] = cache.shape;
  if (b !== 1 || cached !== width || length + l > capacity || width % (3 * heads) !== 0) {
    throw new Error(
      `attention: [${qkv.shape.join(', ')}] does not fit ${length} rows of [${cache.shape.join(', ')}], ${heads} heads`,
    );
  }
  const attributes = { heads, scale, window, offset: length, rate: 0, key: 0, layout };
  return runKernel(ATTENTION_APPEND, { qkv, cache }, attributes) as tf.Tensor3D;
}

function checkShapes(input: AttentionInput, heads: number, offset: number): void {
  const width = 'qkv' in input ? widthOf(input.qkv) / 3 : widthOf(input.q);
  const fits =
    'qkv' in input
      ? offset === 0
      : input.k.shape[1] === offset + input.q.shape[1]! && input.v.shape[1] === input.k.shape[1];
  if (width % heads !== 0 || !fits) {
    const shapes =
      'qkv' in input ? [input.qkv.shape] : [input.q, input.k, input.v].map((t) => t.shape);
    throw new Error(
      `attention: ${shapes.map((s) => `[${s.join(', ')}]`).join(' ')} does not fit ${heads} heads, offset ${offset}`,
    );
  }
}

interface Heads {
  readonly q: tf.Tensor;
  readonly k: tf.Tensor;
  readonly v: tf.Tensor;
}

function splitHeads(
  input: Extract<AttentionInput, { readonly qkv: tf.Tensor }>,
  heads: number,
): Heads {
  const [b, l, width] = input.qkv.shape as [number, number, number];
  const headDim = width / 3 / heads;
  const interleaved = input.layout === 'interleaved';
  const split = tf.reshape(
    input.qkv,
    interleaved ? [b, l, heads, 3, headDim] : [b, l, 3, heads, headDim],
  );
  const [q, k, v] = tf.unstack(split, interleaved ? 3 : 2) as [tf.Tensor, tf.Tensor, tf.Tensor];
  return { q, k, v }; // each [b, l, heads, headDim]
}

function attentionComposite(
  { q, k, v }: Heads,
  { heads, scale, window, offset = 0, dropout }: AttentionOptions,
  split: boolean,
): tf.Tensor3D {
  const [b, lq] = q.shape as [number, number];
  const lk = k.shape[1]!;
  const headDim = split ? q.shape[3]! : widthOf(q) / heads;
  const byHead = (x: tf.Tensor, l: number) =>
    tf.transpose(tf.reshape(x, [b, l, heads, headDim]), [0, 2, 1, 3]); // [b, heads, l, headDim]
  const scores = tf.mul(tf.matMul(byHead(q, lq), byHead(k, lk), false, true), scale); // [b, heads, lq, lk]
  const visible = tf.broadcastTo(visibleKeys(lq, lk, offset, window), [b, heads, lq, lk]);
  const hidden = tf.fill([b, heads, lq, lk], -Infinity);
  let probabilities = tf.softmax(tf.where(visible, scores, hidden), -1);
  if (dropout && dropout.rate > 0) {
    const mask = dropoutMask(probabilities.size, dropout);
    probabilities = tf.mul(probabilities, tf.tensor(mask, probabilities.shape));
  }
  const y = tf.matMul(probabilities, byHead(v, lk)); // [b, heads, lq, headDim]
  return tf.reshape(tf.transpose(y, [0, 2, 1, 3]), [b, lq, heads * headDim]); // [b, lq, heads·headDim]
}

/** Which keys j a query i sees, offset + i − window < j ≤ offset + i: bool [lq, lk]. */
function visibleKeys(
  lq: number,
  lk: number,
  offset: number,
  window: number | undefined,
): tf.Tensor {
  const last = tf.reshape(tf.range(offset, offset + lq, 1, 'int32'), [lq, 1]);
  const keys = tf.reshape(tf.range(0, lk, 1, 'int32'), [1, lk]);
  const reached = tf.lessEqual(keys, last); // [lq, lk]
  if (!window) return reached;
  return tf.logicalAnd(reached, tf.greater(tf.add(keys, window), last));
}

tf.registerGradient({
  kernelName: ATTENTION_QKV,
  inputsToSave: ['qkv'],
  gradFunc: (dy, saved, attributes) => ({
    qkv: () =>
      runKernel(
        ATTENTION_QKV_GRAD,
        { dy: dy as tf.Tensor, qkv: saved[0]! },
        attributes as Record<string, number | string>,
      ),
  }),
});

tf.registerGradient({
  kernelName: ATTENTION,
  inputsToSave: ['q', 'k', 'v'],
  gradFunc: (dy, saved, attributes) => {
    const [q, k, v] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
    const [dq, dk, dv] = runKernels(
      ATTENTION_GRAD,
      { dy: dy as tf.Tensor, q, k, v },
      attributes as Record<string, number>,
    );
    return { q: () => dq!, k: () => dk!, v: () => dv! };
  },
});
