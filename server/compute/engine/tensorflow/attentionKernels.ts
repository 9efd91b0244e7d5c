/** Causal attention and rotary positions as ops of TensorFlow. The probabilities are computed again in the backward pass. */
import type * as tf from '@tensorflow/tfjs-core';
import { ATTENTION, ATTENTION_GRAD, ATTENTION_QKV, ATTENTION_QKV_GRAD } from '../kernels/attention';
import { dropoutMask } from '../kernels/dropout';
import { widthOf } from '../kernels/fused';
import { ROTARY, rotaryKey, rotaryTable, type RotaryOptions } from '../kernels/rotary';
import type { TensorflowBackend } from './backend';
import { Ops } from './fusedKernels';
import { matMul, register, type Call } from './standardKernels';

type Info = tf.TensorInfo;

interface AttentionAttributes {
  readonly heads: number;
  readonly scale: number;
  readonly window: number;
  readonly offset: number;
  readonly rate: number;
  readonly key: number;
}

/** Each [b, heads, l, headDim]. */
interface Heads {
  readonly q: Info;
  readonly k: Info;
  readonly v: Info;
}

export function registerAttentionKernels(): void {
  registerTogether();
  registerApart();
  register(ROTARY, rotary);
}

/** q, k and v in one tensor. */
function registerTogether(): void {
  /** Axes of [b, l, heads, 3, headDim] (`interleaved`) or [b, l, 3, heads, headDim] that make [3, b, heads, l, headDim]. */
  const orders = { interleaved: [3, 0, 2, 1, 4], blocks: [2, 0, 3, 1, 4] } as const;
  /** And back. */
  const inverses = { interleaved: [1, 3, 2, 0, 4], blocks: [1, 3, 0, 2, 4] } as const;
  type Layout = keyof typeof orders;
  const split = ({ attrs, backend }: Call, qkv: Info): Heads => {
    const layout = attrs['layout'] as Layout;
    const heads = attrs['heads'] as number;
    const [b, l, width] = qkv.shape as [number, number, number];
    const headDim = width / 3 / heads;
    const middle = layout === 'interleaved' ? [heads, 3] : [3, heads];
    const parts = backend.reshape(qkv, [b, l, ...middle, headDim]);
    const turned = backend.run('Transpose', [parts, orders[layout]]); // [3, b, heads, l, headDim]
    const [q, k, v] = backend.runMany('Unpack', [turned], { num: 3, axis: 0 }, 3);
    return { q: q!, k: k!, v: v! };
  };
  register(ATTENTION_QKV, (call) => attend(call, split(call, call.inputs['qkv']!)));
  register(ATTENTION_QKV_GRAD, (call) => {
    const { inputs, attrs, backend } = call;
    const { qkv, dy } = inputs as { qkv: Info; dy: Info };
    const grads = attendGrad(call, split(call, qkv), dy);
    const packed = backend.run('Pack', grads, { N: 3, T: { type: 'float32' }, axis: 0 });
    const turned = backend.run('Transpose', [packed, inverses[attrs['layout'] as Layout]]);
    return backend.reshape(turned, qkv.shape);
  });
}

/** q, k and v each in a tensor of its own, maybe with more keys than queries. */
function registerApart(): void {
  const split = ({ inputs, attrs, backend }: Call): Heads => {
    const byHead = (x: Info): Info => splitHeads(backend, x, attrs['heads'] as number);
    return { q: byHead(inputs['q']!), k: byHead(inputs['k']!), v: byHead(inputs['v']!) };
  };
  register(ATTENTION, (call) => attend(call, split(call)));
  register(ATTENTION_GRAD, (call) =>
    attendGrad(call, split(call), call.inputs['dy']!).map((grad) => joinHeads(call.backend, grad)),
  );
}

/** [b, l, heads · headDim] → [b, heads, l, headDim]. */
function splitHeads(backend: TensorflowBackend, x: Info, heads: number): Info {
  const [b, l, width] = x.shape as [number, number, number];
  return backend.run('Transpose', [backend.reshape(x, [b, l, heads, width / heads]), [0, 2, 1, 3]]);
}

/** [b, heads, l, headDim] → [b, l, heads · headDim]. */
function joinHeads(backend: TensorflowBackend, x: Info): Info {
  const [b, heads, l, headDim] = x.shape as [number, number, number, number];
  return backend.reshape(backend.run('Transpose', [x, [0, 2, 1, 3]]), [b, l, heads * headDim]);
}

