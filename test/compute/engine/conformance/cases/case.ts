/** A kernel's case: an op on random inputs of given shapes, which every engine must compute as the oracle does. */
import * as tf from '@tensorflow/tfjs-core';

export interface Case {
  readonly name: string;
  /** Float inputs by shape; each gets a gradient. */
  readonly shapes: readonly number[][];
  readonly op: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** Applied to the random inputs first, to bring them where the op is defined. */
  readonly prepare?: (values: Float32Array, input: number) => Float32Array;
  /** Instead of the usual one, with the reason where it is given. */
  readonly tolerance?: number;
  /** The same in float64, entry by entry, without what is masked: output and gradients of Σ output·dy. */
  readonly loop?: (inputs: readonly Float32Array[], dy: Float32Array) => Float64Array[];
}

export type Rest = Pick<Case, 'prepare' | 'tolerance' | 'loop'>;

/** A list of cases and what adds to it. */
export function caseList() {
  const cases: Case[] = [];
  const add = (name: string, shapes: number[][], op: Case['op'], rest: Rest = {}): void => {
    cases.push({ name, shapes, op, ...rest });
  };
  return { cases, add };
}

/** Ids below `below`, some of them twice. */
export const ids = (count: number, below: number): tf.Tensor1D =>
  tf.tensor1d(
    Int32Array.from({ length: count }, (_, i) => (i * 7 + 3) % below),
    'int32',
  );
