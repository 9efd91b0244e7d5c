/** A config with every default filled in: made by `server/language`, carried by the plan, obeyed by the compute process. */

/** Where the records of a file have prompts and responses. */
export interface PairFields {
  readonly prompt: string;
  /** What the prompt is about, where a record has it: Alpaca's third field. */
  readonly input?: string | undefined;
  readonly response: string;
}

export type DataSource =
  | { readonly kind: 'text'; readonly path: string }
  /** A text in one field of each record. */
  | { readonly kind: 'jsonl' | 'parquet'; readonly path: string; readonly field: string }
  /** Prompts and responses. `template`: Jinja, or the path of a `.jinja` file. */
  | {
      readonly kind: 'jsonl' | 'parquet';
      readonly path: string;
      readonly pair: PairFields;
      readonly template?: string | undefined;
    }
  /** Lists of messages, in JSON Lines or Parquet by the file's name; without a template the tokenizer's own. */
  | {
      readonly kind: 'chat';
      readonly path: string;
      readonly field: string;
      readonly template?: string | undefined;
    };

export type MadTask =
  | 'in-context-recall'
  | 'noisy-in-context-recall'
  | 'fuzzy-in-context-recall'
  | 'memorization'
  | 'compression'
  | 'selective-copying';

/** A MAD task with every knob; what a knob does to a task that hasn't it is nothing. Examples are made, not read. */
export interface MadSource {
  readonly kind: 'mad';
  readonly task: MadTask;
  /** All tokens, noise and special ones included. */
  readonly vocabulary: number;
  readonly length: number;
  /** Training examples. */
  readonly examples: number;
  /** Examples of the validation, and again of the test split. */
  readonly testExamples: number;
  /** Of the examples: runs with several seeds train on the same ones. */
  readonly seed: number;
  /** Recall: whether every later occurrence of a key is asked for, or the last one alone, behind a copy prefix. */
  readonly queries: 'multiple' | 'single';
  /** Share of pairs (compression: of tokens) that are noise. */
  readonly noise: number;
  readonly noiseVocabulary: number;
  /** Fuzzy recall: most tokens of a key, and of a value. */
  readonly keyMotif: number;
  readonly valueMotif: number;
  /** Selective copying: tokens to copy. */
  readonly copy: number;
}

export type LraTask =
  'listops' | 'text' | 'retrieval' | 'image' | 'pathfinder32' | 'pathfinder64' | 'pathfinder128';

/** A task of the Long Range Arena with every knob; what a knob does to a task that hasn't it is nothing. */
export interface LraSource {
  readonly kind: 'lra';
  readonly task: LraTask;
  /** Folder of the release's files, as written; `undefined`: examples are generated. */
  readonly folder: string | undefined;
  /** Most tokens of a sequence. */
  readonly length: number;
  /** Training examples; `undefined`: all that the files hold. */
  readonly examples: number | undefined;
  /** Examples of the validation, and again of the test split; `undefined`: all that the files hold. */
  readonly testExamples: number | undefined;
  /** Of the examples, and of the order in which files are divided. */
  readonly seed: number;
  /** ListOps: each sequence is longer than this. */
  readonly minLength: number;
  /** ListOps: most levels of a tree, its leaves' included. */
  readonly depth: number;
  /** ListOps: most arguments of an operator. */
  readonly arguments: number;
  /** Pathfinder: dashes of each of the two long contours. */
  readonly contour: number;
}

/** Examples with tokens of their own, which are no text. */
export type TaskSource = MadSource | LraSource;

/** What the weights' AdamW obeys, in the search and in the fine-tuning. */
export interface OptimiserSettings {
  readonly steps: number;
  /** Sequences in a micro-batch. */
  readonly batch: number;
  /** Micro-batches a step. */
  readonly accumulate: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Largest global norm of the gradient; 0 = no clipping. */
  readonly clip: number;
  /** Share of the steps in which the rate rises. */
  readonly warmup: number;
  readonly decay: 'linear' | 'cosine' | 'none';
  /** What the decay falls towards; at most `learningRate`. */
  readonly finalLearningRate: number;
  readonly evalEvery: number;
  readonly checkpointEvery: number;
}

/** The cost term of a search: λ · E[cost](α) / cost(all components), added to the loss for α alone. */
export interface CostSettings {
  readonly kind: 'flops' | 'parameters' | 'milliseconds';
  /** λ, nats. */
  readonly weight: number;
}

