/**
 * The gate of a report: a run folder can come with a cloned repository, so events and plan are checked before a
 * number of theirs is drawn. What does not fit is left out, and counted.
 */
import { z } from 'zod';
import type { RunEvent, StepEvent } from '../contract/events';

const maxBlocks = 1024;
const maxComponents = 64;
const stages = ['projectors', 'search', 'finetune', 'baseline', 'program'] as const;
const stageNames = new Set<unknown>(stages);

const count = z.number().int().min(0);
const name = z.string().max(1000);
/** The log writes null for a number that is none, and its reader gives NaN for it. */
const measured = z.number().or(z.nan());
const alphas = z.array(z.array(measured).max(maxComponents)).max(maxBlocks);
const base = { seq: count, time: z.string().max(64) };
const where = { ...base, stage: z.enum(stages), subject: name, seed: z.number() };
const split = z.enum(['train', 'validation', 'test']);
const prepared = z.enum(['train', 'validation', 'test', 'pretrain']);
const score = { loss: measured, perplexity: measured, accuracy: measured.optional() };

const result = z.object({
  subject: name,
  stage: z.enum(stages),
  seed: z.number(),
  split,
  ...score,
  parameters: z.number(),
  flopsPerToken: measured,
  updates: z.number(),
  tokens: z.number(),
  trainingFlops: measured.optional(),
  seconds: measured,
  milliseconds: measured.exactOptional(),
});

const handOver = z.object({
  seed: z.number(),
  alphas: z.enum(['soft', 'argmax', 'threshold']),
  threshold: measured.exactOptional(),
  split,
  loss: measured,
  perplexity: measured,
  accuracy: measured.exactOptional(),
  parameters: z.number(),
  flopsPerToken: measured,
  cost: measured.exactOptional(),
  milliseconds: measured.exactOptional(),
});
const costs = z.object({
  kind: z.enum(['flops', 'parameters', 'milliseconds']),
  weight: measured,
  table: alphas,
  others: z.record(z.string(), measured).exactOptional(),
});

const event = z.discriminatedUnion('type', [
  z.object({
    ...base,
    type: z.literal('started'),
    id: name,
    plan: name,
    components: z
      .array(z.object({ name, family: name, layers: count, width: count, parameters: z.number() }))
      .max(maxComponents),
    blocks: count.max(maxBlocks),
    engine: z.object({ name, device: name, tier: name, threads: count, node: name }),
  }),
  z.object({ ...where, type: z.literal('evaluation'), step: count, split, ...score }),
  z.object({
    ...where,
    type: z.literal('control'),
    action: z.enum(['pin', 'unpin', 'prune', 'restore', 'pause', 'resume']),
    block: count.optional(),
    component: name.optional(),
    weights: z.array(measured).max(maxComponents).optional(),
    step: count,
  }),
  z.object({ ...where, type: z.literal('checkpoint'), step: count, path: name }),
  z.object({
    ...base,
    type: z.literal('preparing'),
    split: prepared,
    bytes: count,
    totalBytes: count,
  }),
  z.object({ ...base, type: z.literal('costs'), costs }),
  z.object({ ...base, type: z.literal('warning'), code: name, message: z.string() }),
  z.object({
    ...base,
    type: z.literal('failed'),
    code: name,
    message: z.string(),
    hint: z.string(),
  }),
  z.object({ ...where, type: z.literal('resumed'), fromStep: count, supersedesFromSeq: count }),
  z.object({
    ...base,
    type: z.literal('finished'),
    status: z.enum(['done', 'stopped']),
    components: z.array(name).max(maxComponents),
    alphas,
    perSeed: z.array(alphas).max(1000),
    selection: z.object({ component: name, meanAlpha: z.record(z.string(), measured) }),
    results: z.array(result).max(10_000),
    program: z
      .array(z.object({ task: name, weight: measured, alphas }))
      .max(1000)
      .exactOptional(),
    searched: alphas.exactOptional(),
    handOver: z.array(handOver).max(10_000).exactOptional(),
    costs: costs.exactOptional(),
  }),
]);

const plan = z.object({
  name,
  components: z.array(z.object({ name, flopsPerToken: z.number() })).max(maxComponents),
  blocks: z
    .array(
      z.object({
        live: z.array(count).max(maxComponents),
        pinned: z.array(z.number()).max(maxComponents).optional(),
        initial: z.array(z.number()).max(maxComponents),
      }),
    )
    .max(maxBlocks),
  memory: z.object({ checkpointing: z.boolean().optional() }).optional(),
  config: z
    .object({
      program: z.object({}).optional().catch(undefined),
      data: z.object({ train: z.object({ kind: name, task: name.optional() }) }),
      hybrid: z
        .object({
          projectors: z.object({
            pretrain: z
              .object({
                data: z.object({ path: name.optional() }),
                alphas: z.boolean(),
                embeddings: z.boolean(),
              })
              .optional(),
          }),
        })
        .optional()
        .catch(undefined),
    })
    .optional(),
  jobs: z.array(
    z.object({
      stage: z.enum(stages),
      subject: name,
      seed: z.number(),
      steps: count,
      weightUpdates: count,
      alphaUpdates: count,
      tokens: z.number(),
      parameters: z.number(),
      flopsPerToken: z.number(),
    }),
  ),
});

/** The part of a plan that a report reads. */
export type ReportPlan = z.infer<typeof plan>;

const numbers = (values: readonly unknown[]): boolean =>
  values.every((value) => typeof value === 'number');

/** Steps are many: checked by hand. */
function isStep(value: Record<string, unknown>): boolean {
  const { alphas: rows, cost } = value;
  return (
    typeof value['time'] === 'string' &&
    stageNames.has(value['stage']) &&
    typeof value['subject'] === 'string' &&
    value['subject'].length <= 1000 &&
    numbers([value['seed'], value['loss'], ...(cost === undefined ? [] : [cost])]) &&
    [value['seq'], value['step'], value['steps']].every(Number.isSafeInteger) &&
    (rows === undefined ||
      (Array.isArray(rows) &&
        rows.length <= maxBlocks &&
        rows.every(
          (row: unknown) => Array.isArray(row) && row.length <= maxComponents && numbers(row),
        )))
  );
}

/** One event, or undefined when it is not one. Numbers that only the terminal shows may be absent from a step. */
export function wellFormedEvent(value: unknown): RunEvent | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const record = value as Record<string, unknown>;
  if (record['type'] === 'step') return isStep(record) ? (value as StepEvent) : undefined;
  const parsed = event.safeParse(value);
  // zod writes an absent optional as absent, so the exact optional types hold.
  return parsed.success ? (parsed.data as RunEvent) : undefined;
}

export function wellFormedEvents(values: readonly unknown[]): {
  events: RunEvent[];
  dropped: number;
} {
  const events: RunEvent[] = [];
  for (const value of values) {
    const checked = wellFormedEvent(value);
    if (checked) events.push(checked);
  }
  return { events, dropped: values.length - events.length };
}

/** The plan as far as a report needs it; undefined when it is none. */
export function wellFormedPlan(value: unknown): ReportPlan | undefined {
  const parsed = plan.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}
