/**
 * Layer normalisation (Ba et al., arXiv 1607.06450) and root-mean-square normalisation (Zhang & Sennrich,
 * arXiv 1910.07467) over the last axis.
 */
import * as tf from '@tensorflow/tfjs-core';
import { hasKernel, runKernel, runKernels } from './fused';

export const LAYER_NORM = 'ManticoreLayerNorm';
export const LAYER_NORM_GRAD = 'ManticoreLayerNormGrad';
export const RMS_NORM = 'ManticoreRmsNorm';
export const RMS_NORM_GRAD = 'ManticoreRmsNormGrad';

/** y = (x − mean) / √(var + ε) · gain + bias; x [..., d], gain [d], bias [d] → [..., d]. */
export function layerNorm(
  x: tf.Tensor,
  gain: tf.Tensor,
  bias: tf.Tensor,
  epsilon: number,
): tf.Tensor {
  if (hasKernel(LAYER_NORM))
    return runKernel(LAYER_NORM, { x, gain, bias }, { epsilon }, { isCheap: true });
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true); // [..., 1]
  const scale = tf.rsqrt(tf.add(variance, epsilon));
  return tf.add(tf.mul(tf.mul(centred, scale), gain), bias);
}

/** y = x / √(mean(x²) + ε) · gain; x [..., d], gain [d] → [..., d]. */
export function rmsNorm(x: tf.Tensor, gain: tf.Tensor, epsilon: number): tf.Tensor {
  if (hasKernel(RMS_NORM)) return runKernel(RMS_NORM, { x, gain }, { epsilon }, { isCheap: true });
  const meanSquare = tf.mean(tf.square(x), -1, true); // [..., 1]
  return tf.mul(tf.mul(x, tf.rsqrt(tf.add(meanSquare, epsilon))), gain);
}

tf.registerGradient({
  kernelName: LAYER_NORM,
  inputsToSave: ['x', 'gain'],
  gradFunc: (dy, saved, attributes) => {
    const [x, gain] = saved as [tf.Tensor, tf.Tensor];
    const [dx, dGain, dBias] = runKernels(
      LAYER_NORM_GRAD,
      { dy: dy as tf.Tensor, x, gain },
      { epsilon: attributes['epsilon'] as number },
    );
    return { x: () => dx!, gain: () => dGain!, bias: () => dBias! };
  },
});

tf.registerGradient({
  kernelName: RMS_NORM,
  inputsToSave: ['x', 'gain'],
  gradFunc: (dy, saved, attributes) => {
    const [x, gain] = saved as [tf.Tensor, tf.Tensor];
    const [dx, dGain] = runKernels(
      RMS_NORM_GRAD,
      { dy: dy as tf.Tensor, x, gain },
      { epsilon: attributes['epsilon'] as number },
    );
    return { x: () => dx!, gain: () => dGain! };
  },
});
