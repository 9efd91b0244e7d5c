/** A Long Range Arena task as a config writes it. What depends on the task stands in `models/lraTasks.ts`. */
import { z } from 'zod';
import { LRA_TASKS } from '../models/lraTasks';

const count = z.int().min(1);

const lraTask = z.enum(LRA_TASKS);

/** Longest sequence, in tokens. */
const MAX_LRA_LENGTH = 65_536;

const settings = z.strictObject({
  task: lraTask.describe('Which task of the Long Range Arena.'),
  folder: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Folder of the release's files, which `text`, `retrieval` and `image` need; the others are generated without it.",
    ),
  length: z
    .int()
    .min(4)
    .max(MAX_LRA_LENGTH)
    .optional()
    .describe(
      'Most tokens of a sequence: default 2000 in `listops`, 4096 in `text`, 4000 (of each document) in `retrieval`.',
    ),
  examples: count
    .optional()
    .describe(
      "Training examples: default 96000 in `listops`, 160000 in Pathfinder; with `folder` the first of the files' (default all).",
    ),
  testExamples: count
    .optional()
    .describe(
      "Examples of the validation, and again of the test split: default 2000 in `listops`, 20000 in Pathfinder; with `folder` the first of the files' (default all).",
    ),
  seed: z
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('Seed of the examples, default 1: every seed of the search sees the same ones.'),
  minLength: z
    .int()
    .min(0)
    .max(MAX_LRA_LENGTH)
    .optional()
    .describe('ListOps: every sequence has more tokens than this; default 500.'),
  depth: z.int().min(2).max(64).optional().describe('ListOps: most levels of a tree; default 10.'),
  arguments: z
    .int()
    .min(2)
    .max(64)
    .optional()
    .describe('ListOps: most arguments of an operator; default 10.'),
  contour: z
    .int()
    .min(3)
    .max(20)
    .optional()
    .describe(
      'Pathfinder: dashes of each long contour: default 14, hard; 9 is intermediate, 6 easy. With `folder`: whose images are read.',
    ),
});

/** A task's name alone stands for it with the knobs of the release. */
export const lraSchema = z.union([lraTask, settings]);
