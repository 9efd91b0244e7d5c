/**
 * Llama (Touvron et al., arXiv 2302.13971).
 * Symbols: b batch, l length, d width, h heads of queries, g heads of keys and values, dh width of a head, V vocabulary.
 *
 *     u ← u + W_o · attention(turn(W_q·x), turn(W_k·x), W_v·x), x = rms_1(u)
 *     u ← u + W_down · (silu(W_gate·y) ∘ W_up·y), y = rms_2(u)
 *
 * Each head of keys and values serves h/g heads of queries (Ainslie et al., arXiv 2305.13245). Heads turn as a whole.
 */
import type { Tensor3D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Architecture } from '../../models/architecture';
import { llamaSettings } from '../../models/llama';
import { swiglu } from '../engine/kernels/activations';
import { embedding } from '../engine/kernels/embedding';
import { rotary } from '../engine/kernels/rotary';
import { attend, stateOf } from './decoding';
import type { FamilyBlocks, LayerContext, WeightLookup } from './family';
import { activate, dropoutAt, linearAt, logitsAt, rmsNormAt, withParts } from './modules';

const layer: FamilyBlocks['layer'] = (architecture, weights, index, u, context) =>
  withParts(
    u,
    (x) => attentionPart(architecture, weights, index, x, context),
    (x) => feedForwardPart(architecture, weights, index, x),
  );

/** W_o · attention: [b, l, d] → [b, l, d]. */
function attentionPart(
  architecture: Architecture,
  weights: WeightLookup,
  index: number,
  u: Tensor3D,
  context: LayerContext,
): Tensor3D {
  const settings = llamaSettings(architecture);
  const { heads, keyHeads, headDim, rotaryScaling } = settings;
  const at = `layers.${index}`;
  const bias = settings.attentionBias ? 'bias' : 'noBias';
  const x = rmsNormAt(weights, `${at}.input_layernorm`, u, settings.epsilon);
  const projected = (name: string) => linearAt(weights, `${at}.self_attn.${name}`, x, bias);
  const turned = (part: Tensor3D, own: number) =>
    rotary(part, {
      ...{ layout: 'blocks', heads: own, headDim, dims: headDim },
      ...{ base: settings.rotaryBase, offset: context.offset },
      ...(rotaryScaling && { scaling: rotaryScaling }),
    });
  const attended = attend(
    {
      q: turned(projected('q_proj'), heads), // [b, l, h·dh]
      k: turned(projected('k_proj'), keyHeads), // [b, l, g·dh]
      v: projected('v_proj'), // [b, l, g·dh]
    },
    {
      heads,
      keyHeads,
      scale: headDim ** -0.5,
      dropout: dropoutAt(context, settings.attentionDropout, 'attention', index),
    },
    stateOf(context, index),
  ); // [b, l, h·dh]
  return linearAt(weights, `${at}.self_attn.o_proj`, attended, bias); // [b, l, d]
}

/** W_down · (silu(W_gate·y) ∘ W_up·y), y = rms_2(u): [b, l, d] → [b, l, d]. */
function feedForwardPart(
  architecture: Architecture,
  weights: WeightLookup,
  index: number,
  u: Tensor3D,
): Tensor3D {
  const { epsilon, activation, feedForwardBias } = llamaSettings(architecture);
  const at = `layers.${index}`;
  const bias = feedForwardBias ? 'bias' : 'noBias';
  const gated = tf.tidy(() => {
    const y = rmsNormAt(weights, `${at}.post_attention_layernorm`, u, epsilon);
    const gate = linearAt(weights, `${at}.mlp.gate_proj`, y, bias);
    const up = linearAt(weights, `${at}.mlp.up_proj`, y, bias);
    return activation === 'silu' ? swiglu(gate, up) : tf.mul(activate(gate, activation), up);
  }); // [b, l, inner]
  return linearAt(weights, `${at}.mlp.down_proj`, gated as Tensor3D, bias); // [b, l, d]
}

export const llama: FamilyBlocks = {
  name: 'llama',
  embed: (_architecture, weights, ids) => embedding(weights('embed_tokens.weight'), ids),
  enter: (_architecture, _weights, u) => u,
  layer,
  finalNorm: (architecture, weights, u) =>
    rmsNormAt(weights, 'norm', u, llamaSettings(architecture).epsilon),
  head: ({ tiedHead }, weights, u) =>
    logitsAt(weights(tiedHead ? 'embed_tokens.weight' : 'lm_head.weight'), u),
};
