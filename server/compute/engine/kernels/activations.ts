/**
 * Activations: GELU (Hendrycks & Gimpel, arXiv 1606.08415; exact and tanh forms), SiLU, softplus, and the gated SwiGLU
 * (Shazeer, arXiv 2002.05202), without its linear maps.
 */
import * as tf from '@tensorflow/tfjs-core';
import { hasKernel, runKernel, runKernels } from './fused';

export const ACTIVATION = 'ManticoreActivation';
export const ACTIVATION_GRAD = 'ManticoreActivationGrad';
export const SWIGLU = 'ManticoreSwiglu';
export const SWIGLU_GRAD = 'ManticoreSwigluGrad';

export type ActivationKind = 'gelu-erf' | 'gelu-tanh' | 'silu' | 'softplus';

const tanhScale = Math.sqrt(2 / Math.PI);
const tanhCubic = 0.044715;

/** `erf`: x·Φ(x); `tanh`: ½x(1 + tanh(√(2/π)(x + 0.044715x³))). */
export function gelu(x: tf.Tensor, form: 'erf' | 'tanh'): tf.Tensor {
  if (hasKernel(ACTIVATION))
    return runKernel(ACTIVATION, { x }, { kind: `gelu-${form}` }, { isCheap: true });
  const half = tf.mul(x, 0.5);
  if (form === 'erf') return tf.mul(half, tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
  const cubic = tf.mul(tf.mul(tf.square(x), x), tanhCubic);
  return tf.mul(half, tf.add(tf.tanh(tf.mul(tf.add(x, cubic), tanhScale)), 1));
}

/** x·σ(x). */
export function silu(x: tf.Tensor): tf.Tensor {
  if (hasKernel(ACTIVATION))
    return runKernel(ACTIVATION, { x }, { kind: 'silu' }, { isCheap: true });
  return tf.mul(x, tf.sigmoid(x));
}

/** log(1 + eˣ), without overflow. */
export function softplus(x: tf.Tensor): tf.Tensor {
  if (hasKernel(ACTIVATION))
    return runKernel(ACTIVATION, { x }, { kind: 'softplus' }, { isCheap: true });
  // tfjs's own softplus returns x above a threshold and eˣ below one; its gradient is σ(x).
  return tf.softplus(x);
}

/** silu(gate) · up, entry by entry; both of one shape. Gradient: dy·up·silu'(gate) and dy·silu(gate). */
export function swiglu(gate: tf.Tensor, up: tf.Tensor): tf.Tensor {
  tf.util.assertShapesMatch(gate.shape, up.shape, 'swiglu: ');
  if (hasKernel(SWIGLU)) return runKernel(SWIGLU, { gate, up }, {}, { isCheap: true });
  return tf.mul(silu(gate), up);
}

tf.registerGradient({
  kernelName: SWIGLU,
  inputsToSave: ['gate', 'up'],
  gradFunc: (dy, saved) => {
    const [gate, up] = saved as [tf.Tensor, tf.Tensor];
    const [dGate, dUp] = runKernels(SWIGLU_GRAD, { dy: dy as tf.Tensor, gate, up }, {});
    return { gate: () => dGate!, up: () => dUp! };
  },
});

tf.registerGradient({
  kernelName: ACTIVATION,
  inputsToSave: ['x'],
  gradFunc: (dy, saved, attributes) => ({
    x: () =>
      runKernel(
        ACTIVATION_GRAD,
        { dy: dy as tf.Tensor, x: saved[0]! },
        { kind: attributes['kind'] as string },
      ),
  }),
});
