/** A change of shape of which the tape keeps nothing. */
import * as tf from '@tensorflow/tfjs-core';

/** As `tf.reshape`, which keeps its input for the sake of its shape: here a gradient keeps the shape alone. */
export function reshaped<R extends tf.Rank = tf.Rank>(
  x: tf.Tensor,
  shape: readonly number[],
): tf.Tensor<R> {
  const before = x.shape;
  const made = tf.customGrad((given) => ({
    value: tf.reshape(given as tf.Tensor, [...shape]),
    gradFunc: (dy) => tf.reshape(dy, before),
  }));
  return made(x) as tf.Tensor<R>;
}
