/** Our implementations of tfjs's own kernels, in place of its CPU ones. */
import * as tf from '@tensorflow/tfjs-core';
import { BACKEND_NAME, type WasmBackend } from './backend';

/** What tfjs passes to a kernel, with our backend. */
export interface Call {
  readonly inputs: Record<string, tf.TensorInfo>;
  readonly attrs: Record<string, unknown>;
  readonly backend: WasmBackend;
}

export type Kernel = (call: Call) => tf.TensorInfo | tf.TensorInfo[] | undefined;

/** Replaces a CPU kernel; where `kernel` gives `undefined` the CPU's runs. */
export function override(kernelName: string, kernel: Kernel): void {
  const { kernelFunc } = tf.getKernel(kernelName, 'cpu');
  tf.unregisterKernel(kernelName, BACKEND_NAME);
  tf.registerKernel({
    kernelName,
    backendName: BACKEND_NAME,
    kernelFunc: (call) => kernel(call as unknown as Call) ?? kernelFunc(call),
  });
}
