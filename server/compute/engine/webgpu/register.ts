/** How a kernel of ours becomes one of tfjs's for this backend. */
import * as tf from '@tensorflow/tfjs-core';
import { BACKEND_NAME, type WebgpuBackend } from './backend';

/** What tfjs passes to a kernel; inputs by name or, for kernels with optional ones, by position. */
export interface Call {
  readonly inputs: Record<string, tf.TensorInfo>;
  readonly attrs: Record<string, unknown>;
  readonly backend: WebgpuBackend;
}

export function register(
  kernelName: string,
  kernel: (call: Call) => tf.TensorInfo | tf.TensorInfo[],
): void {
  tf.registerKernel({
    kernelName,
    backendName: BACKEND_NAME,
    kernelFunc: (call) => kernel(call as unknown as Call),
  });
}
