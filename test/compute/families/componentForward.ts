/** One component by itself, without a hybrid around it: what the families and the hybrid are compared by. */
import type * as tf from '@tensorflow/tfjs-core';
import type { Architecture } from '../../../server/models/architecture';
import { familyBlocks } from '../../../server/compute/families/families';
import type { LayerContext, WeightLookup } from '../../../server/compute/families/family';

/** A whole sequence, nothing dropped. */
export const EVALUATION: LayerContext = {
  training: false,
  dropoutKey: 0,
  offset: 0,
  states: undefined,
};

/** Logits of every position: ids int32 [b, l], each below V → [b, l, V]. */
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
