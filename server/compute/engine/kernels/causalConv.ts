/** Causal depthwise convolution over time, as in Mamba (Gu & Dao, arXiv 2312.00752), with its SiLU. */
import * as tf from '@tensorflow/tfjs-core';
import { silu } from './activations';
import { hasKernel, runKernel, runKernels } from './fused';

export const CAUSAL_CONV = 'ManticoreCausalConv';
export const CAUSAL_CONV_GRAD = 'ManticoreCausalConvGrad';
export const CAUSAL_CONV_STEP = 'ManticoreCausalConvStep';

export interface CausalConvOptions {
  /** Whether SiLU is applied to the result. */
  readonly silu: boolean;
  /** The k − 1 inputs before x, [b, k−1, c]; zeros when absent. For decoding: no gradient flows to it. */
  readonly previous?: tf.Tensor | undefined;
}

/**
 * y[t, c] = bias[c] + Σ_j w[c, 0, j] · x[t − (k−1) + j, c]; x [b, l, c], w [c, 1, k] (torch's Conv1d with groups = c),
 * bias [c] → [b, l, c].
 */
export function causalConv(
  x: tf.Tensor,
  w: tf.Tensor,
  bias: tf.Tensor | undefined,
  options: CausalConvOptions,
): tf.Tensor3D {
  const [b, l, c] = x.shape as [number, number, number];
  const [channels, one, k] = w.shape as [number, number, number];
  if (x.rank !== 3 || channels !== c || one !== 1) {
    throw new Error(`causalConv: x [${x.shape.join(', ')}] does not fit w [${w.shape.join(', ')}]`);
  }
  if (options.previous === undefined && hasKernel(CAUSAL_CONV)) {
    const inputs = bias ? [x, w, bias] : [x, w];
    return runKernel(CAUSAL_CONV, inputs, { silu: options.silu }) as tf.Tensor3D;
  }
  const before = options.previous ?? tf.zeros([b, k - 1, c]);
  const padded = tf.concat([before, x], 1); // [b, k−1+l, c]
  const taps = tf.reshape(w, [c, k]);
  let y = bias;
  for (let j = 0; j < k; j++) {
    // [c], not [1, 1, c]: tfjs's gradient of a product does not sum over an axis of length 0 that was 1.
    const tap = tf.reshape(tf.slice(taps, [0, j], [c, 1]), [c]);
    const term = tf.mul(tf.slice(padded, [0, j, 0], [b, l, c]), tap); // [b, l, c]
    y = y ? tf.add(y, term) : term;
  }
  return (options.silu ? silu(y!) : y!) as tf.Tensor3D;
}

/**
 * As `causalConv` behind `previous`, and what the next positions need of these: `recent`, the last k − 1 inputs, [b, k−1, c].
 * For decoding: without gradient.
 */
export function causalConvStep(
  x: tf.Tensor3D,
  w: tf.Tensor,
  bias: tf.Tensor | undefined,
  { silu: withSilu, previous }: CausalConvOptions & { readonly previous: tf.Tensor },
): { readonly y: tf.Tensor3D; readonly recent: tf.Tensor3D } {
  const [b, l, c] = x.shape;
  const reach = w.shape[2]! - 1;
  tf.util.assertShapesMatch(previous.shape, [b, reach, c], 'causalConv, previous: ');
  if (hasKernel(CAUSAL_CONV_STEP)) {
    const inputs = bias ? [x, w, previous, bias] : [x, w, previous];
    const [y, recent] = runKernels(CAUSAL_CONV_STEP, inputs, { silu: withSilu });
    return { y: y as tf.Tensor3D, recent: recent as tf.Tensor3D };
  }
  const known = tf.concat([previous as tf.Tensor3D, x], 1); // [b, k − 1 + l, c]
  return {
    y: causalConv(x, w, bias, { silu: withSilu, previous }),
    recent: tf.slice(known, [0, l, 0], [b, reach, c]),
  };
}

tf.registerGradient({
  kernelName: CAUSAL_CONV,
  saveAllInputs: true,
  gradFunc: (dy, saved, attributes) => {
    const attrs = { silu: attributes['silu'] as boolean };
    const grads = runKernels(CAUSAL_CONV_GRAD, [dy as tf.Tensor, ...saved], attrs);
    return Object.fromEntries(grads.map((grad, i) => [i, () => grad]));
  },
});
