/** A data source that another process names, checked. */
import { z } from 'zod';

const record = { kind: z.enum(['jsonl', 'parquet']), path: z.string() };

export const dataSourceSchema = z.union([
  z.object({ kind: z.literal('text'), path: z.string() }),
  z.object({ ...record, field: z.string() }),
  z.object({
    ...record,
    pair: z.object({ prompt: z.string(), input: z.string().optional(), response: z.string() }),
    template: z.string().optional(),
  }),
  z.object({
    kind: z.literal('chat'),
    path: z.string(),
    field: z.string(),
    template: z.string().optional(),
  }),
]);
