/** What a config says of programming: α found on synthetic tasks instead of the target data. */
import { z } from 'zod';
import { madSchema } from './madSchema';
import { optimiser } from './trainingSchema';

const count = z.int().min(1);

export const programSchema = z.strictObject({
  tasks: z
    .array(madSchema)
    .min(1)
    .max(32)
    .describe(
      'MAD tasks that α is searched on, each with a small supernet of its own: names, or `{ task: …, length: … }` with the knobs that `data.train.mad` has.',
    ),
  weights: z
    .array(z.number().min(0))
    .max(32)
    .optional()
    .describe(
      "How much each task's α counts in the mean, in the order of `tasks`; default alike. Only their proportions count, and a task of weight 0 is left out.",
    ),
  width: z
    .int()
    .min(16)
    .max(4096)
    .default(64)
    .describe('Width of the small models, a multiple of 16: all components have it.'),
  layers: count
    .max(64)
    .default(1)
    .describe('Layers of each small model in each block. A `stack` keeps its own.'),
  ...optimiser,
  steps: count
    .default(300)
    .describe('Optimiser steps of each task’s search; its algorithm and schedule are `search`’s.'),
  batch: count.default(16).describe('Sequences in a micro-batch.'),
  learningRate: optimiser.learningRate
    .unwrap()
    .default(1e-3)
    .describe('Peak learning rate of the weights, which start at random.'),
});
