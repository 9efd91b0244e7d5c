/** What the client sends, checked before it is believed. */
import path from 'node:path';
import { z } from 'zod';
import type { EditorRequests } from '../../contract/editor';
import { EXPORT_FORMATS } from '../../contract/jobs';
import { controlRequestSchema } from '../../runs/controlChannel';

/** Requests that runs answer. */
export type RunMethod =
  | 'manticore/startSearch'
  | 'manticore/resumeRun'
  | 'manticore/controlRun'
  | 'manticore/runSnapshot'
  | 'manticore/watchRun'
  | 'manticore/unwatchRun'
  | 'manticore/alphasAt'
  | 'manticore/lossBetween'
  | 'manticore/buildReport'
  | 'manticore/computeLog'
  | 'manticore/engines'
  | 'manticore/installEngine'
  | 'manticore/generate'
  | 'manticore/export'
  | 'manticore/download';

export type Params<M extends RunMethod> = EditorRequests[M][0];

const absolute = z
  .string()
  .min(1)
  .max(16 * 1024)
  .refine((value) => path.isAbsolute(value) && !value.includes('\0'), 'an absolute path');
const name = z.string().min(1).max(256);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const where = z.object({
  stage: z.enum(['projectors', 'search', 'finetune', 'baseline', 'program']),
  subject: name,
  seed: count,
});
const job = name;
const ofRun = z.object({ dir: absolute });

/** A schema for every request's params. */
export const paramsSchemas: { readonly [M in RunMethod]: z.ZodType<Params<M>> } = {
  'manticore/startSearch': z.object({
    uri: z
      .string()
      .min(1)
      .max(16 * 1024),
    besides: z.boolean(),
  }),
  'manticore/resumeRun': ofRun,
  'manticore/controlRun': z.object({ dir: absolute, request: controlRequestSchema }),
  'manticore/runSnapshot': ofRun,
  'manticore/watchRun': z.object({ dir: absolute, fromSeq: count }),
  'manticore/unwatchRun': ofRun,
  'manticore/alphasAt': z.object({ dir: absolute, where, steps: z.array(count).max(1000) }),
  'manticore/lossBetween': z.object({
    dir: absolute,
    where,
    fromStep: count,
    toStep: count,
    maxPoints: z.number().int().min(2).max(20_000),
  }),
  'manticore/buildReport': ofRun.extend({
    appearance: z.enum(['auto', 'light', 'dark']).default('auto'),
  }),
  'manticore/computeLog': ofRun,
  'manticore/engines': z.object({ job }),
  'manticore/installEngine': z.object({ job, name }),
  'manticore/generate': z.object({
    job,
    dir: absolute,
    prompt: z.string().max(1_000_000),
    maxTokens: count.max(100_000),
    temperature: z.number().min(0).max(100),
    topP: z.number().gt(0).max(1),
    seed: count,
  }),
  'manticore/export': z
    .object({
      job,
      dir: absolute,
      to: absolute,
      component: name.optional(),
      format: z.enum(EXPORT_FORMATS),
      dtype: z.enum(['F32', 'F16', 'BF16']),
    })
    // JSON leaves out what is undefined.
    .transform(({ component, ...others }) => ({ ...others, component })),
  'manticore/download': z.object({ job, source: z.string().min(1).max(1000) }),
};
