/** The sum of a residual stream and what is added to it. */
import * as tf from '@tensorflow/tfjs-core';
import { hasKernel, runKernel } from './fused';

export const RESIDUAL = 'ManticoreResidual';

/**
 * x + y of one shape. Gradient: dy for both. tfjs's own sum keeps both summands for the sake of their shapes; this one keeps
 * nothing.
 */
export function addResidual<T extends tf.Tensor>(x: T, y: T): T {
  tf.util.assertShapesMatch(x.shape, y.shape, 'addResidual: ');
  if (hasKernel(RESIDUAL)) return runKernel(RESIDUAL, { x, y }, {}) as T;
  return tf.add(x, y);
}

tf.registerGradient({
  kernelName: RESIDUAL,
  gradFunc: (dy) => ({ x: () => dy as tf.Tensor, y: () => dy as tf.Tensor }),
});
