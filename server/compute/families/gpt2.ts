/**
 * GPT-2 (Radford et al. 2019).
 * Symbols: b batch, l length, d width, h heads, dh = d/h width of a head, V vocabulary, ln layer norm.
 *
 *     u ← u + W_o · attention(W_qkv · ln_1(u));  u ← u + W_2 · gelu(W_1 · ln_2(u))
 */
import { tidy, type Tensor3D } from '@tensorflow/tfjs-core';
import type { Architecture } from '../../models/architecture';
import { gpt2Settings } from '../../models/gpt2';
import { embedding } from '../engine/kernels/embedding';
import { attendFused, stateOf } from './decoding';
import type { FamilyBlocks, LayerContext, WeightLookup } from './family';
import {
  activate,
  addPositions,
  conv1dAt,
  dropoutAt,
  dropped,
  layerNormAt,
  logitsAt,
  withParts,
} from './modules';

const layer: FamilyBlocks['layer'] = (architecture, weights, index, u, context) =>
  withParts(
    u,
    (x) => attentionPart(architecture, weights, index, x, context),
    (x) => feedForwardPart(architecture, weights, index, x, context),
  );

/** W_o · attention(W_qkv · ln_1(u)): [b, l, d] → [b, l, d]. */
function attentionPart(
  architecture: Architecture,
  weights: WeightLookup,
  index: number,
  u: Tensor3D,
  context: LayerContext,
): Tensor3D {
  const settings = gpt2Settings(architecture);
  const { heads, epsilon } = settings;
  const at = `h.${index}`;
  const headDim = architecture.width / heads;
  const attended = attendFused(
    conv1dAt(weights, `${at}.attn.c_attn`, layerNormAt(weights, `${at}.ln_1`, u, epsilon)), // [b, l, 3·d]
    'blocks',
    {
      heads,
      scale:
        (settings.scaleAttention ? headDim ** -0.5 : 1) / (settings.scaleByLayer ? index + 1 : 1),
      dropout: dropoutAt(context, settings.attentionDropout, 'attention', index),
    },
    stateOf(context, index),
  ); // [b, l, d]
  const mixed = conv1dAt(weights, `${at}.attn.c_proj`, attended);
  return dropped(mixed, context, settings.residualDropout, 'residual', index);
}

/** W_2 · gelu(W_1 · ln_2(u)): [b, l, d] → [b, l, d]. */
function feedForwardPart(
  architecture: Architecture,
  weights: WeightLookup,
  index: number,
  u: Tensor3D,
  context: LayerContext,
): Tensor3D {
  const { epsilon, activation, residualDropout } = gpt2Settings(architecture);
  const at = `h.${index}`;
  const inner = tidy(() => {
    const normed = layerNormAt(weights, `${at}.ln_2`, u, epsilon);
    return activate(conv1dAt(weights, `${at}.mlp.c_fc`, normed), activation);
  }); // [b, l, inner]
  const fed = conv1dAt(weights, `${at}.mlp.c_proj`, inner); // [b, l, d]
  return dropped(fed, context, residualDropout, 'feedForward', index);
}

export const gpt2: FamilyBlocks = {
  name: 'gpt2',
  embed: (_architecture, weights, ids) => embedding(weights('wte.weight'), ids),
  enter: (architecture, weights, u, context) => {
    const { embeddingDropout } = gpt2Settings(architecture);
    const placed = addPositions(weights('wpe.weight'), u, context.offset);
    return dropped(placed, context, embeddingDropout, 'embedding');
  },
  layer,
  finalNorm: (architecture, weights, u) =>
    layerNormAt(weights, 'ln_f', u, gpt2Settings(architecture).epsilon),
  head: ({ tiedHead }, weights, u) =>
    logitsAt(weights(tiedHead ? 'wte.weight' : 'lm_head.weight'), u),
};
