/** Linear map of the last axis: y = x·Wᵀ + b (torch's Linear) or x·W + b (GPT-2's Conv1D). */
import * as tf from '@tensorflow/tfjs-core';
import { letGo } from '../remade';
import { hasKernel, rowsOf, runKernel, widthOf } from './fused';

export const LINEAR = 'ManticoreLinear';
export const LINEAR_GRAD_INPUT = 'ManticoreLinearGradInput';
export const LINEAR_GRAD_WEIGHT = 'ManticoreLinearGradWeight';
export const COLUMN_SUM = 'ManticoreColumnSum';

export interface LinearOptions {
  /** `true`: w is [n, k] (torch's Linear); `false`: w is [k, n] (GPT-2's Conv1D). */
  readonly transposed: boolean;
}

/**
 * x [..., k], w [n, k] or [k, n], bias [n] → [..., n].
 * Gradient: dx = dy·W (or dy·Wᵀ), dW = dyᵀ·x (or xᵀ·dy), db = column sums of dy.
 */
export function linear(
  x: tf.Tensor,
  w: tf.Tensor,
  bias: tf.Tensor | undefined,
  { transposed }: LinearOptions,
): tf.Tensor {
  const [outer, inner] = w.shape;
  const n = transposed ? outer : inner!;
  const k = transposed ? inner! : outer;
  if (w.rank !== 2 || widthOf(x) !== k) {
    throw new Error(`linear: x [${x.shape.join(', ')}] does not fit w [${w.shape.join(', ')}]`);
  }
  if (hasKernel(LINEAR)) {
    // Gradients are made in this order: that of x needs x no more.
    return runKernel(LINEAR, bias ? { w, bias, x } : { w, x }, { transposed });
  }
  const rows = tf.reshape(x, [rowsOf(x), k]); // [rows, k]
  const product = tf.matMul(rows, w, false, transposed); // [rows, n]
  const sum = bias ? tf.add(product, bias) : product;
  return tf.reshape(sum, [...x.shape.slice(0, -1), n]); // [..., n]
}

tf.registerGradient({
  kernelName: LINEAR,
  inputsToSave: ['x', 'w'],
  gradFunc: (dy, saved, attributes) => {
    const [x, w] = saved as [tf.Tensor, tf.Tensor];
    const g = dy as tf.Tensor;
    const attrs = { transposed: attributes['transposed'] as boolean };
    return {
      x: () => runKernel(LINEAR_GRAD_INPUT, { dy: g, w }, attrs),
      w: () => {
        const dw = runKernel(LINEAR_GRAD_WEIGHT, { dy: g, x }, attrs);
        letGo(x);
        return dw;
      },
      bias: () => runKernel(COLUMN_SUM, { x: g }, {}),
    };
  },
});
