/** What a config says of training: the weights' optimiser, the projectors' pretraining, the search, the fine-tuning. */
import { z } from 'zod';
import { dataSourceSchema } from './dataSchema';

const count = z.int().min(1);
const rate = z.number().positive();
const fraction = z.number().gt(0).lt(1);

/** Largest whole number that is exact. */
const MAX_SEED = Number.MAX_SAFE_INTEGER;

export const optimiser = {
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
export const pretrainSchema = z.strictObject({
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

export const searchSchema = z.strictObject({
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
    .describe(
      'Optimiser steps; 0 = no search, for a run that only pretrains projectors, or whose α come of `program`. Beside `program` the searched α are compared with the programmed ones.',
    ),
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

export const finetuneSchema = z.strictObject({
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
