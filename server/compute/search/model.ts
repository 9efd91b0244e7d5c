/** What the search needs of the thing it trains: narrow, so that the loop doesn't know hybrids. */
import type * as tf from '@tensorflow/tfjs-core';
import type { MixtureRow } from '../hybrid/mixture';
import type { Batch } from '../tasks/batches';

export interface TrainableParameter {
  /** Unique, stable over runs. */
  readonly name: string;
  readonly variable: tf.Variable;
  /** AdamW's decoupled decay applies. */
  readonly decay: boolean;
}

export interface LossContext {
  readonly training: boolean;
  /** 32 bits: key of this micro-batch's dropout. */
  readonly dropoutKey: number;
}

export interface BatchScore {
  /** Sum of the cross-entropies of the scored positions, nats. */
  readonly lossSum: number;
  /** Scored positions whose largest logit is the target. */
  readonly correct: number;
}

export interface TrainableModel {
  /** The parameters that are in memory, always in the same order. */
  readonly parameters: () => readonly TrainableParameter[];
  /** Sum of the cross-entropies of the scored positions, nats; on the tape. */
  readonly lossSum: (batch: Batch, rows: readonly MixtureRow[], context: LossContext) => tf.Scalar;
  /** Without dropout and without a tape. */
  readonly score: (batch: Batch, alphas: readonly (readonly number[])[]) => Promise<BatchScore>;
  /** Takes a component out of a block (both from 0): its tensors leave memory and are handed over by name. */
  readonly park: (component: number, block: number) => Promise<Map<string, Float32Array>>;
  /**
   * Puts it back. @param parked all parked tensors of this component @returns the names that are held again
   */
  readonly restore: (
    component: number,
    block: number,
    parked: ReadonlyMap<string, Float32Array>,
  ) => readonly string[];
  readonly dispose: () => void;
}

/** Which (block, component) pairs a model is to hold: [N][K]. */
export type LiveTable = readonly (readonly boolean[])[];

/** What a model starts from beside its components' weights. */
export interface ModelStart {
  /** Position of a component that is to be itself, with nothing of the hybrid's around it (a baseline). */
  readonly alone?: number;
  /** Whether projectors (and embeddings) are those that this run's own pretraining left for the seed. */
  readonly pretrained?: boolean;
}

/**
 * Makes the model with its weights as they are before any other training of this run: pretrained, or freshly drawn from
 * `seed`.
 */
export type ModelBuilder = (
  live: LiveTable,
  seed: number,
  start?: ModelStart,
) => Promise<TrainableModel>;
