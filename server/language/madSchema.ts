/** A MAD task as a config writes it. What depends on the task (defaults, which knobs) stands in `models/madTasks.ts`. */
import { z } from 'zod';
import { MAD_TASKS } from '../models/madTasks';

const count = z.int().min(1);

const madTask = z.enum(MAD_TASKS);

/** Largest vocabulary and length; `MAX_MAD_POSITIONS` bounds the examples. */
const MAX_MAD_SIZE = 65_536;

const settings = z.strictObject({
  task: madTask.describe('Which of the six MAD tasks.'),
  vocabulary: z
    .int()
    .min(2)
    .max(MAX_MAD_SIZE)
    .optional()
    .describe(
      'All tokens, noise and special ones included: default 16, noisy recall 32, memorization 256.',
    ),
  length: z
    .int()
    .min(2)
    .max(MAX_MAD_SIZE)
    .optional()
    .describe(
      'Tokens of a sequence: default 128, memorization and compression 32, selective copying 256.',
    ),
  examples: count
    .optional()
    .describe('Training examples, made from the seed: default 12800, memorization 256.'),
  testExamples: count
    .optional()
    .describe('Examples of the validation, and again of the test split: default 1280.'),
  seed: z
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('Seed of the examples, default 1: every seed of the search sees the same ones.'),
  queries: z
    .enum(['multiple', 'single'])
    .optional()
    .describe('Recall tasks: which values are asked for; default `multiple`.'),
  noise: z
    .number()
    .min(0)
    .lt(1)
    .optional()
    .describe(
      'Share of pairs (compression: of tokens) that are noise: default 0.2 in noisy recall, else 0.',
    ),
  noiseVocabulary: z
    .int()
    .min(0)
    .max(MAX_MAD_SIZE)
    .optional()
    .describe('Noise tokens, a part of the vocabulary: default 16 in noisy recall, else 0.'),
  keyMotif: count
    .max(MAX_MAD_SIZE)
    .optional()
    .describe('Fuzzy recall: most tokens of a key; default 3.'),
  valueMotif: count
    .max(MAX_MAD_SIZE)
    .optional()
    .describe('Fuzzy recall: most tokens of a value; default 3.'),
  copy: count
    .max(MAX_MAD_SIZE)
    .optional()
    .describe('Selective copying: tokens to copy; default 16.'),
});

/** A task's name alone stands for it with the knobs of the MAD paper. */
export const madSchema = z.union([madTask, settings]);
