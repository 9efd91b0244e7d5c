/** A family's block functions: what `server/models` describes as a table, computed with tensors. */
import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import type { Architecture, FamilyName } from '../../models/architecture';

/** The component's tensors by canonical name. @throws Error naming the tensor when it is missing */
export type WeightLookup = (name: string) => Tensor;

/**
 * State of incremental decoding, one for each component and layer group: keys and values of the positions so far
 * (attention), the last inputs of the convolution and the state (Mamba). Owned by the caller, who disposes it.
 * A layer replaces the tensors: it disposes of the old ones and keeps the new ones beyond the enclosing `tidy`.
 */
export interface LayerState {
  tensors: Tensor[];
  /** Positions in a cache that has room for more; absent where the tensors are just as long. */
  length?: number;
}

export interface LayerContext {
  /** Dropout is applied as the component's config says. */
  readonly training: boolean;
  /** Key of this step's dropout stream; every use adds its own layer and site, so that masks differ. */
  readonly dropoutKey: number;
  /** Position of the first token of `u` in the sequence (0 unless decoding). */
  readonly offset: number;
  /**
   * Decoding state, one entry a layer, indexed by layer; `undefined` when a whole sequence is run without state.
   * A layer that finds its entry empty starts it from `u`; otherwise `u` holds the positions that follow.
   */
  readonly states: LayerState[] | undefined;
}

/** Symbols: b batch, l length, d the component's width d_m, V the vocabulary. */
export interface FamilyBlocks {
  readonly name: FamilyName;
  /** Token embedding, without positions: ids [b, l] int32 → [b, l, d]. */
  readonly embed: (architecture: Architecture, weights: WeightLookup, ids: Tensor2D) => Tensor3D;
  /** What the component adds to its own input before its first layer: absolute positions, embedding dropout. [b, l, d] → [b, l, d]. */
  readonly enter: (
    architecture: Architecture,
    weights: WeightLookup,
    u: Tensor3D,
    context: LayerContext,
  ) => Tensor3D;
  /** Layer `layer` (from 0), residual included: [b, l, d] → [b, l, d]. */
  readonly layer: (
    architecture: Architecture,
    weights: WeightLookup,
    layer: number,
    u: Tensor3D,
    context: LayerContext,
  ) => Tensor3D;
  /** The norm after the last layer: [b, l, d] → [b, l, d]. */
  readonly finalNorm: (architecture: Architecture, weights: WeightLookup, u: Tensor3D) => Tensor3D;
  /** Logits, tied or not: [b, l, d] → [b, l, V]. */
  readonly head: (architecture: Architecture, weights: WeightLookup, u: Tensor3D) => Tensor3D;
}
