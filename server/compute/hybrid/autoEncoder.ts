/**
 * The decoder of the compression task's auto-encoder (Poli et al., arXiv 2403.17844, and their code's `AutoEncoder`): each
 * position is rebuilt out of the state at the last one, where the encoder has read the whole sequence.
 * Symbols: b batch, l length, d width, h the residual stream, P sin-cos embeddings of the positions, ln layer norm.
 *
 *     x = h[l − 1] + P;   x ← gelu(W_i · ln_i(x) + b_i), i = 0, 1;   ln_2(x), into the component's head
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor3D } from '@tensorflow/tfjs-core';
import { DECODER_LAYERS } from '../../models/autoEncoder';
import type { WeightLookup } from '../families/family';
import { activate, layerNormAt, linearAt } from '../families/modules';

const EPSILON = 1e-5;

/** The state that the sequence is rebuilt of: h [b, l, d] → [b, 1, d]. */
export function lastState(h: Tensor3D): Tensor3D {
  const [batch, length, width] = h.shape;
  return tf.slice(h, [0, length - 1, 0], [batch, 1, width]);
}

/** What the head is applied to: state [b, 1, d] → [b, l, d]. */
export function decodeSequence(weights: WeightLookup, state: Tensor3D, length: number): Tensor3D {
  const width = state.shape[2];
  const positions = tf.tensor3d(sinCosPositions(length, width), [1, length, width], 'float32');
  let x = tf.add<Tensor3D>(state, positions); // [b, l, d]
  for (let layer = 0; layer < DECODER_LAYERS; layer++) {
    const normed = layerNormAt(weights, `decoder.norms.${layer}`, x, EPSILON);
    x = activate(linearAt(weights, `decoder.layers.${layer}`, normed), 'gelu'); // [b, l, d]
  }
  return layerNormAt(weights, `decoder.norms.${DECODER_LAYERS}`, x, EPSILON);
}

/**
 * Fixed embeddings of positions 0 … l − 1: sines in the lower half of the width, cosines in the upper, of position times
 * 10000^(−i / (d/2 − 1)); a last 0 where the width is odd (fairseq's form of Vaswani et al., arXiv 1706.03762).
 * @returns [l, d], row-major
 */
export function sinCosPositions(length: number, width: number): Float32Array {
  const half = Math.floor(width / 2);
  const table = new Float32Array(length * width);
  for (let position = 0; position < length; position++) {
    for (let i = 0; i < half; i++) {
      const angle = position * 10_000 ** (-i / Math.max(half - 1, 1));
      table[position * width + i] = Math.sin(angle);
      table[position * width + half + i] = Math.cos(angle);
    }
  }
  return table;
}
