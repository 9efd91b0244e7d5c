/**
 * The weights' AdamW (Loshchilov and Hutter, arXiv 1711.05101, as torch.optim.AdamW computes it) over parameters by name.
 * All its state is in `AdamwState`: moments are tensors, changed in place by the engine's fused step.
 */
import * as tf from '@tensorflow/tfjs-core';
import { adamwStep, squaredNorm } from '../engine/update';
import type { TrainableParameter } from './model';

/** AdamW's running means of a parameter's gradient and of its square, each of the parameter's shape, float32. */
export interface Moments {
  readonly first: tf.Variable;
  readonly second: tf.Variable;
  /** Updates that this parameter has had. */
  updates: number;
}

/** By parameter name. A parameter enters with its first gradient. */
export type AdamwState = Map<string, Moments>;

export interface AdamwSettings {
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Largest global norm of the gradient; 0 = none. */
  readonly clip: number;
}

export interface ParameterGradient {
  readonly parameter: TrainableParameter;
  readonly gradient: tf.Tensor;
}

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/** No moments yet. Its tensors live until `disposeAdamw`. */
export function initialAdamw(): AdamwState {
  return new Map();
}

/** ‖g / divisor‖ over all gradients. */
export async function globalNorm(
  gradients: readonly ParameterGradient[],
  divisor: number,
): Promise<number> {
  return Math.sqrt(await squaredNorm(gradients.map(({ gradient }) => gradient))) / divisor;
}

/**
 * One update by the mean gradient g / divisor. What isn't in `gradients` gets no decay, no moment and no count.
 * @param norm as `globalNorm` gives it; clipping scales as torch's clip_grad_norm_ does
 */
export function updateWeights(
  state: AdamwState,
  gradients: readonly ParameterGradient[],
  divisor: number,
  norm: number,
  settings: AdamwSettings,
): void {
  const clipping = settings.clip > 0 ? Math.min(1, settings.clip / (norm + 1e-6)) : 1;
  const entries = gradients.map(({ parameter, gradient }) => {
    const moments = momentsFor(state, parameter);
    moments.updates += 1;
    return {
      value: parameter.variable,
      grad: gradient,
      m: moments.first,
      v: moments.second,
      step: moments.updates,
      decay: parameter.decay ? settings.weightDecay : 0,
    };
  });
  adamwStep(entries, {
    learningRate: settings.learningRate,
    beta1: BETA1,
    beta2: BETA2,
    epsilon: EPSILON,
    gradScale: clipping / divisor,
  });
}

/** Moments as arrays: what a checkpoint and a parked component keep. */
export interface StoredMoments {
  readonly first: Float32Array;
  readonly second: Float32Array;
  readonly updates: number;
}

/** Copies; the moments stay as they are. */
export async function readMoments({ first, second, updates }: Moments): Promise<StoredMoments> {
  const copies = await Promise.all([first, second].map((each) => each.data<'float32'>()));
  const [own, squares] = copies.map((values) => values.slice()) as [Float32Array, Float32Array];
  return { first: own, second: squares, updates };
}

/** Puts stored moments in place for a parameter that has none. */
export function restoreMoments(
  state: AdamwState,
  parameter: TrainableParameter,
  stored: StoredMoments,
): void {
  dropMoments(state, parameter.name);
  const { shape } = parameter.variable;
  state.set(parameter.name, {
    first: variableOf(stored.first, shape),
    second: variableOf(stored.second, shape),
    updates: stored.updates,
  });
}

/** Frees the moments of parameter `name`, if it has any: its next gradient begins anew. */
export function dropMoments(state: AdamwState, name: string): void {
  const moments = state.get(name);
  moments?.first.dispose();
  moments?.second.dispose();
  state.delete(name);
}

/** Frees all moments. */
export function disposeAdamw(state: AdamwState): void {
  for (const name of [...state.keys()]) dropMoments(state, name);
}

function momentsFor(state: AdamwState, { name, variable }: TrainableParameter): Moments {
  let moments = state.get(name);
  if (moments === undefined) {
    const zeros = () => variableOf(new Float32Array(variable.size), variable.shape);
    moments = { first: zeros(), second: zeros(), updates: 0 };
    state.set(name, moments);
  }
  return moments;
}

/** Replaces a parameter's values; lengths agree. */
export function assignValues({ variable }: TrainableParameter, values: Float32Array): void {
  const fresh = tf.tensor(values, variable.shape, 'float32');
  variable.assign(fresh);
  fresh.dispose();
}

/** A variable that holds the only reference to its values, so that an engine may update them in place. */
function variableOf(values: Float32Array, shape: readonly number[]): tf.Variable {
  const initial = tf.tensor(values, [...shape], 'float32');
  const variable = tf.variable(initial, false);
  initial.dispose();
  return variable;
}
