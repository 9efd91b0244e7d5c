/**
 * The config language: one zod schema gives types, defaults, hover texts, completions and the JSON Schema.
 * Keys that come with a later version are listed at the end, and refused with a sentence.
 */
import { z } from 'zod';
import { FAMILY_NAMES } from '../models/architecture';
import { PROJECTOR_KINDS } from '../models/projector';
import { STACK_LAYERS } from '../models/stack';
import { lraSchema } from './lraSchema';
import { madSchema } from './madSchema';

const component = z.string().regex(/^[A-Za-z][\w-]*$/);
const count = z.int().min(1);
const rate = z.number().positive();
const fraction = z.number().gt(0).lt(1);

const byteSize = z
  .string()
  .regex(/^\d+(\.\d+)?\s*[KMGT]i?B$/)
  .describe('a size such as `4 GB`');

export const MAX_BLOCKS = 1024;

/** Largest whole number that is exact. */
const MAX_SEED = Number.MAX_SAFE_INTEGER;

const weights = z
  .record(component, z.number().min(0))
  .describe('One weight a component; they sum to 1.');

const stackLayer = z.enum(STACK_LAYERS);

const stackSchema = z
  .array(
    z.union([
      stackLayer,
      z.strictObject({
        repeat: count.max(1024).describe('How many times the layers stand there.'),
        layers: z.array(stackLayer).min(1).max(1024).describe('The layers, in order.'),
      }),
    ]),
  )
  .min(1)
  .max(1024);

const componentSchema = z.strictObject({
  source: z
    .string()
    .min(1)
    .optional()
    .describe('A folder in Hugging Face layout, or `hf:owner/name[@revision]`.'),
  family: z.enum(FAMILY_NAMES).optional().describe('Family of a component built from scratch.'),
  config: z
    .record(z.string(), z.unknown())
    .optional()
    .describe("The hub's `config.json` fields of a component built from scratch."),
  stack: stackSchema
    .optional()
    .describe(
      'The layers of `family: stack`, in order: `mamba`, `attention`, `mlp`, `swiglu`, or `{ repeat: 4, layers: [attention, mamba] }`.',
    ),
  init: z
    .enum(['random'])
    .optional()
    .describe('Initial weights of a component built from scratch.'),
  tokenizer: z
    .string()
    .min(1)
    .optional()
    .describe('Another source for the tokenizer: a folder or `hf:owner/name`.'),
});

const mixtureSchema = z.strictObject({
  pin: z
    .union([component, weights])
    .optional()
    .describe("Fixes the block's α: a component, or one weight a component."),
  prune: z.array(component).optional().describe('Components left out of this block.'),
  init: weights.optional().describe('α at the start of the search.'),
});

const dataSourceSchema = z.strictObject({
  text: z.string().min(1).optional().describe('A UTF-8 text file.'),
  jsonl: z.string().min(1).optional().describe('A JSON Lines file.'),
  parquet: z
    .string()
    .min(1)
    .optional()
    .describe('A Parquet file; its columns hold text, or a list of messages (`chat`).'),
  chat: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Conversations, as JSON Lines or Parquet by the file’s name: lists of messages with a `role` and a `content`. Written as text by the tokenizer’s own chat template, or `template`; the assistant’s turns alone are scored. One conversation a row, cut where it is longer than `context`.',
    ),
  field: z
    .string()
    .min(1)
    .optional()
    .describe(
      'The field, or column, that holds the text (default `text`), of `chat` the messages (default `messages`).',
    ),
  prompt: z
    .string()
    .min(1)
    .optional()
    .describe(
      'The field of a prompt, with `response`: pairs of them in place of a text. Only the response and the end-of-text token behind it are scored. One pair a row, cut where it is longer than `context`.',
    ),
  input: z
    .string()
    .min(1)
    .optional()
    .describe('The field of what a prompt is about, where a record has it: Alpaca’s third field.'),
  response: z.string().min(1).optional().describe('The field of the response to a `prompt`.'),
  template: z
    .string()
    .min(1)
    .optional()
    .describe(
      'How a pair or a conversation is written as text: a Jinja template, or the path of a `.jinja` file. It sees `prompt`, `input` and `response`, or `messages`, and `bos_token`, `eos_token`. Without one a pair is its prompt, input and response, each on lines of its own.',
    ),
});

const trainSchema = dataSourceSchema.extend({
  mad: madSchema
    .optional()
    .describe(
      'A synthetic MAD task in place of a text: its name, or `{ task: …, … }` with its knobs. It makes the validation and test examples too.',
    ),
  lra: lraSchema
    .optional()
    .describe(
      'A task of the Long Range Arena in place of a text: its name, or `{ task: …, … }` with its knobs. The class of whole sequences is learnt; validation and test examples are its own.',
    ),
});

