/**
 * What the benchmark measures: each row's model, data and bounds. Symbols: d width, b sequences, l context, V vocabulary.
 */

export type Metric = 'time' | 'memory';

/** A component: one of the quickstart's, or drawn at random in this shape. */
export type BenchModel =
  | { readonly name: string; readonly example: string }
  | {
      readonly name: string;
      readonly family: 'gptNeox' | 'mamba';
      readonly config: Readonly<Record<string, unknown>>;
    };

interface RowBase {
  /** Stable: what `--rows` and the JSON name it by. */
  readonly name: string;
  readonly title: string;
  readonly size: string;
  /** What one number of a turn stands for. */
  readonly unit: string;
  /** Largest ratio that is asked for, by metric; a metric without an entry isn't reported. */
  readonly targets: Readonly<Partial<Record<Metric, number>>>;
}

/** Training steps, or tokens generated, of a model. */
export interface ModelRow extends RowBase {
  readonly kind: 'training' | 'generation';
  readonly models: readonly BenchModel[];
  /** V of models drawn at random. */
  readonly vocabulary: number;
  /** N. */
  readonly blocks: number;
  /** b. */
  readonly batch: number;
  /** l; for generation: the tokens that are generated. */
  readonly context: number;
  /** Steps of one turn; for generation: whole texts. */
  readonly perTurn: number;
  /** Steps whose losses both sides must agree on before anything is timed; the scan is chosen by the second. */
  readonly checkedSteps: number;
}

/** Forward and backward passes of the scan alone over lengths that grow; the ratio is the last's over the first's. */
export interface ScanRow extends RowBase {
  readonly kind: 'scan';
  readonly lengths: readonly number[];
  readonly channels: number;
  readonly state: number;
}

export type BenchRow = ModelRow | ScanRow;

/** Pythia's shape: heads of 32 or 64, a quarter of each turned, four times the width between. */
const neox = (vocabulary: number, width: number, layers: number, heads: number) =>
  ({
    name: 'neox',
    family: 'gptNeox',
    config: {
      model_type: 'gpt_neox',
      vocab_size: vocabulary,
      hidden_size: width,
      num_hidden_layers: layers,
      num_attention_heads: heads,
      intermediate_size: 4 * width,
      max_position_embeddings: 2048,
      rotary_pct: 0.25,
      hidden_act: 'gelu',
      use_parallel_residual: true,
      tie_word_embeddings: false,
    },
  }) as const;

const mamba = (vocabulary: number, width: number, layers: number) =>
  ({
    name: 'mamba',
    family: 'mamba',
    config: {
      model_type: 'mamba',
      vocab_size: vocabulary,
      hidden_size: width,
      num_hidden_layers: layers,
      state_size: 16,
      expand: 2,
      conv_kernel: 4,
      time_step_rank: width / 16,
      tie_word_embeddings: true,
    },
  }) as const;

const quickstart = [
  { name: 'neox', example: 'tiny-neox' },
  { name: 'mamba', example: 'tiny-mamba' },
] as const;

export const BENCH_ROWS: readonly BenchRow[] = [
  {
    ...{ kind: 'training', name: 'neox-small', title: 'GPT-NeoX training step' },
    ...{ size: 'd 128, 4 layers, vocabulary 512, 8 × 128', unit: 'ms a step' },
    targets: { time: 0.7, memory: 0.5 },
    ...{ models: [neox(512, 128, 4, 4)], vocabulary: 512, blocks: 1, batch: 8, context: 128 },
    ...{ perTurn: 10, checkedSteps: 5 },
  },
  {
    ...{ kind: 'training', name: 'neox-large', title: 'GPT-NeoX training step' },
    ...{ size: 'd 512, 8 layers, vocabulary 8192, 4 × 256', unit: 'ms a step' },
    targets: { time: 0.95, memory: 0.9 },
    ...{ models: [neox(8192, 512, 8, 8)], vocabulary: 8192, blocks: 1, batch: 4, context: 256 },
    ...{ perTurn: 1, checkedSteps: 5 },
  },
  {
    ...{ kind: 'training', name: 'mamba', title: 'Mamba training step' },
    ...{ size: 'd 256, 8 layers, vocabulary 1024, 4 × 512', unit: 'ms a step' },
    targets: { time: 0.4, memory: 0.4 },
    ...{ models: [mamba(1024, 256, 8)], vocabulary: 1024, blocks: 1, batch: 4, context: 512 },
    ...{ perTurn: 1, checkedSteps: 5 },
  },
  {
    ...{ kind: 'training', name: 'hybrid-quickstart', title: 'Hybrid search step' },
    ...{ size: 'the quickstart’s two models, N = 4, weights and α, 4 × 128', unit: 'ms a step' },
    targets: { time: 0.5, memory: 0.5 },
    ...{ models: quickstart, vocabulary: 1024, blocks: 4, batch: 4, context: 128 },
    ...{ perTurn: 5, checkedSteps: 5 },
  },
  {
    ...{ kind: 'training', name: 'hybrid-large', title: 'Hybrid search step' },
    size: 'd 512/384, 8 + 16 layers, vocabulary 8192, N = 4, weights and α, 4 × 256',
    unit: 'ms a step',
    targets: { time: 0.8, memory: 0.8 },
    models: [neox(8192, 512, 8, 8), mamba(8192, 384, 16)],
    // Not three: Adam's first updates are the signs of the gradients, here of many that are no more than rounding. Any two
    // implementations, two builds of our own kernels among them, lie 4e-5 apart after one update and 4e-4 after two.
    ...{ vocabulary: 8192, blocks: 4, batch: 4, context: 256, perTurn: 1, checkedSteps: 2 },
  },
  {
    ...{ kind: 'generation', name: 'generation', title: 'Generation, hybrid' },
    ...{ size: 'the quickstart’s two models, N = 4, 256 tokens', unit: 'ms a token' },
    targets: { time: 0.4 },
    ...{
      models: quickstart,
      vocabulary: 1024,
      blocks: 4,
      batch: 1,
      context: 256,
      perTurn: 1,
      checkedSteps: 2,
    },
  },
  {
    ...{ kind: 'scan', name: 'scan-growth', title: 'Scan, forward and backward' },
    ...{ size: '1 × l × 512 channels, 16 states, l = 256 … 8192', unit: 'µs a token' },
    targets: { time: 1.2 },
    ...{ lengths: [256, 512, 1024, 2048, 4096, 8192], channels: 512, state: 16 },
  },
];

/** AdamW's, of both sides. */
export const OPTIMISER = {
  learningRate: 3e-4,
  weightDecay: 0.01,
  clip: 1,
  alphaLearningRate: 0.01,
} as const;

/** First ids of every generated text. */
export const PROMPT: readonly number[] = [40, 288, 261, 300, 270, 410, 265, 259];
