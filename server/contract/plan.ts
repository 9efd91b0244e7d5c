/**
 * The plan: everything that is known before a tensor exists. Made by `server/language`, written to `plan.json`,
 * obeyed by the compute process. Frozen; arrays are by position (component m, block i, both from 0).
 */
import type { ResolvedConfig } from './config';
import type { Stage } from './events';

export interface LayerSpan {
  readonly first: number;
  readonly end: number;
}

export interface PlanComponent {
  readonly name: string;
  readonly family: string;
  readonly source:
    | { readonly kind: 'folder'; readonly path: string }
    | {
        readonly kind: 'hub';
        readonly id: string;
        readonly revision: string;
        readonly path: string | undefined;
      }
    | { readonly kind: 'random' };
  /** The hub's `config.json`, parsed: `server/models` reads the architecture from it. With `embeddings: random`, head tied. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Folder of its tokenizer files; that of the hybrid's where it brings none (from scratch); none for a synthetic task. */
  readonly tokenizerPath: string | undefined;
  /**
   * Its embeddings and head in the hybrid. `own`: as its files have them; `transplant`: made for V rows out of its own,
   * since its tokenizer is another; `random`: drawn anew.
   */
  readonly vocabulary: 'own' | 'transplant' | 'random';
  /** What holds instead where the component is trained alone, without a hybrid (baselines); absent: the same. */
  readonly alone?: Pick<PlanComponent, 'config' | 'vocabulary'>;
  readonly layers: number;
  readonly width: number;
  /** Parameters when trained alone (V rows, tied counted once). */
  readonly parameters: number;
  /** Forward FLOPs a token when run alone at `context`. */
  readonly flopsPerToken: number;
  /** Layer groups, one a block. */
  readonly groups: readonly LayerSpan[];
  readonly dropout: Readonly<Record<string, number>>;
}

/** α of one block as the config leaves it. */
export interface PlanBlock {
  /** Components still in this block, by position, ascending; never empty. */
  readonly live: readonly number[];
  /** α when pinned, length K. */
  readonly pinned: readonly number[] | undefined;
  /** α at the start of the search, length K (0 for pruned). */
  readonly initial: readonly number[];
  /** Forward FLOPs a token of each component's group and projectors here, length K; 0 for pruned. */
  readonly flopsPerToken: readonly number[];
}

/** One trainable tensor of the hybrid. */
export interface PlanTensor {
  /** `components/<name>/<canonical>`, `projectors/<name>/<block>/in.weight`, … */
  readonly name: string;
  readonly shape: readonly number[];
  /** `undefined`: the head of a classifier, which is no component's. */
  readonly component: number | undefined;
  /** Block from 0, or where it lies outside the blocks. */
  readonly place: number | 'embedding' | 'head';
  readonly decay: boolean;
}

/** Consecutive steps under the same optimiser settings. */
export interface PlanPhase {
  /** Whose settings in `plan.config` these steps obey. */
  readonly settings: 'pretrain' | 'search' | 'finetune';
  readonly steps: number;
  /** Training tokens that θ sees. */
  readonly tokens: number;
}

/** One training job; jobs run in this order. */
export interface PlanJob {
  readonly stage: Stage;
  readonly subject: string;
  readonly seed: number;
  /** Position in `Plan.subplans` of what the job trains; absent: the run's own hybrid, on its data. */
  readonly subplan?: number;
  /** Optimiser steps, all phases. */
  readonly steps: number;
  /** One phase, except for a baseline whose hybrid kept its searched weights: the search's updates, then the fine-tuning's. */
  readonly phases: readonly PlanPhase[];
  readonly weightUpdates: number;
  readonly alphaUpdates: number;
  /** Training tokens that θ sees. */
  readonly tokens: number;
  readonly parameters: number;
  /**
   * Forward. Where fine-tuning discretises α, an upper bound: the costliest choice; `match: flops` is then settled
   * again after the search.
   */
  readonly flopsPerToken: number;
}

export interface PlanMemory {
  readonly parameters: number;
  readonly gradients: number;
  readonly moments: number;
  readonly activations: number;
  /** Predicted peak of the run, bytes, on the `wasm` engine. */
  readonly peak: number;
  /**
   * Gradient checkpointing, in every job: the forward pass keeps each block's input alone, the backward pass computes the
   * block again. What `search.checkpointing` comes to; the figures above are with it or without it accordingly.
   */
  readonly checkpointing: boolean;
  /** Predicted peak the other way: without checkpointing where it is on, with it where it is off. */
  readonly otherPeak: number;
}

export interface Plan {
  readonly version: 1;
  /** From the config's file name. */
  readonly name: string;
  /** Folder that relative paths of the config start from. */
  readonly base: string;
  readonly components: readonly PlanComponent[];
  readonly blocks: readonly PlanBlock[];
  /** Width d of the residual stream. */
  readonly width: number;
  /** V. */
  readonly vocabulary: number;
  /** Position of the component whose tokenizer is used; none for a synthetic task, whose tokens are no text. */
  readonly tokenizer: number | undefined;
  /** Each head rebuilds the whole sequence out of the last position's state (the compression task's auto-encoder). */
  readonly autoEncoder?: boolean;
  /**
   * In the place of the components' heads: one that reads h at the last position of each sequence, or of each pair of
   * sequences, and tells its class.
   */
  readonly classifier?: { readonly classes: number; readonly sequences: 1 | 2 };
  /** Positions of a sequence. */
  readonly context: number;
  readonly tensors: readonly PlanTensor[];
  readonly parameters: number;
  /** Forward FLOPs a token of the whole hybrid: all live components that no pin holds at 0. */
  readonly flopsPerToken: number;
  readonly memory: PlanMemory;
  readonly jobs: readonly PlanJob[];
  /**
   * What jobs train beside the hybrid on the run's data, each a whole plan with components, data and settings of its own, but
   * without jobs; their `memory` is the run's.
   */
  readonly subplans?: readonly Plan[];
  /** The config with every default filled in. */
  readonly config: ResolvedConfig;
}
