/**
 * How an op finds its implementation: the current backend's own kernel where it has one, else the composite of tfjs
 * ops beside it, which is right on every backend and the oracle of the tests.
 */
import type * as tf from '@tensorflow/tfjs-core';
import { kernelOf } from '../internals';
import { runRegistered, type RunOptions } from '../tape';

export type KernelAttributes = Record<
  string,
  number | boolean | string | Readonly<Record<string, number | string>>
>;

/** Whether the current backend brings this kernel itself. */
export function hasKernel(name: string): boolean {
  return kernelOf(name) !== undefined;
}

/**
 * By name; or by position for kernels with optional inputs, which then come last and are left out (tfjs saves all
 * inputs of such a kernel for its gradient, and names their gradients '0', '1', …).
 */
export type KernelInputs = tf.NamedTensorMap | readonly tf.Tensor[];

/** Runs a fused kernel of one output. */
export function runKernel(
  name: string,
  inputs: KernelInputs,
  attributes: KernelAttributes,
  options?: RunOptions,
): tf.Tensor {
  return runRegistered(name, inputs as tf.NamedTensorMap, attributes, options)[0]!;
}

/** Runs a fused kernel of several outputs. */
export function runKernels(
  name: string,
  inputs: KernelInputs,
  attributes: KernelAttributes,
): tf.Tensor[] {
  return runRegistered(name, inputs as tf.NamedTensorMap, attributes);
}

/** Length of the last axis. */
export function widthOf(x: { readonly shape: readonly number[] }): number {
  return x.shape[x.shape.length - 1] ?? 1;
}

/** Product of all axes but the last. */
export function rowsOf(x: { readonly shape: readonly number[] }): number {
  return x.shape.slice(0, -1).reduce((product, size) => product * size, 1);
}