/** The probabilities [b, heads, lq, lk], and the dropout's factors where there is one. */
function probabilities({ attrs, backend }: Call, { q, k }: Heads): { p: Info; kept?: Info } {
  const { scale, window, offset, rate, key } = attrs as unknown as AttentionAttributes;
  const ops = new Ops(backend);
  const scores = matMul(backend, ops.mul(q, scale), k, false, true);
  const seen = visibleKeys(backend, q.shape[2]!, k.shape[2]!, offset, window);
  const p = ops.of('Softmax', backend.run('SelectV2', [seen, scores, -Infinity]));
  if (rate === 0) return { p };
  const count = p.shape.reduce((product, size) => product * size, 1);
  return { p, kept: backend.tensor(dropoutMask(count, { rate, key }), p.shape) };
}

/** Which keys j a query i sees, offset + i − window < j ≤ offset + i: bool [lq, lk]. */
function visibleKeys(
  backend: TensorflowBackend,
  lq: number,
  lk: number,
  offset: number,
  window: number,
): Info {
  return backend.cached(`visible ${lq} ${lk} ${offset} ${window}`, () => {
    const seen = new Uint8Array(lq * lk);
    for (let i = 0; i < lq; i++) {
      const last = offset + i;
      const first = window ? Math.max(0, last - window + 1) : 0;
      seen.fill(1, i * lk + first, i * lk + last + 1);
    }
    return { values: seen, shape: [lq, lk], dtype: 'bool' };
  });
}

function attend(call: Call, heads: Heads): Info {
  const { backend } = call;
  const { p, kept } = probabilities(call, heads);
  const weights = kept ? new Ops(backend).mul(p, kept) : p;
  return joinHeads(backend, matMul(backend, weights, heads.v));
}

/** Gradients of q, k and v, each [b, heads, l, headDim]; dy [b, lq, heads · headDim]. */
function attendGrad(call: Call, heads: Heads, dy: Info): Info[] {
  const { backend, attrs } = call;
  const { mul, sub, sumOfRows } = new Ops(backend);
  const g = splitHeads(backend, dy, attrs['heads'] as number);
  const { p, kept } = probabilities(call, heads);
  const dv = matMul(backend, kept ? mul(p, kept) : p, g, true);
  const toWeights = matMul(backend, g, heads.v, false, true); // [b, heads, lq, lk]
  const dp = kept ? mul(toWeights, kept) : toWeights;
  const dScores = mul(p, sub(dp, sumOfRows(mul(dp, p))));
  const scale = attrs['scale'] as number;
  const dq = mul(matMul(backend, dScores, heads.k), scale);
  const dk = mul(matMul(backend, dScores, heads.q, true), scale);
  return [dq, dk, dv];
}

/** Entries of a head: its own times the cosine, and its partner's times the sine, with its sign; 1 and 0 where none turns. */
function rotary({ inputs, attrs, backend }: Call): Info {
  const x = inputs['x']!;
  const options = attrs as unknown as RotaryOptions & { parts: number; inverse: boolean };
  const { layout, heads, headDim, dims, parts, inverse } = options;
  const [b, l] = x.shape as [number, number];
  const width = widthOf(x);
  const name = `${layout} ${heads} ${headDim} ${dims} ${parts}`;
  const interleaved = layout === 'interleaved';
  const half = dims / 2;
  /** Where an entry of a position stands: in a head's turned pair, or nowhere. */
  const placeIn = (j: number): { i: number; second: boolean } | undefined => {
    const part = interleaved
      ? Math.floor((j % (headDim * parts)) / headDim)
      : Math.floor(j / (heads * headDim));
    const at = j % headDim;
    return part < 2 && at < dims ? { i: at % half, second: at >= half } : undefined;
  };
  const table = (of: 'cos' | 'sin'): Info =>
    backend.cached(`${of} ${name} ${rotaryKey(l, options)} ${inverse}`, () => {
      const angles = rotaryTable(l, options);
      const values = new Float32Array(l * width);
      for (let j = 0; j < width; j++) {
        const place = placeIn(j);
        const sign = place?.second === inverse ? -1 : 1;
        for (let t = 0; t < l; t++) {
          const turned = place && angles[of][t * half + place.i]!;
          values[t * width + j] =
            of === 'cos' ? (turned ?? 1) : turned === undefined ? 0 : sign * turned;
        }
      }
      return { values, shape: [l, width], dtype: 'float32' };
    });
  const partners = backend.cached(`partners ${name}`, () => {
    const partnerOf = (j: number): number => {
      const place = placeIn(j);
      return place === undefined ? j : place.second ? j - half : j + half;
    };
    return {
      values: Int32Array.from({ length: width }, (_, j) => partnerOf(j)),
      shape: [width],
      dtype: 'int32',
    };
  });
  const { add, mul } = new Ops(backend);
  const crossed = backend.run('GatherV2', [x, partners, { int: 2 }]); // [b, l, width]
  return b * l === 0 ? crossed : add(mul(x, table('cos')), mul(crossed, table('sin')));
}
