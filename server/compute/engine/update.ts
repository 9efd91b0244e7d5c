/** What an optimiser does to variables in place, in one pass over memory where the engine can. */
import * as tf from '@tensorflow/tfjs-core';
import { readScalars } from './read';

export type Pair = readonly [a: tf.Tensor, b: tf.Tensor];

/** What an engine may bring itself instead of the composites below. */
export interface UpdateKernels {
  readonly accumulate: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;
  /** As `accumulate` for each pair. */
  readonly accumulateAll?: (pairs: readonly Pair[]) => tf.Tensor[];
  readonly squaredNorm: (tensors: readonly tf.Tensor[]) => Promise<number>;
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
  return accumulated([a, b], kernels ? kernels.accumulate(a, b) : tf.add(a, b));
}

/** As `accumulateInto` for each pair. */
export function accumulateAll(pairs: readonly Pair[]): tf.Tensor[] {
  const together = own()?.accumulateAll;
  if (!together) return pairs.map(([a, b]) => accumulateInto(a, b));
  return together(pairs).map((sum, index) => accumulated(pairs[index]!, sum));
}

function accumulated([a, b]: Pair, sum: tf.Tensor): tf.Tensor {
  if (sum !== a) a.dispose();
  b.dispose();
  return sum;
}

/**
 * Σ over tensors of Σ x², in the order given. An engine's own kernel sums in float64. Without one each tensor's sum is made
 * where it lies, in float32, and what is added up in float64 are those sums, after one read of them all.
 */
export async function squaredNorm(tensors: readonly tf.Tensor[]): Promise<number> {
  const kernels = own();
  if (kernels) return kernels.squaredNorm(tensors);
  const sums = tf.tidy(() => tensors.map((tensor) => tf.sum(tf.square(tensor))));
  try {
    return (await readScalars(sums)).reduce((total, sum) => total + sum, 0);
  } finally {
    tf.dispose(sums);
  }
}

/**
 * One AdamW update of every entry in place (Loshchilov & Hutter, arXiv 1711.05101, as torch.optim.AdamW computes it):
 * value ← value·(1 − lr·decay) − lr/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε).
 */
export function adamwStep(entries: readonly AdamwEntry[], options: AdamwOptions): void {
  const kernels = own();
  if (kernels) kernels.adamw(entries, options);
  else for (const entry of entries) adamwComposite(entry, options);
}

function adamwComposite(
  { value, grad, m, v, step, decay }: AdamwEntry,
  { learningRate, beta1, beta2, epsilon, gradScale }: AdamwOptions,
): void {
  const stepSize = learningRate / (1 - beta1 ** step);
  const secondScale = Math.sqrt(1 - beta2 ** step);
  tf.tidy(() => {
    const g = tf.mul(grad, gradScale);
    const first = tf.add(tf.mul(m, beta1), tf.mul(g, 1 - beta1));
    const second = tf.add(tf.mul(v, beta2), tf.mul(tf.square(g), 1 - beta2));
    const denominator = tf.add(tf.div(tf.sqrt(second), secondScale), epsilon);
    const change = tf.div(tf.mul(first, stepSize), denominator);
    // A variable takes over the values that it is assigned and lets its own go.
    value.assign(tf.sub(tf.mul(value, 1 - learningRate * decay), change));
    m.assign(first);
    v.assign(second);
  });
}
