/** Sines with a frequency a column, the activation of networks that make filters (Sitzmann et al., arXiv 2006.09661). */
import * as tf from '@tensorflow/tfjs-core';

/** sin(f_j · x_ij): x [n, c], frequencies [c] → [n, c]. Keeps both. */
export function sine(x: tf.Tensor2D, frequencies: tf.Tensor1D): tf.Tensor2D {
  const made = tf.customGrad((...given) => {
    const [own, scale, save] = given as [tf.Tensor2D, tf.Tensor1D, tf.GradSaveFunc];
    save([own, scale]);
    return {
      value: tf.sin(tf.mul(own, scale)),
      gradFunc: (dy, saved) => {
        const [kept, factors] = saved as [tf.Tensor2D, tf.Tensor1D];
        const slope = tf.mul(dy, tf.cos(tf.mul(kept, factors))); // [n, c]
        return [tf.mul(slope, factors), tf.sum(tf.mul(slope, kept), 0)];
      },
    };
  });
  return made(x, frequencies) as tf.Tensor2D;
}