const dataSchema = z.strictObject({
  train: trainSchema.describe(
    'Training text, as `{ text: <file> }`, `{ jsonl: <file> }` or `{ parquet: <file> }`; pairs of a `prompt` and a `response`; conversations, `{ chat: <file> }`; or a task, `{ mad: <task> }` or `{ lra: <task> }`.',
  ),
  validation: z
    .union([dataSourceSchema, fraction])
    .default(0.05)
    .describe('Validation text, or a fraction cut from train.'),
  test: dataSourceSchema.optional().describe('Test text: results are reported on it where given.'),
  context: count.optional().describe('Tokens predicted in each sequence; a task knows its own.'),
});

const optimiser = {
  steps: count.describe('Optimiser steps.'),
  batch: count.default(8).describe('Sequences in a micro-batch.'),
  accumulate: count.default(1).describe('Micro-batches a step.'),
  learningRate: rate.default(1e-4).describe('Peak learning rate of the weights.'),
  weightDecay: z.number().min(0).default(0.01).describe('Decoupled decay, on matrices only.'),
  clip: z.number().min(0).default(1).describe('Largest global norm of the gradient; 0 = none.'),
  warmup: z
    .number()
    .min(0)
    .max(1)
    .default(0.05)
    .describe('Share of the steps in which the rate rises.'),
  decay: z
    .enum(['linear', 'cosine', 'none'])
    .default('linear')
    .describe('How the rate falls after the warm-up.'),
  finalLearningRate: z
    .number()
    .min(0)
    .default(0)
    .describe('The rate that the decay falls towards, at most the peak.'),
  evalEvery: count.optional().describe('Steps between evaluations; default a tenth of the steps.'),
  checkpointEvery: count
    .optional()
    .describe('Steps between checkpoints; default a tenth of the steps.'),
} as const;

/** The stage before the search (Roberts et al., arXiv 2406.00894); the rate is the paper's. */
const pretrainSchema = z.strictObject({
  data: dataSourceSchema.describe(
    'General text, as `{ text: <file> }`, `{ jsonl: <file> }` or `{ parquet: <file> }`.',
  ),
  ...optimiser,
  learningRate: rate.default(2e-4).describe('Peak learning rate of the projectors.'),
  alphas: z.boolean().default(true).describe('Whether α learns too; the search starts it anew.'),
  embeddings: z
    .boolean()
    .default(true)
    .describe('Whether embeddings learn too, and heads that are made anew for the vocabulary.'),
});

const hybridSchema = z.strictObject({
  blocks: count.max(MAX_BLOCKS).describe('Number of Manticore blocks N.'),
  tokenizer: component
    .optional()
    .describe('The component whose tokenizer the hybrid uses; default the first.'),
  embeddings: z
    .enum(['transplant', 'random'])
    .default('transplant')
    .describe(
      'How embeddings and heads start. `transplant`: pretrained ones, made out of its own rows for a component with another tokenizer. `random`: those of every pretrained component at N(0, 0.02), heads tied to them, as in the research code; a baseline keeps its own.',
    ),
  head: z.enum(['last', 'first']).default('last').describe('The block whose α mixes the heads.'),
  gate: z
    .enum(['paper', 'transition', 'none'])
    .default('paper')
    .describe('How projected and unprojected streams mix.'),
  projectors: z
    .strictObject({
      kind: z.enum(PROJECTOR_KINDS).default('linear').describe('Shape of the projectors.'),
      init: z
        .enum(['identity', 'default'])
        .default('identity')
        .describe('Initial weights of the projectors.'),
      from: z
        .string()
        .min(1)
        .optional()
        .describe(
          'A run or a folder whose projectors, and embeddings, are loaded. Of a run that pretrained some: those.',
        ),
      pretrain: pretrainSchema
        .optional()
        .describe(
          'Trains the projectors on general text before the search, the components frozen: at least its `data` and `steps`. `result/projectors` keeps them for other runs.',
        ),
    })
    .prefault({})
    .describe('The translators between components.'),
  mixture: z
    .record(z.string().regex(/^([1-9]\d*|all)$/), mixtureSchema)
    .default({})
    .describe(
      'Pins and prunings by block, from 1; `all` is for every block without an entry of its own.',
    ),
});

