/** Kernels of tfjs's that a tensor without entries breaks: they divide by its size. */
import * as tf from '@tensorflow/tfjs-core';
import { BACKEND_NAME } from './backend';
import { register, type Call } from './register';

/** Gives what `ofNothing` makes where the first input is empty; tfjs's own kernel runs else. */
function whereEmpty(
  name: string,
  ofNothing: (x: tf.TensorInfo, call: Call) => tf.TensorInfo,
): void {
  const { kernelFunc } = tf.getKernel(name, BACKEND_NAME);
  tf.unregisterKernel(name, BACKEND_NAME);
  register(name, (call) => {
    const x = Object.values(call.inputs)[0]!;
    return tf.util.sizeFromShape(x.shape) === 0
      ? ofNothing(x, call)
      : kernelFunc(call as unknown as Parameters<typeof kernelFunc>[0]);
  });
}

export function registerEmptyKernels(): void {
  whereEmpty('Softmax', (logits, { backend }) =>
    backend.makeTensorInfo(logits.shape, 'float32', new Float32Array(0)),
  );
  whereEmpty('Sum', (x, { attrs, backend }) => {
    const { axis, keepDims } = attrs as { axis: number | number[] | null; keepDims: boolean };
    const axes = tf.util.parseAxisParam(axis ?? x.shape.map((_, i) => i), x.shape);
    const [left] = tf.backend_util.computeOutAndReduceShapes(x.shape, axes);
    const shape = keepDims ? tf.backend_util.expandShapeToKeepDim(left, axes) : left;
    const dtype = x.dtype === 'float32' ? 'float32' : 'int32';
    const zeros = tf.util.makeZerosTypedArray(tf.util.sizeFromShape(shape), dtype);
    return backend.makeTensorInfo(shape, dtype, zeros);
  });
}
