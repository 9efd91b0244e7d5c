/** Softmax cross-entropy summed over the scored rows; the fused kernel never holds a second [rows, V] tensor. */
import * as tf from '@tensorflow/tfjs-core';
import { hasKernel, runKernel, runKernels, widthOf } from './fused';

export const CROSS_ENTROPY = 'ManticoreCrossEntropy';
export const CROSS_ENTROPY_GRAD = 'ManticoreCrossEntropyGrad';
/** Takes tfjs's ArgMax: `x` [r, V] and `axis` −1. */
export const FIRST_OF_LARGEST = 'ManticoreFirstOfLargest';

export interface CrossEntropyOptions {
  /** Rows with this target are not scored: -100. */
  readonly ignore: number;
}

/**
 * logits [r, V], targets int32 [r] → `loss`: Σ over scored rows of logsumexp(logits) − logits[target], a scalar.
 * Gradient: softmax − one-hot on scored rows, 0 on the others.
 */
export function crossEntropy(
  logits: tf.Tensor,
  targets: tf.Tensor,
  { ignore }: CrossEntropyOptions,
): { readonly loss: tf.Scalar } {
  const [rows, vocabulary] = logits.shape as [number, number];
  if (logits.rank !== 2 || targets.size !== rows) {
    throw new Error(
      `crossEntropy: logits [${logits.shape.join(', ')}] and ${targets.size} targets do not fit`,
    );
  }
  if (hasKernel(CROSS_ENTROPY)) {
    const [loss] = runKernels(CROSS_ENTROPY, { logits, targets }, { ignore });
    return { loss: loss as tf.Scalar };
  }
  const scored = tf.notEqual(targets, tf.scalar(ignore, 'int32')); // [r]
  const ids = tf.where(scored, targets, tf.zerosLike(targets)) as tf.Tensor1D;
  const { shape } = logits;
  const largest = tf.customGrad((x) => ({
    value: tf.max(x as tf.Tensor, -1, true),
    // The shift cancels in logsumexp, so nothing flows through it.
    gradFunc: () => tf.zeros(shape),
  }))(logits); // [r, 1]
  const exponentials = tf.exp(tf.sub(logits, largest));
  const logSum = tf.add(tf.log(tf.sum(exponentials, -1)), tf.reshape(largest, [rows])); // [r]
  const oneHot = tf.cast(tf.oneHot(ids, vocabulary), 'bool');
  const picked = tf.sum(tf.where(oneHot, logits, tf.zerosLike(logits)), -1); // [r]
  const each = tf.sub(logSum, picked);
  return { loss: tf.sum(tf.where(scored, each, tf.zerosLike(each))) };
}

/**
 * How many rows are right: scored, their largest logit (the first of equals) the target's. A float32 scalar, exact below
 * 2²⁴ rows; no gradient.
 */
export function countCorrect(
  logits: tf.Tensor,
  targets: tf.Tensor,
  { ignore }: CrossEntropyOptions,
): tf.Scalar {
  const scored = tf.notEqual(targets, tf.scalar(ignore, 'int32')); // [r]
  const correct = tf.logicalAnd(scored, tf.equal(firstOfLargest(logits), targets)); // [r]
  return tf.sum<tf.Scalar>(tf.cast(correct, 'float32'));
}

/** Place of each row's largest entry, the first of equals, int32: [r, V] → [r]. argMax promises no order among equals. */
function firstOfLargest(logits: tf.Tensor): tf.Tensor {
  if (hasKernel(FIRST_OF_LARGEST)) return runKernel(FIRST_OF_LARGEST, { x: logits }, { axis: -1 });
  const width = widthOf(logits);
  const isLargest = tf.equal(logits, tf.max(logits, -1, true)); // [r, V]
  const places = tf.range(0, width, 1, 'float32'); // [V]
  return tf.cast(tf.min(tf.where(isLargest, places, tf.fill([width], width)), -1), 'int32');
}

tf.registerGradient({
  kernelName: CROSS_ENTROPY,
  inputsToSave: ['logits', 'targets'],
  outputsToSave: [false, true],
  gradFunc: (dys, saved, attributes) => {
    const [dy] = dys as tf.Tensor[];
    const [logits, targets, logSums] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
    return {
      logits: () =>
        runKernel(
          CROSS_ENTROPY_GRAD,
          { dy: dy!, logits, targets, logSums },
          { ignore: attributes['ignore'] as number },
        ),
      targets: () => tf.zerosLike(targets),
    };
  },
});
