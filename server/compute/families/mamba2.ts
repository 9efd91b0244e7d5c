/**
 * Mamba-2 (Dao & Gu, arXiv 2405.21060).
 * Symbols: b batch, l length, d width, h heads, p channels a head, c = h·p = dInner, g groups, n state entries a channel,
 * k taps of the convolution, V vocabulary; Δ, A, B, C, D as in the paper.
 *
 *     z, xBC, Δ = W_in · rms(u);  x, B, C = silu(conv(xBC));  Δ ← cut(softplus(Δ + b_Δ))
 *     u ← u + W_out · rms_g(y ∘ silu(z)),  y = scan(x; Δ, A, B, C, D),  A = −exp(A_log)
 *
 * rms_g normalises the channels of each group by themselves.
 */
import type { Tensor3D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { Architecture } from '../../models/architecture';
import { convolvedChannels, mamba2Settings, type Mamba2Settings } from '../../models/mamba2';
import { softplus, swiglu } from '../engine/kernels/activations';
import { causalConv, causalConvStep } from '../engine/kernels/causalConv';
import { embedding } from '../engine/kernels/embedding';
import { rmsNorm } from '../engine/kernels/norms';
import { reshaped } from '../engine/kernels/reshape';
import { addResidual } from '../engine/kernels/residual';
import { stateSpaceDual } from '../engine/kernels/stateSpaceDual';
import { replaceState, stateOf } from './decoding';
import type { FamilyBlocks, LayerState, WeightLookup } from './family';
import { linearAt, logitsAt, rmsNormAt } from './modules';

const layer: FamilyBlocks['layer'] = (architecture, weights, index, u, context) => {
  const settings = mamba2Settings(architecture);
  const { inner, heads } = settings;
  const bias = settings.bias ? 'bias' : 'noBias';
  const mixer = `layers.${index}.mixer`;
  const [z, xBC, steps] = tf.tidy(() => {
    const normed = rmsNormAt(weights, `layers.${index}.norm`, u, settings.epsilon);
    const projected = linearAt(weights, `${mixer}.in_proj`, normed, bias); // [b, l, 2·c + 2·g·n + h]
    return tf.split(projected, [inner, convolvedChannels(settings), heads], 2) as [
      ...[Tensor3D, Tensor3D, Tensor3D],
    ];
  });
  const delta = stepSizes(settings, weights(`${mixer}.dt_bias`), steps); // [b, l, h]
  const y = tf.tidy(() =>
    convolveAndScan(architecture, weights, mixer, { xBC, delta }, stateOf(context, index)),
  );
  const gated = swiglu(z, y) as Tensor3D; // [b, l, c]
  const mixed = normGroups(gated, weights(`${mixer}.norm.weight`), settings);
  return addResidual(u, linearAt(weights, `${mixer}.out_proj`, mixed, bias)); // [b, l, d]
};

/** softplus(Δ + b_Δ), cut to the config's limits: [b, l, h]. */
function stepSizes(
  { stepLeast, stepMost }: Mamba2Settings,
  bias: tf.Tensor,
  steps: Tensor3D,
): Tensor3D {
  const delta = softplus(tf.add(steps, bias)) as Tensor3D;
  const isCut = stepLeast > 0 || stepMost < Infinity;
  // The largest finite number, which every engine takes.
  return isCut ? tf.clipByValue(delta, stepLeast, Math.min(stepMost, 3e38)) : delta;
}

/** RMSNorm of each group of channels, with a gain a channel: [b, l, c] → [b, l, c]. */
function normGroups(x: Tensor3D, gain: tf.Tensor, { groups, epsilon }: Mamba2Settings): Tensor3D {
  if (groups === 1) return rmsNorm(x, gain, epsilon) as Tensor3D;
  const [b, l, c] = x.shape;
  const split = reshaped(x, [b, l, groups, c / groups]);
  const normed = rmsNorm(split, tf.ones([c / groups]), epsilon);
  return tf.mul(reshaped<tf.Rank.R3>(normed, [b, l, c]), gain);
}

/** Convolution of x, B and C, then the scan, from the layer's decoding state if it has one: → [b, l, c]. */
function convolveAndScan(
  architecture: Architecture,
  weights: WeightLookup,
  mixer: string,
  { xBC, delta }: { readonly xBC: Tensor3D; readonly delta: Tensor3D },
  decoding: LayerState | undefined,
): Tensor3D {
  const settings = mamba2Settings(architecture);
  const { inner, groups, state: n, convKernel } = settings;
  const [before, initial] = decoding?.tensors ?? [];
  const taps = weights(`${mixer}.conv1d.weight`);
  const bias = settings.convBias ? weights(`${mixer}.conv1d.bias`) : undefined;
  const { y: convolved, recent } = decoding
    ? causalConvStep(xBC, taps, bias, {
        silu: true,
        previous: before ?? tf.zeros([xBC.shape[0], convKernel - 1, xBC.shape[2]]),
      })
    : { y: causalConv(xBC, taps, bias, { silu: true }), recent: undefined }; // [b, l, c + 2·g·n]
  const [x, B, C] = tf.split(convolved, [inner, groups * n, groups * n], 2) as [
    ...[Tensor3D, Tensor3D, Tensor3D],
  ];
  const A = tf.neg(tf.exp(weights(`${mixer}.A_log`))); // [h]
  const D = weights(`${mixer}.D`);
  const { y, state } = stateSpaceDual({ x, delta, A, B, C, D, groups, initial });
  if (decoding && recent) replaceState(decoding, [recent, state]);
  return y;
}

export const mamba2: FamilyBlocks = {
  name: 'mamba2',
  embed: (_architecture, weights, ids) => embedding(weights('embeddings.weight'), ids),
  enter: (_architecture, _weights, u) => u,
  layer,
  finalNorm: (architecture, weights, u) =>
    rmsNormAt(weights, 'norm_f', u, mamba2Settings(architecture).epsilon),
  head: ({ tiedHead }, weights, u) =>
    logitsAt(weights(tiedHead ? 'embeddings.weight' : 'lm_head.weight'), u),
};
