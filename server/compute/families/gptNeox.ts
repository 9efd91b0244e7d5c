/**
 * GPT-NeoX (Black et al. 2022), the architecture of Pythia.
 * Symbols: b batch, l length, d width, h heads, dh = d/h width of a head, V vocabulary, ln layer norm.
 *
 *     parallel:    u ← u + W_o · attention(W_qkv · ln_1(u)) + W_2 · gelu(W_1 · ln_2(u))
 *     one by one:  u ← u + W_o · attention(W_qkv · ln_1(u));  u ← u + W_2 · gelu(W_1 · ln_2(u))
 *
 * The first `rotaryDims` entries of each head's query and key turn with the position.
 */
import { tidy, type Tensor3D } from '@tensorflow/tfjs-core';
import type { Architecture } from '../../models/architecture';
import { gptNeoxSettings } from '../../models/gptNeox';
import { embedding } from '../engine/kernels/embedding';
import { rotary } from '../engine/kernels/rotary';
import { attendFused, stateOf } from './decoding';
import type { FamilyBlocks, LayerContext, WeightLookup } from './family';
import {
  activate,
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
    gptNeoxSettings(architecture).parallelResidual ? 'parallel' : 'sequential',
  );

/** W_o · attention(W_qkv · ln_1(u)): [b, l, d] → [b, l, d]. */
function attentionPart(
  architecture: Architecture,
  weights: WeightLookup,
  index: number,
  u: Tensor3D,
  context: LayerContext,
): Tensor3D {
  const settings = gptNeoxSettings(architecture);
  const { heads, rotaryDims } = settings;
  const headDim = architecture.width / heads;
  const bias = settings.attentionBias ? 'bias' : 'noBias';
  const at = `layers.${index}.attention`;
  const x = layerNormAt(weights, `layers.${index}.input_layernorm`, u, settings.epsilon);
  const qkv = linearAt(weights, `${at}.query_key_value`, x, bias); // [b, l, 3·d]
  const turn = {
    heads,
    headDim,
    dims: rotaryDims,
    base: settings.rotaryBase,
    offset: context.offset,
  };
  const turned = rotaryDims > 0 ? rotary(qkv, { layout: 'interleaved', ...turn }) : qkv;
  const attended = attendFused(
    turned,
    'interleaved',
    {
      heads,
      scale: headDim ** -0.5,
      dropout: dropoutAt(context, settings.attentionDropout, 'attention', index),
    },
    stateOf(context, index),
  ); // [b, l, d]
  const mixed = linearAt(weights, `${at}.dense`, attended, bias);
  return dropped(mixed, context, settings.hiddenDropout, 'residual', index);
}

/** W_2 · gelu(W_1 · ln_2(u)): [b, l, d] → [b, l, d]. */
function feedForwardPart(
  architecture: Architecture,
  weights: WeightLookup,
  index: number,
  u: Tensor3D,
  context: LayerContext,
): Tensor3D {
  const { epsilon, activation, hiddenDropout } = gptNeoxSettings(architecture);
  const at = `layers.${index}`;
  const inner = tidy(() => {
    const x = layerNormAt(weights, `${at}.post_attention_layernorm`, u, epsilon);
    return activate(linearAt(weights, `${at}.mlp.dense_h_to_4h`, x), activation);
  }); // [b, l, inner]
  const fed = linearAt(weights, `${at}.mlp.dense_4h_to_h`, inner); // [b, l, d]
  return dropped(fed, context, hiddenDropout, 'feedForward', index);
}

export const gptNeox: FamilyBlocks = {
  name: 'gptNeox',
  embed: (_architecture, weights, ids) => embedding(weights('embed_in.weight'), ids),
  enter: (architecture, _weights, u, context) =>
    dropped(u, context, gptNeoxSettings(architecture).hiddenDropout, 'embedding'),
  layer,
  finalNorm: (architecture, weights, u) =>
    layerNormAt(weights, 'final_layer_norm', u, gptNeoxSettings(architecture).epsilon),
  head: ({ tiedHead }, weights, u) =>
    logitsAt(weights(tiedHead ? 'embed_in.weight' : 'embed_out.weight'), u),
};
