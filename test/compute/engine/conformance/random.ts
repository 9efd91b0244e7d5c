/** Numbers for tests: the same on every machine. Roughly normal, from a linear congruential generator. */
import * as tf from '@tensorflow/tfjs-core';

export function randomValues(count: number, seed: number): Float32Array {
  let state = (seed * 2654435761) >>> 0;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  return Float32Array.from({ length: count }, () => 2 * (uniform() + uniform() + uniform()));
}

export const randomTensor = (shape: number[], seed = 1): tf.Tensor =>
  tf.tensor(randomValues(tf.util.sizeFromShape(shape), seed), shape);

/** The caller disposes it. */
export const randomVariable = (shape: number[], seed = 1): tf.Variable =>
  tf.tidy((): tf.Variable => tf.variable<tf.Rank>(randomTensor(shape, seed)));
