/** What an optimiser does to variables in place, in one pass over memory where the engine can. */
import * as tf from '@tensorflow/tfjs-core';

/** What an engine may bring itself instead of the plain loops below. */
export interface UpdateKernels {
  readonly accumulate: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;
  readonly squaredNorm: (tensors: readonly tf.Tensor[]) => number;
  readonly adamw: (entries: readonly AdamwEntry[], options: AdamwOptions) => void;
}

export interface AdamwEntry {
  readonly value: tf.Variable;
  readonly grad: tf.Tensor;
  /** First moment. */
  readonly m: tf.Variable;
  /** Second moment. */
  readonly v: tf.Variable;
  /** This update's number for this parameter, from 1. */
  readonly step: number;
  /** Decoupled weight decay; 0 for none. */
  readonly decay: number;
}

export interface AdamwOptions {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Factor on every gradient: clipping, and division by the number of scored tokens. */
  readonly gradScale: number;
}

const byBackend = new Map<string, UpdateKernels>();

/** Makes `kernels` the implementation on this backend. */
export function registerUpdateKernels(backend: string, kernels: UpdateKernels): void {
  byBackend.set(backend, kernels);
}

const own = (): UpdateKernels | undefined => byBackend.get(tf.getBackend());

/**
 * a + b; `a` (added to in place where the engine can) and `b` are disposed: the result alone is to be used.
 * The result is not tracked by an enclosing tidy unless it is returned from it.
 */
export function accumulateInto(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  const kernels = own();
  const sum = kernels ? kernels.accumulate(a, b) : tf.add(a, b);
  if (sum !== a) a.dispose();
  b.dispose();
  return sum;
}

/** Σ over tensors of Σ x², in float64, in the order given. */
export function squaredNorm(tensors: readonly tf.Tensor[]): number {
  const kernels = own();
  if (kernels) return kernels.squaredNorm(tensors);
  let total = 0;
  for (const tensor of tensors) {
    for (const value of tensor.dataSync<'float32'>()) total += value * value;
  }
  return total;
}

/**
 * One AdamW update of every entry in place (Loshchilov & Hutter, arXiv 1711.05101, as torch.optim.AdamW computes it):
 * value ← value·(1 − lr·decay) − lr/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε).
 */
export function adamwStep(entries: readonly AdamwEntry[], options: AdamwOptions): void {
  const kernels = own();
  if (kernels) kernels.adamw(entries, options);
  else for (const entry of entries) adamwPlain(entry, options);
}

function adamwPlain({ value, grad, m, v, step, decay }: AdamwEntry, options: AdamwOptions): void {
  const { learningRate, beta1, beta2, epsilon, gradScale } = options;
  const values = value.dataSync<'float32'>().slice();
  const grads = grad.dataSync<'float32'>();
  const first = m.dataSync<'float32'>().slice();
  const second = v.dataSync<'float32'>().slice();
  const stepSize = learningRate / (1 - beta1 ** step);
  const secondScale = Math.sqrt(1 - beta2 ** step);
  const keep = 1 - learningRate * decay;
  for (let i = 0; i < values.length; i++) {
    const g = grads[i]! * gradScale;
    first[i] = beta1 * first[i]! + (1 - beta1) * g;
    second[i] = beta2 * second[i]! + (1 - beta2) * g * g;
    const denominator = Math.sqrt(second[i]!) / secondScale + epsilon;
    values[i] = values[i]! * keep - (stepSize * first[i]!) / denominator;
  }
  const assign = (variable: tf.Variable, data: Float32Array) => {
    const fresh = tf.tensor(data, variable.shape);
    variable.assign(fresh);
    fresh.dispose();
  };
  assign(value, values);
  assign(m, first);
  assign(v, second);
}
