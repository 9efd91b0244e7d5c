/** Reads of tensors' values. All are asynchronous: a device hands values over when it has come to them. */
import * as tf from '@tensorflow/tfjs-core';

/**
 * The values of float32 scalars, in one read however many they are: on a device each read is a wait for all that was asked
 * of it before. The scalars stay the caller's.
 */
export async function readScalars(scalars: readonly tf.Tensor[]): Promise<number[]> {
  if (scalars.length === 0) return [];
  const [only] = scalars;
  if (scalars.length === 1) return Array.from(await only!.data<'float32'>());
  const together = tf.stack([...scalars]); // [scalars]
  try {
    return Array.from(await together.data<'float32'>());
  } finally {
    together.dispose();
  }
}
