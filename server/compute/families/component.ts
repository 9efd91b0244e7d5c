/** One component by itself, without a hybrid around it. */
import * as tf from '@tensorflow/tfjs-core';
import type { Architecture } from '../../models/architecture';
import { familyBlocks } from './families';
import type { LayerContext, LayerState, WeightLookup } from './family';

/** A whole sequence, nothing dropped. */
export const EVALUATION: LayerContext = {
  training: false,
  dropoutKey: 0,
  offset: 0,
  states: undefined,
};

/** Empty decoding states, one a layer. */
export function emptyStates(architecture: Architecture): LayerState[] {
  return Array.from({ length: architecture.layers }, () => ({ tensors: [] }));
}

/** Frees what decoding states hold; they are empty after. */
export function disposeStates(states: readonly LayerState[]): void {
  for (const state of states) {
    tf.dispose(state.tensors);
    state.tensors = [];
  }
}

/**
 * Logits of every position: ids int32 [b, l], each below V → [b, l, V].
 * @throws RangeError when positions run out; Error naming a tensor that is missing
 */
export function componentForward(
  architecture: Architecture,
  weights: WeightLookup,
  ids: tf.Tensor2D,
  context: LayerContext = EVALUATION,
): tf.Tensor3D {
  const blocks = familyBlocks(architecture.family);
  const embedded = blocks.embed(architecture, weights, ids); // [b, l, d]
  let u = blocks.enter(architecture, weights, embedded, context);
  for (let layer = 0; layer < architecture.layers; layer++) {
    u = blocks.layer(architecture, weights, layer, u, context);
  }
  const normed = blocks.finalNorm(architecture, weights, u);
  return blocks.head(architecture, weights, normed); // [b, l, V]
}
