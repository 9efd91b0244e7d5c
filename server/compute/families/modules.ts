/**
 * The modules that models are made of, by the name under which their weights are stored.
 * Symbols: b batch, l length, d width.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Activation } from '../../models/configFields';
import { mix32 } from '../../models/random';
import { gelu, silu } from '../engine/kernels/activations';
import { dropout } from '../engine/kernels/dropout';
import { linear } from '../engine/kernels/linear';
import { layerNorm, rmsNorm } from '../engine/kernels/norms';
import { addResidual } from '../engine/kernels/residual';
import type { LayerContext, WeightLookup } from './family';

/** torch's `Linear` at `name`, weight [n, k]: x [b, l, k] → [b, l, n]. */
export function linearAt(
  weights: WeightLookup,
  name: string,
  x: tf.Tensor3D,
  bias: 'bias' | 'noBias' = 'bias',
): tf.Tensor3D {
  const added = bias === 'bias' ? weights(`${name}.bias`) : undefined;
  return linear(x, weights(`${name}.weight`), added, { transposed: true }) as tf.Tensor3D;
}

/** GPT-2's `Conv1D` at `name`, weight [k, n]: x [b, l, k] → [b, l, n]. */
export function conv1dAt(weights: WeightLookup, name: string, x: tf.Tensor3D): tf.Tensor3D {
  const bias = weights(`${name}.bias`);
  return linear(x, weights(`${name}.weight`), bias, { transposed: false }) as tf.Tensor3D;
}

/** LayerNorm at `name`: [b, l, d] → [b, l, d]. */
export function layerNormAt(
  weights: WeightLookup,
  name: string,
  x: tf.Tensor3D,
  epsilon: number,
): tf.Tensor3D {
  const gain = weights(`${name}.weight`);
  return layerNorm(x, gain, weights(`${name}.bias`), epsilon) as tf.Tensor3D;
}

/** RMSNorm at `name`: [b, l, d] → [b, l, d]. */
export function rmsNormAt(
  weights: WeightLookup,
  name: string,
  x: tf.Tensor3D,
  epsilon: number,
): tf.Tensor3D {
  return rmsNorm(x, weights(`${name}.weight`), epsilon) as tf.Tensor3D;
}

/** Product with the rows of a table [V, d], a tied embedding or a head: x [b, l, d] → [b, l, V]. */
export function logitsAt(table: tf.Tensor, x: tf.Tensor3D): tf.Tensor3D {
  return linear(x, table, undefined, { transposed: true }) as tf.Tensor3D;
}

/** A family's activation, entry by entry: [b, l, c] → [b, l, c]. */
export function activate(x: tf.Tensor3D, activation: Activation): tf.Tensor3D {
  switch (activation) {
    case 'gelu':
      return gelu(x, 'erf') as tf.Tensor3D;
    case 'geluTanh':
      return gelu(x, 'tanh') as tf.Tensor3D;
    case 'relu':
      return tf.relu(x);
    case 'silu':
      return silu(x) as tf.Tensor3D;
  }
}

/**
 * x plus the learned embeddings of positions offset … offset + l − 1: x [b, l, d], table [positions, d] → [b, l, d].
 * @throws RangeError when the sequence is longer than the table
 */
export function addPositions(table: tf.Tensor, x: tf.Tensor3D, offset: number): tf.Tensor3D {
  const [, length, width] = x.shape;
  const positions = table.shape[0];
  if (offset + length > positions) {
    throw new RangeError(`${offset + length} tokens, but the model knows ${positions} positions`);
  }
  const rows = tf.slice(table as tf.Tensor2D, [offset, 0], [length, width]); // [l, d]
  return tf.add(x, tf.reshape(rows, [1, length, width]));
}

type Part = (u: tf.Tensor3D) => tf.Tensor3D;

/**
 * A transformer's layer: u plus attention's part of it, then the feed-forward part of that sum, or of u where they are
 * parallel. Each part is in a tidy of its own: nothing of attention's but the sum is there beside the inner layer.
 * u [b, l, d] → [b, l, d].
 */
export function withParts(
  u: tf.Tensor3D,
  attention: Part,
  feedForward: Part,
  order: 'parallel' | 'sequential' = 'sequential',
): tf.Tensor3D {
  const sum = tf.tidy(() => addResidual(u, attention(u)));
  return addResidual(
    sum,
    tf.tidy(() => feedForward(order === 'parallel' ? u : sum)),
  );
}

/** Where a model drops: each place in a layer has masks of its own. */
export type DropoutSite = 'embedding' | 'attention' | 'residual' | 'feedForward';
const SITES: readonly DropoutSite[] = ['embedding', 'attention', 'residual', 'feedForward'];

/** Options of a dropout, `undefined` where nothing is dropped (evaluation, rate 0). */
export function dropoutAt(
  context: LayerContext,
  rate: number,
  site: DropoutSite,
  layer = 0,
): { readonly rate: number; readonly key: number } | undefined {
  if (!context.training || rate === 0) return undefined;
  const place = layer * SITES.length + SITES.indexOf(site) + 1;
  return { rate, key: mix32(context.dropoutKey ^ Math.imul(place, 0x9e3779b9)) };
}

/** Dropout of activations: [b, l, d] → [b, l, d]. */
export function dropped(
  x: tf.Tensor3D,
  context: LayerContext,
  rate: number,
  site: DropoutSite,
  layer = 0,
): tf.Tensor3D {
  const options = dropoutAt(context, rate, site, layer);
  return options ? (dropout(x, options) as tf.Tensor3D) : x;
}
