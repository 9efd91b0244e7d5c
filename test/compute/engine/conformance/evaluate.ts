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

/** The values that a case's inputs get. */
function inputValues({ shapes, prepare }: Case, change?: Change): Float32Array[] {
  return shapes.map((shape, i) => {
    const drawn = randomValues(tf.util.sizeFromShape(shape), i + 1);
    const values = prepare ? prepare(drawn, i) : drawn;
    change?.(values, i);
    return values;
  });
}

/** Factors of the outputs in the sum whose gradient is taken. */
const outputWeights = (count: number) => randomValues(count, 77);

/** Output, then the gradient of Σ output·weights for each input. */
export function evaluate(one: Case, change?: Change): Promise<Values[]> {
  const { shapes, op } = one;
  const results = tf.tidy(() => {
    const inputs = inputValues(one, change).map((values, i) => tf.tensor(values, shapes[i]));
    const y = op(...inputs);
    const weights = tf.tensor(outputWeights(y.size), y.shape);
    const grads = tf.grads((...xs: tf.Tensor[]) => tf.sum(tf.mul(op(...xs), weights)))(inputs);
    return [y, ...grads];
  });
  return valuesOf(results);
}

/** The same by the case's float64 loop, where it has one; `count`: entries of its output. */
export function evaluateLoop(one: Case, count: number, change?: Change): Values[] | undefined {
  return one.loop?.(inputValues(one, change), outputWeights(count));
}
