/**
 * Mamba (Gu & Dao, arXiv 2312.00752).
 * Symbols: b batch, l length, d width, c = dInner channels, n state entries a channel, k taps of the convolution,
 * r = dtRank, V vocabulary; Δ, A, B, C, D as in the paper.
 *
 *     x, z = W_in · rms(u);  x ← silu(conv(x));  Δ, B, C = W_x · x;  Δ ← softplus(W_Δ · Δ + b_Δ)
 *     u ← u + W_out · (scan(x; Δ, A, B, C, D) ∘ silu(z)),  A = −exp(A_log)
 */
import type { Tensor3D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Architecture } from '../../models/architecture';
import { mambaSettings } from '../../models/mamba';
import { softplus, swiglu } from '../engine/kernels/activations';
import { causalConv, causalConvStep } from '../engine/kernels/causalConv';
import { embedding } from '../engine/kernels/embedding';
import { selectiveScanWithState } from '../engine/kernels/selectiveScan';
import { addResidual } from '../engine/kernels/residual';
import { replaceState, stateOf } from './decoding';
import type { FamilyBlocks, LayerState, WeightLookup } from './family';
import { linearAt, logitsAt, rmsNormAt } from './modules';

const layer: FamilyBlocks['layer'] = (architecture, weights, index, u, context) => {
  const settings = mambaSettings(architecture);
  const bias = settings.bias ? 'bias' : 'noBias';
  const mixer = `layers.${index}.mixer`;
  const [x, z] = tf.tidy(() => {
    const normed = rmsNormAt(weights, `layers.${index}.norm`, u, settings.epsilon);
    const xz = linearAt(weights, `${mixer}.in_proj`, normed, bias); // [b, l, 2·c]
    return tf.split(xz, 2, 2) as [Tensor3D, Tensor3D]; // each [b, l, c]
  });
  const y = tf.tidy(() =>
    convolveAndScan(architecture, weights, mixer, x, stateOf(context, index)),
  ); // [b, l, c]
  const gated = swiglu(z, y) as Tensor3D;
  return addResidual(u, linearAt(weights, `${mixer}.out_proj`, gated, bias)); // [b, l, d]
};

/** Causal convolution, then the selective scan, from the layer's decoding state if it has one: [b, l, c] → [b, l, c]. */
function convolveAndScan(
  architecture: Architecture,
  weights: WeightLookup,
  mixer: string,
  x: Tensor3D,
  decoding: LayerState | undefined,
): Tensor3D {
  const { state: n, dtRank, convKernel, convBias } = mambaSettings(architecture);
  const [before, initial, decay] = decoding?.tensors ?? [];
  const taps = weights(`${mixer}.conv1d.weight`);
  const bias = convBias ? weights(`${mixer}.conv1d.bias`) : undefined;
  const { y: convolved, recent } = decoding
    ? causalConvStep(x, taps, bias, {
        silu: true,
        previous: before ?? tf.zeros([x.shape[0], convKernel - 1, x.shape[2]]),
      })
    : { y: causalConv(x, taps, bias, { silu: true }), recent: undefined }; // [b, l, c]
  const selected = linearAt(weights, `${mixer}.x_proj`, convolved, 'noBias'); // [b, l, r + 2·n]
  const [rank, B, C] = tf.split(selected, [dtRank, n, n], 2) as [Tensor3D, Tensor3D, Tensor3D];
  const delta = softplus(linearAt(weights, `${mixer}.dt_proj`, rank)); // [b, l, c]
  const A = decay ?? tf.neg(tf.exp(weights(`${mixer}.A_log`))); // [c, n]
  const D = weights(`${mixer}.D`);
  const { y, state } = selectiveScanWithState({ u: convolved, delta, A, B, C, D, initial });
  if (decoding && recent) replaceState(decoding, [recent, state, A]);
  return y;
}

export const mamba: FamilyBlocks = {
  name: 'mamba',
  embed: (_architecture, weights, ids) => embedding(weights('embeddings.weight'), ids),
  enter: (_architecture, _weights, u) => u,
  layer,
  finalNorm: (architecture, weights, u) =>
    rmsNormAt(weights, 'norm_f', u, mambaSettings(architecture).epsilon),
  head: ({ tiedHead }, weights, u) =>
    logitsAt(weights(tiedHead ? 'embeddings.weight' : 'lm_head.weight'), u),
};
