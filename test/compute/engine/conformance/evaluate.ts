/** What a case computes on the current engine. */
import * as tf from '@tensorflow/tfjs-core';
import type { Case } from './cases/case';
import type { Values } from './compare';
import { randomValues } from './random';

/** Changes one input's values before they become a tensor. */
export type Change = (values: Float32Array, input: number) => void;

/** The tensors' values; the tensors are freed. */
export async function valuesOf(tensors: readonly tf.Tensor[]): Promise<Values[]> {
  const values = await Promise.all(tensors.map((tensor) => tensor.data()));
  tf.dispose([...tensors]);
  return values;
}

export async function valuesIn(f: () => tf.Tensor): Promise<Values> {
  const [values] = await valuesOf([tf.tidy(f)]);
  return values!;
}

/** Output, then the gradient of Σ output·weights for each input. */
export function evaluate({ shapes, op, prepare }: Case, change?: Change): Promise<Values[]> {
  const results = tf.tidy(() => {
    const inputs = shapes.map((shape, i) => {
      const drawn = randomValues(tf.util.sizeFromShape(shape), i + 1);
      const values = prepare ? prepare(drawn, i) : drawn;
      change?.(values, i);
      return tf.tensor(values, shape);
    });
    const y = op(...inputs);
    const weights = tf.tensor(randomValues(y.size, 77), y.shape);
    const grads = tf.grads((...xs: tf.Tensor[]) => tf.sum(tf.mul(op(...xs), weights)))(inputs);
    return [y, ...grads];
  });
  return valuesOf(results);
}
