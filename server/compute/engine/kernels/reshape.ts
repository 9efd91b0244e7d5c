/** A change of shape of which the tape keeps nothing. */
import type * as tf from '@tensorflow/tfjs-core';
import { runReshape } from '../tape';

/** As `tf.reshape`, which keeps its input for the sake of its shape: here a gradient keeps the shape alone. */
export const reshaped = <R extends tf.Rank = tf.Rank>(
  x: tf.Tensor,
  shape: readonly number[],
): tf.Tensor<R> => runReshape(x, shape) as tf.Tensor<R>;
