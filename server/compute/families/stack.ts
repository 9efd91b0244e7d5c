/**
 * A stack of layers that are chosen one by one; what each kind is stands in `server/models/stack.ts`.
 * Symbols: b batch, l length, d width, h heads, dh = d/h, f width of a feed-forward layer, V vocabulary, rms RMSNorm.
 *
 *     hyena:      u ← u + hyena(rms(u)), `hyena.ts`
 *     attention:  u ← u + W_o · attention(rotary(W_qkv · rms(u)))      mamba:  as the family
 *     mlp:        u ← u + W_2 · gelu(W_1 · rms(u))                     swiglu: u ← u + W_2 · (silu(W_g x) ∘ W_1 x), x = rms(u)
 */
import type { Tensor3D } from '@tensorflow/tfjs-core';
import type { Architecture } from '../../models/architecture';
import { stackSettings } from '../../models/stack';
import { swiglu } from '../engine/kernels/activations';
import { embedding } from '../engine/kernels/embedding';
import { rmsNorm } from '../engine/kernels/norms';
import { addResidual } from '../engine/kernels/residual';
import { rotary } from '../engine/kernels/rotary';
import { attendFused, stateOf } from './decoding';
import type { FamilyBlocks, LayerContext, WeightLookup } from './family';
import { hyenaPart } from './hyena';
import { mamba } from './mamba';
import { activate, linearAt, logitsAt } from './modules';

const layer: FamilyBlocks['layer'] = (architecture, weights, index, u, context) => {
  const settings = stackSettings(architecture);
  const { layerTypes, epsilon } = settings;
  const kind = layerTypes[index]!;
  if (kind === 'mamba') return mamba.layer(architecture, weights, index, u, context);
  const x = rmsNorm(u, weights(`layers.${index}.norm.weight`), epsilon) as Tensor3D;
  const part = (): Tensor3D => {
    switch (kind) {
      case 'attention':
        return attentionPart(architecture, weights, index, x, context);
      case 'hyena': {
        const decoding = { offset: context.offset, state: stateOf(context, index) };
        return hyenaPart(settings, weights, `layers.${index}.hyena`, x, decoding);
      }
      case 'mlp':
      case 'swiglu':
        return feedForwardPart(weights, index, kind, x);
    }
  };
  return addResidual(u, part()); // [b, l, d]
};

/** W_o · attention(rotary(W_qkv · x)): [b, l, d] → [b, l, d]. */
function attentionPart(
  architecture: Architecture,
  weights: WeightLookup,
  index: number,
  x: Tensor3D,
  context: LayerContext,
): Tensor3D {
  const { heads, headDim, rotaryBase: base } = stackSettings(architecture);
  const at = `layers.${index}.attention`;
  const qkv = linearAt(weights, `${at}.qkv_proj`, x, 'noBias'); // [b, l, 3·d]
  const { offset } = context;
  const turned = rotary(qkv, { layout: 'blocks', heads, headDim, dims: headDim, base, offset });
  const options = { heads, scale: headDim ** -0.5 };
  const attended = attendFused(turned, 'blocks', options, stateOf(context, index)); // [b, l, d]
  return linearAt(weights, `${at}.out_proj`, attended, 'noBias');
}

/** [b, l, d] → [b, l, d]. */
function feedForwardPart(
  weights: WeightLookup,
  index: number,
  kind: 'mlp' | 'swiglu',
  x: Tensor3D,
): Tensor3D {
  const at = `layers.${index}.mlp`;
  const up = linearAt(weights, `${at}.up_proj`, x, 'noBias'); // [b, l, f]
  const inner =
    kind === 'mlp'
      ? activate(up, 'gelu')
      : (swiglu(linearAt(weights, `${at}.gate_proj`, x, 'noBias'), up) as Tensor3D);
  return linearAt(weights, `${at}.down_proj`, inner, 'noBias');
}

export const stack: FamilyBlocks = {
  name: 'stack',
  embed: (_architecture, weights, ids) => embedding(weights('embeddings.weight'), ids),
  enter: (_architecture, _weights, u) => u,
  layer,
  finalNorm: (architecture, weights, u) =>
    rmsNorm(u, weights('norm_f.weight'), stackSettings(architecture).epsilon) as Tensor3D,
  head: ({ tiedHead }, weights, u) =>
    logitsAt(weights(tiedHead ? 'embeddings.weight' : 'lm_head.weight'), u),
};