const searchSchema = z.strictObject({
  algorithm: z
    .enum(['darts', 'gaea', 'dash', 'fixed'])
    .default('darts')
    .describe('How α is searched.'),
  schedule: z
    .enum(['simultaneous', 'alternating', 'bilevel'])
    .default('simultaneous')
    .describe('Which batch updates what.'),
  ...optimiser,
  steps: z
    .int()
    .min(0)
    .describe('Optimiser steps; 0 = no search, for a run that only pretrains projectors.'),
  alphaLearningRate: rate
    .optional()
    .describe('Rate of the architecture parameters; default 0.01, gaea 0.1.'),
  temperature: rate.default(1).describe('Temperature of dash.'),
  heldOut: fraction.default(0.1).describe('Share of train that bilevel keeps for α.'),
  cost: z
    .strictObject({
      kind: z
        .enum(['flops', 'parameters', 'milliseconds'])
        .describe('What a component of a block costs.'),
      weight: z
        .number()
        .min(0)
        .describe('λ: nats that the cost of all components together counts for; 0 = nothing.'),
    })
    .optional()
    .describe(
      'Cost-aware search: α also learn to lower the expected cost, λ · E[cost](α) / cost(all components). The weights learn from the loss alone.',
    ),
  checkpointing: z
    .enum(['auto', 'on', 'off'])
    .default('auto')
    .describe(
      'Gradient checkpointing, in fine-tuning and baselines too: less memory for one more forward pass a step, with the same results to the bit. `auto`: only where the run would not fit the memory without it.',
    ),
  seed: z
    .int()
    .min(0)
    .max(MAX_SEED)
    .optional()
    .describe('The one seed of all random draws; default 1.'),
  seeds: z
    .array(z.int().min(0).max(MAX_SEED))
    .min(1)
    .max(1000)
    .optional()
    .describe('Several seeds: the whole search is repeated.'),
});

const { steps, ...optimiserDefaultsFromSearch } = optimiser;

const finetuneSchema = z.strictObject({
  steps,
  batch: optimiserDefaultsFromSearch.batch
    .unwrap()
    .optional()
    .describe("Sequences in a micro-batch; default the search's."),
  accumulate: count.optional().describe("Micro-batches a step; default the search's."),
  learningRate: rate.optional().describe("Peak learning rate; default the search's."),
  weightDecay: z.number().min(0).optional().describe("Decoupled decay; default the search's."),
  clip: z
    .number()
    .min(0)
    .optional()
    .describe("Largest global norm of the gradient; default the search's."),
  warmup: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe("Share of the steps in which the rate rises; default the search's."),
  decay: z
    .enum(['linear', 'cosine', 'none'])
    .optional()
    .describe("How the rate falls; default the search's."),
  finalLearningRate: z
    .number()
    .min(0)
    .optional()
    .describe("The rate that the decay falls towards; default the search's."),
  evalEvery: optimiser.evalEvery,
  checkpointEvery: optimiser.checkpointEvery,
  alphas: z
    .union([z.enum(['soft', 'argmax']), z.strictObject({ threshold: fraction })])
    .default('soft')
    .describe(
      'α after the search: as found, its largest entry, or entries below a threshold dropped.',
    ),
  weights: z
    .enum(['rewind', 'keep'])
    .default('rewind')
    .describe('Start from the pretrained weights, or from the searched ones.'),
});

const baselinesSchema = z.strictObject({
  components: z
    .boolean()
    .default(true)
    .describe('Fine-tune every component alone under the same budget.'),
  match: z.enum(['steps', 'flops']).default('steps').describe('What an equal budget means.'),
  uniform: z.boolean().default(false).describe('Fine-tune the hybrid with uniform α as well.'),
});

const engineSchema = z.strictObject({
  name: z.enum(['auto', 'wasm', 'webgpu', 'tensorflow']).default('auto').describe('The engine.'),
  threads: count.optional().describe('Threads; default the physical cores.'),
  memoryLimit: z.union([count, byteSize]).optional().describe('Bytes, or such as `4 GB`.'),
});

export const configSchema = z.strictObject({
  manticore: z.literal(1).describe('The version of the format; write 1.'),
  components: z
    .record(component, componentSchema)
    .describe('The models to mix, by name: `name: { source: ./folder }`.'),
  hybrid: hybridSchema.describe(
    'What is built of the components: at least its number of `blocks`.',
  ),
  data: dataSchema.describe('The text: at least `train` and `context`; or a task.'),
  search: searchSchema.describe('The architecture search: at least its `steps`.'),
  finetune: z
    .union([finetuneSchema, z.literal(false)])
    .default(false)
    .describe('Fine-tuning after the search; `false` = none.'),
  baselines: z
    .union([z.boolean(), baselinesSchema])
    .default(false)
    .describe('What the hybrid is compared with.'),
  engine: z
    .union([engineSchema.shape.name, engineSchema])
    .default('auto')
    .describe('Where it runs.'),
  sweep: z
    .record(z.string(), z.array(z.unknown()).min(1))
    .optional()
    .describe(
      'A grid: keys as paths with dots, each with a list of values, such as `search.learningRate: [1e-4, 5e-4]`. Every combination is a run of its own, in the order of the text, the first key slowest.',
    ),
});

/** A config as written, checked by the schema; `resolve.ts` fills in the defaults that depend on other keys. */
export type Config = z.output<typeof configSchema>;

/** A key that comes with a later version; `*` stands for any one name. */
export interface LaterKey {
  readonly path: readonly string[];
  /** What it will do, as the end of a sentence. */
  readonly purpose: string;
}

export const laterKeys: readonly LaterKey[] = [
  { path: ['program'], purpose: 'programming a hybrid on synthetic tasks' },
  { path: ['baselines', 'stacks'], purpose: 'stacked baselines' },
];
