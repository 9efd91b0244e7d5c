/**
 * State of incremental decoding: keys and values of the positions so far, or a state-space layer's own state.
 * Symbols: b batch, l new positions, c cached positions, h heads, dh width of a head, d = h·dh, the width of all heads.
 */
import * as tf from '@tensorflow/tfjs-core';
import {
  attention,
  attentionAppend,
  canAppend,
  type AttentionOptions,
} from '../engine/kernels/attention';
import type { LayerContext, LayerState } from './family';

export interface QueryKeyValue {
  /** [b, l, d] */
  readonly q: tf.Tensor3D;
  /** [b, l, keyHeads·dh], as v: [b, l, d] where every head of queries has its own. */
  readonly k: tf.Tensor3D;
  readonly v: tf.Tensor3D;
}

export type FusedLayout = 'interleaved' | 'blocks';

/** The layer's entry when decoding. */
export function stateOf(context: LayerContext, layer: number): LayerState | undefined {
  if (context.states === undefined) return undefined;
  const state = context.states[layer];
  if (state === undefined) throw new Error(`no decoding state for layer ${layer}`);
  return state;
}

/**
 * Puts tensors into a layer's state, which owns them from then on: they outlive the enclosing `tidy`; those that were there
 * and stay are kept, the others disposed.
 */
export function replaceState(state: LayerState, tensors: readonly tf.Tensor[]): void {
  const old = state.tensors;
  state.tensors = tensors.map((tensor) => tf.keep(tensor));
  tf.dispose(old.filter((tensor) => !tensors.includes(tensor)));
}

/**
 * Causal attention of new positions over themselves and, when decoding, over the cached ones: → [b, l, d].
 * @param options `keyHeads`: heads of keys and values, where each serves several heads of queries
 */
export function attend(
  { q, k, v }: QueryKeyValue,
  { keyHeads, ...options }: AttentionOptions & { readonly keyHeads?: number },
  state: LayerState | undefined,
): tf.Tensor3D {
  const shared = (x: tf.Tensor3D) => (keyHeads ? repeatHeads(x, keyHeads, options.heads) : x);
  if (state === undefined) return attention({ q, k: shared(k), v: shared(v) }, options);
  const [cachedKeys, cachedValues] = state.tensors as tf.Tensor3D[];
  const keys = cachedKeys ? tf.concat([cachedKeys, k], 1) : k; // [b, c + l, d]
  const values = cachedValues ? tf.concat([cachedValues, v], 1) : v; // [b, c + l, d]
  const offset = cachedKeys?.shape[1] ?? 0;
  const attended = attention({ q, k: shared(keys), v: shared(values) }, { ...options, offset }); // [b, l, d]
  // The next query's window reaches back over window − 1 positions: no earlier one is looked at again.
  const reach = options.window === undefined ? Infinity : options.window - 1;
  replaceState(state, [lastPositions(keys, reach), lastPositions(values, reach)]);
  return attended;
}

/** Each of g heads as often as it serves heads of queries: x [b, l, g·dh] → [b, l, h·dh]. */
function repeatHeads(x: tf.Tensor3D, g: number, h: number): tf.Tensor3D {
  const [b, l, width] = x.shape;
  if (g === h) return x;
  const rows = tf.reshape(x, [b * l * g, width / g]);
  const copies = tf.concat(
    Array.from({ length: h / g }, () => rows),
    1,
  ); // [b·l·g, h/g·dh]
  return tf.reshape(copies, [b, l, (width / g) * h]);
}

/** As `attend`, of the fused product qkv [b, l, 3·d]. */
export function attendFused(
  qkv: tf.Tensor3D,
  layout: FusedLayout,
  options: AttentionOptions,
  state: LayerState | undefined,
): tf.Tensor3D {
  if (state === undefined) return attention({ qkv, layout }, options);
  // One sequence: that of generation.
  if (canAppend() && qkv.shape[0] === 1) return attendInPlace(qkv, layout, options, state);
  return attend(splitFused(qkv, layout, options.heads), options, state);
}

/** Fewest positions that a cache has room for. */
const LEAST_CAPACITY = 64;

function attendInPlace(
  qkv: tf.Tensor3D,
  layout: FusedLayout,
  options: AttentionOptions,
  state: LayerState,
): tf.Tensor3D {
  const [, l, width] = qkv.shape;
  const { length = 0 } = state;
  let [cache] = state.tensors as tf.Tensor3D[];
  const capacity = cache?.shape[1] ?? 0;
  if (cache === undefined || length + l > capacity) {
    const grown = Math.max(LEAST_CAPACITY, 2 * capacity, length + l);
    cache = cache
      ? tf.pad(cache, [
          [0, 0],
          [0, grown - capacity],
          [0, 0],
        ])
      : tf.zeros<tf.Rank.R3>([1, grown, width]); // [1, grown, 3·d]
    replaceState(state, [cache]);
  }
  state.length = length + l;
  return attentionAppend(qkv, cache, length, layout, options); // [1, l, d]
}

function splitFused(qkv: tf.Tensor3D, layout: FusedLayout, heads: number): QueryKeyValue {
  const [b, l, fused] = qkv.shape;
  const width = fused / 3;
  const shape =
    layout === 'interleaved' ? [b, l, heads, 3, width / heads] : [b, l, 3, heads, width / heads];
  const parts = tf.unstack(tf.reshape(qkv, shape), layout === 'interleaved' ? 3 : 2); // 3 × [b, l, h, dh]
  const [q, k, v] = parts.map((part) => tf.reshape<tf.Rank.R3>(part, [b, l, width])); // 3 × [b, l, d]
  return { q: q!, k: k!, v: v! };
}

/** The last `count` positions of x [b, l, d], or all of them. */
export function lastPositions(x: tf.Tensor3D, count: number): tf.Tensor3D {
  const [b, l, d] = x.shape;
  return l <= count ? x : tf.slice(x, [0, l - count, 0], [b, count, d]); // [b, count, d]
}
