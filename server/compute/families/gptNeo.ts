/**
 * GPT-Neo (Black et al. 2021).
 * Symbols: b batch, l length, d width, h heads, V vocabulary, ln layer norm.
 *
 *     u ← u + W_o · attention(W_q·x, W_k·x, W_v·x), x = ln_1(u);  u ← u + W_2 · gelu(W_1 · ln_2(u))
 *
 * Scores are not scaled by 1/√(d/h). Local layers see a window of the last positions, the query itself counted.
 */
import { tidy, type Tensor3D } from '@tensorflow/tfjs-core';
import type { Architecture } from '../../models/architecture';
import { gptNeoSettings } from '../../models/gptNeo';
import { embedding } from '../engine/kernels/embedding';
import { attend, stateOf } from './decoding';
import type { FamilyBlocks, LayerContext, WeightLookup } from './family';
import {
  activate,
  addPositions,
  dropoutAt,
  dropped,
  layerNormAt,
  linearAt,
  logitsAt,
  withParts,
} from './modules';

const layer: FamilyBlocks['layer'] = (architecture, weights, index, u, context) =>
  withParts(
    u,
    (x) => attentionPart(architecture, weights, index, x, context),
    (x) => feedForwardPart(architecture, weights, index, x, context),
  );

/** W_o · attention(W_q·x, W_k·x, W_v·x), x = ln_1(u): [b, l, d] → [b, l, d]. */
function attentionPart(
  architecture: Architecture,
  weights: WeightLookup,
  index: number,
  u: Tensor3D,
  context: LayerContext,
): Tensor3D {
  const settings = gptNeoSettings(architecture);
  const at = `h.${index}`;
  const x = layerNormAt(weights, `${at}.ln_1`, u, settings.epsilon);
  const projected = (name: string) =>
    linearAt(weights, `${at}.attn.attention.${name}`, x, 'noBias'); // [b, l, d]
  const attended = attend(
    { q: projected('q_proj'), k: projected('k_proj'), v: projected('v_proj') },
    {
      heads: settings.heads,
      scale: 1,
      window: settings.attention[index] === 'local' ? settings.window : undefined,
      dropout: dropoutAt(context, settings.attentionDropout, 'attention', index),
    },
    stateOf(context, index),
  ); // [b, l, d]
  const mixed = linearAt(weights, `${at}.attn.attention.out_proj`, attended);
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
  const { epsilon, activation, residualDropout } = gptNeoSettings(architecture);
  const at = `h.${index}`;
  const inner = tidy(() => {
    const normed = layerNormAt(weights, `${at}.ln_2`, u, epsilon);
    return activate(linearAt(weights, `${at}.mlp.c_fc`, normed), activation);
  }); // [b, l, inner]
  const fed = linearAt(weights, `${at}.mlp.c_proj`, inner); // [b, l, d]
  return dropped(fed, context, residualDropout, 'feedForward', index);
}

export const gptNeo: FamilyBlocks = {
  name: 'gptNeo',
  embed: (_architecture, weights, ids) => embedding(weights('wte.weight'), ids),
  enter: (architecture, weights, u, context) => {
    const { embeddingDropout } = gptNeoSettings(architecture);
    const placed = addPositions(weights('wpe.weight'), u, context.offset);
    return dropped(placed, context, embeddingDropout, 'embedding');
  },
  layer,
  finalNorm: (architecture, weights, u) =>
    layerNormAt(weights, 'ln_f', u, gptNeoSettings(architecture).epsilon),
  head: ({ tiedHead }, weights, u) =>
    logitsAt(weights(tiedHead ? 'wte.weight' : 'lm_head.weight'), u),
};
