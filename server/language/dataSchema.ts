/** What a config says of data: files and the fields read of them, or a task that makes its own examples. */
import { z } from 'zod';
import { lraSchema } from './lraSchema';
import { madSchema } from './madSchema';

/** Texts, pairs or conversations in a file. */
export const dataSourceSchema = z.strictObject({
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

export const dataSchema = z.strictObject({
  train: trainSchema.describe(
    'Training text, as `{ text: <file> }`, `{ jsonl: <file> }` or `{ parquet: <file> }`; pairs of a `prompt` and a `response`; conversations, `{ chat: <file> }`; or a task, `{ mad: <task> }` or `{ lra: <task> }`.',
  ),
  validation: z
    .union([dataSourceSchema, z.number().gt(0).lt(1)])
    .default(0.05)
    .describe('Validation text, or a fraction cut from train.'),
  test: dataSourceSchema.optional().describe('Test text: results are reported on it where given.'),
  context: z
    .int()
    .min(1)
    .optional()
    .describe('Tokens predicted in each sequence; a task knows its own.'),
});
