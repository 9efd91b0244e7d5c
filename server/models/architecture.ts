/**
 * What a model is, without its numbers: which family, how many layers, which tensors of which shapes, what a token costs.
 * Pure tables; the editor's plan and the compute process read the same ones.
 */

/** The families that are supported. Adding one: a table here, a block function in `compute/families`. */
export const FAMILY_NAMES = [
  'gpt2',
  'gptNeo',
  'gptNeox',
  'llama',
  'mamba',
  'mamba2',
  'stack',
] as const;
export type FamilyName = (typeof FAMILY_NAMES)[number];

/** Where a tensor is used: before the layers, in layer i (from 0), in the last group's end, or in the head. */
export type TensorPlace =
  | { readonly kind: 'embedding' }
  | { readonly kind: 'positions' }
  | { readonly kind: 'layer'; readonly layer: number }
  | { readonly kind: 'finalNorm' }
  | { readonly kind: 'head' };

/** One trainable tensor of a component, under its canonical name (the hub's, without the model prefix). */
export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly place: TensorPlace;
  /** AdamW's decoupled decay applies (matrices; not biases, norms, A_log, D). */
  readonly decay: boolean;
  /** Other names under which files carry this tensor (prefixes, original checkpoints), tried in order. */
  readonly aliases: readonly string[];
  /** Its name in a file that `transformers` writes for a causal language model: the one that exports use. */
  readonly fileName: string;
  /** How `init: random` fills it. */
  readonly init: TensorInit;
}

export type TensorInit =
  | { readonly kind: 'normal'; readonly std: number }
  | { readonly kind: 'constant'; readonly value: number }
  /** Uniform in [-bound, bound]. */
  | { readonly kind: 'uniform'; readonly bound: number }
  /** Mamba: A_log[d, n] = log(n + 1). */
  | { readonly kind: 'mambaALog' }
  /** Mamba: inverse softplus of dt drawn log-uniformly in [min, max], floored. */
  | {
      readonly kind: 'mambaDtBias';
      readonly min: number;
      readonly max: number;
      readonly floor: number;
    };

/** Floating-point operations of a forward pass, a multiply-add counted as two. */
export interface LayerCost {
  /** FLOPs a token that do not depend on the length. */
  readonly perToken: number;
  /** FLOPs a token for each earlier (or same) position attended to on average; 0 for state-space layers. */
  readonly perTokenPerContext: number;
  /** A token attends to at most this many positions, itself counted; absent where there is no such limit. */
  readonly window?: number;
}

/** A component's architecture, read from its `config.json` and checked. Immutable. */
export interface Architecture {
  readonly family: FamilyName;
  readonly layers: number;
  /** d_m. */
  readonly width: number;
  /** Rows of the embedding table in the file (may exceed the tokenizer's ids). */
  readonly vocabularyRows: number;
  /** Largest context, `undefined` when the family has none (Mamba, rotary without limit in practice). */
  readonly maxPositions: number | undefined;
  readonly tiedHead: boolean;
  /** The family's own hyper-parameters, normalised: see each family's file. */
  readonly settings: Readonly<
    Record<
      string,
      | number
      | boolean
      | string
      | readonly (number | string)[]
      | Readonly<Record<string, number | string>>
    >
  >;
}

/** A finding while reading a `config.json`; `field` is its key there. */
export interface ArchitectureProblem {
  readonly field: string;
  readonly message: string;
}

/** A family as data. One object a file, of its name. */
export interface FamilyTable {
  readonly name: FamilyName;
  /** `model_type` values of the hub that mean this family. */
  readonly modelTypes: readonly string[];
  /**
   * Reads `config.json` (already parsed). Never throws; unsupported flags that change the mathematics are problems
   * that name the flag.
   */
  readonly read: (config: Readonly<Record<string, unknown>>) => {
    readonly value: Architecture | undefined;
    readonly problems: readonly ArchitectureProblem[];
  };
  /** Every trainable tensor, in a fixed order. `vocabulary` replaces the file's number of rows. A tied head has none. */
  readonly tensors: (architecture: Architecture, vocabulary: number) => readonly TensorSpec[];
  /** Whether a file's tensor of this name is a known constant (a mask, rotary frequencies) that loading ignores. */
  readonly isBuffer: (name: string) => boolean;
  /** Dropout rates by the config's own key, sites with rate 0 included; empty where the family has none. */
  readonly dropout: (architecture: Architecture) => Readonly<Record<string, number>>;
  readonly layerCost: (architecture: Architecture, layer: number) => LayerCost;
  /** FLOPs a token of the head's product. */
  readonly headCost: (architecture: Architecture, vocabulary: number) => number;
  /** The `config.json` that describes this architecture to `transformers`, for export. */
  readonly write: (architecture: Architecture, vocabulary: number) => Record<string, unknown>;
}