/** `steps` 0: no search, for a run that only pretrains projectors, or that programs its α. */
export interface SearchSettings extends OptimiserSettings {
  readonly algorithm: 'darts' | 'gaea' | 'dash' | 'fixed';
  readonly schedule: 'simultaneous' | 'alternating' | 'bilevel';
  readonly alphaLearningRate: number;
  readonly temperature: number;
  /** Share of train that `bilevel` keeps for α. */
  readonly heldOut: number;
  /** Of fine-tuning and baselines too; what `auto` comes to stands in the plan's `memory`. */
  readonly checkpointing: 'auto' | 'on' | 'off';
  readonly cost?: CostSettings | undefined;
  /** Never empty; the whole run is repeated for each. */
  readonly seeds: readonly number[];
}

export interface FinetuneSettings extends OptimiserSettings {
  readonly alphas: 'soft' | 'argmax' | { readonly threshold: number };
  readonly weights: 'rewind' | 'keep';
}

export interface BaselineSettings {
  readonly components: boolean;
  readonly match: 'steps' | 'flops';
  readonly uniform: boolean;
  /** Fields of each stack's `config.json` by name, its layers among them; absent: none. */
  readonly stacks?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** Small supernets from scratch, one a task, that α are searched on in place of the target data. */
export interface ProgramSettings {
  /** Those that weigh anything; never empty. */
  readonly tasks: readonly MadSource[];
  /** One a task, above 0; their sum is 1. */
  readonly weights: readonly number[];
  /** Of every component. */
  readonly width: number;
  /** Of a component, in each block. */
  readonly layers: number;
  /** Of each task's search; what else it obeys is `search`'s. */
  readonly training: OptimiserSettings;
}

export interface ComponentSettings {
  /** As written; `undefined` for a component from scratch. */
  readonly source: string | undefined;
  readonly scratch:
    { readonly family: string; readonly config: Readonly<Record<string, unknown>> } | undefined;
  /** Another source for the tokenizer, as written. */
  readonly tokenizer: string | undefined;
}

/** The stage before the search: components frozen, projectors trained on general text. */
export interface PretrainSettings extends OptimiserSettings {
  readonly data: DataSource;
  /** Whether α learns too, as the search's algorithm says. */
  readonly alphas: boolean;
  /** Whether embeddings learn too, and heads that are made anew for the vocabulary. */
  readonly embeddings: boolean;
}

export interface ProjectorSettings {
  readonly kind: 'linear' | 'linear-skip' | 'mlp' | 'mlp-skip' | 'none';
  readonly init: 'identity' | 'default';
  readonly from: string | undefined;
  /** `undefined` also where there are no projectors to train. */
  readonly pretrain: PretrainSettings | undefined;
}

/** One entry of `hybrid.mixture`. */
export interface MixtureSettings {
  /** One weight a component that was named; the others weigh 0. */
  readonly pin: Readonly<Record<string, number>> | undefined;
  readonly prune: readonly string[];
  readonly init: Readonly<Record<string, number>> | undefined;
}

/** Paths are as written: relative ones start from the plan's `base`. */
export interface ResolvedConfig {
  readonly manticore: 1;
  /** In the order of the text; at least one. */
  readonly components: Readonly<Record<string, ComponentSettings>>;
  readonly hybrid: {
    readonly blocks: number;
    /** Name of a component. */
    readonly tokenizer: string;
    readonly embeddings: 'transplant' | 'random';
    readonly head: 'last' | 'first';
    readonly gate: 'paper' | 'transition' | 'none';
    readonly projectors: ProjectorSettings;
    /** By block, from 1; blocks that the config doesn't mention have no entry. */
    readonly mixture: Readonly<Record<string, MixtureSettings>>;
  };
  readonly data: {
    readonly train: DataSource | TaskSource;
    /** A number is the fraction that is cut from train. A task in `train` is the source of all three splits. */
    readonly validation: DataSource | TaskSource | number;
    readonly test: DataSource | TaskSource | undefined;
    /** Tokens predicted in each sequence. */
    readonly context: number;
  };
  /** Beside `program`: the search on the target that the programmed α are compared with; no steps: none. */
  readonly search: SearchSettings;
  readonly program?: ProgramSettings | undefined;
  readonly finetune: FinetuneSettings | false;
  readonly baselines: BaselineSettings | false;
  readonly engine: {
    readonly name: 'auto' | 'wasm' | 'webgpu' | 'tensorflow';
    /** `undefined`: the physical cores. */
    readonly threads: number | undefined;
    /** Bytes. */
    readonly memoryLimit: number | undefined;
  };
}
