/** Products of matrices (`gemm.ts`) as tfjs's BatchMatMul and as our linear map with its gradients. */
import * as tf from '@tensorflow/tfjs-core';
import { rowsOf, widthOf } from '../kernels/fused';
import { COLUMN_SUM, LINEAR, LINEAR_GRAD_INPUT, LINEAR_GRAD_WEIGHT } from '../kernels/linear';
import { BACKEND_NAME } from './backend';
import { multiply, type Factor } from './gemm';
import { sumOfRows } from './rowSums';
import { register, type Call } from './register';

type Info = tf.TensorInfo;

/** A matrix without batches, as the left factor [m, k] or, turned, as the right one [k, n]. */
const rowMajor = (tensor: Info, width: number): Factor => ({
  ...{ tensor, batch: 0, outer: width, inner: 1 },
});
const columnMajor = (tensor: Info, width: number): Factor => ({
  ...{ tensor, batch: 0, outer: 1, inner: width },
});

export function registerProductKernels(): void {
  register(LINEAR, ({ inputs, attrs, backend }) => {
    const { x, w, bias } = inputs as { x: Info; w: Info; bias?: Info };
    const [outer, inner] = w.shape as [number, number];
    const transposed = attrs['transposed'] === true;
    const [n, k] = transposed ? [outer, inner] : [inner, outer];
    return multiply(backend, {
      a: rowMajor(x, k),
      b: transposed ? rowMajor(w, k) : columnMajor(w, n),
      ...(bias && { bias }),
      ...{ batches: 1, m: rowsOf(x), n, k, shape: [...x.shape.slice(0, -1), n] },
    });
  });
  register(LINEAR_GRAD_INPUT, ({ inputs, attrs, backend }) => {
    const { dy, w } = inputs as { dy: Info; w: Info };
    const [outer, inner] = w.shape as [number, number];
    const transposed = attrs['transposed'] === true;
    const [n, k] = transposed ? [outer, inner] : [inner, outer];
    return multiply(backend, {
      a: rowMajor(dy, n),
      b: transposed ? columnMajor(w, k) : rowMajor(w, n),
      ...{ batches: 1, m: rowsOf(dy), n: k, k: n, shape: [...dy.shape.slice(0, -1), k] },
    });
  });
  register(LINEAR_GRAD_WEIGHT, ({ inputs, attrs, backend }) => {
    const { dy, x } = inputs as { dy: Info; x: Info };
    const [left, right] = attrs['transposed'] === true ? [dy, x] : [x, dy];
    const [m, n] = [widthOf(left), widthOf(right)];
    return multiply(backend, {
      a: columnMajor(left, m),
      b: columnMajor(right, n),
      ...{ batches: 1, m, n, k: rowsOf(x), shape: [m, n] },
    });
  });
  register(COLUMN_SUM, ({ inputs, backend }) => sumOfRows(backend, inputs['x']!));
  const { kernelFunc } = tf.getKernel('BatchMatMul', BACKEND_NAME);
  tf.unregisterKernel('BatchMatMul', BACKEND_NAME);
  register('BatchMatMul', (call) => {
    // Batches that are spread over each other in part are rare, and left to tfjs.
    return batchMatMul(call) ?? kernelFunc(call as unknown as Parameters<typeof kernelFunc>[0]);
  });
}

function batchMatMul({ inputs, attrs, backend }: Call): Info | undefined {
  const { a, b } = inputs as { a: Info; b: Info };
  const { transposeA, transposeB } = attrs as { transposeA: boolean; transposeB: boolean };
  const [outerA, outerB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const [batchesA, batchesB] = [tf.util.sizeFromShape(outerA), tf.util.sizeFromShape(outerB)];
  const isSame = tf.util.arraysEqual(outerA, outerB);
  if (!isSame && batchesA !== 1 && batchesB !== 1) return undefined;
  const [rowsA, widthA] = a.shape.slice(-2) as [number, number];
  const [rowsB, widthB] = b.shape.slice(-2) as [number, number];
  const [m, k] = transposeA ? [widthA, rowsA] : [rowsA, widthA];
  const n = transposeB ? rowsB : widthB;
  const factor = (tensor: Info, batches: number, width: number, alongK: boolean): Factor => ({
    ...(alongK ? rowMajor(tensor, width) : columnMajor(tensor, width)),
    batch: batches === 1 ? 0 : tf.util.sizeFromShape(tensor.shape.slice(-2)),
  });
  return multiply(backend, {
    a: factor(a, batchesA, widthA, !transposeA),
    b: factor(b, batchesB, widthB, transposeB),
    ...{ batches: isSame ? batchesA : batchesA * batchesB, m, n, k },
    shape: [...tf.broadcast_util.assertAndGetBroadcastShape(outerA, outerB), m, n],
  });
}
