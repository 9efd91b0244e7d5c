/**
 * One line of `events.jsonl` ⇄ RunEvent. Lines read are untrusted: what isn't a whole, valid event is skipped by the
 * readers, never thrown. JSON has no NaN and no infinity: `null` stands for both, and is read as NaN.
 */
import { z } from 'zod';
import type { NewRunEvent, RunEvent } from '../contract/events';

/** Longer lines are skipped. A `finished` event of 100 seeds × 24 blocks × 8 components has about 0.5 MB. */
export const maximumLineBytes = 4 * 1024 * 1024;
const maximumText = 64 * 1024;

const text = z.string().max(maximumText);
const label = z.string().min(1).max(256);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const block = count.min(1);
const measured = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);
const row = z.array(measured).min(1).max(4096);
const alphas = z
  .array(row)
  .max(4096)
  .refine(
    (rows) => rows.every((each) => each.length === rows[0]?.length),
    'one weight a component in every block',
  );

const base = { seq: count, time: z.string().max(64) };
const where = {
  stage: z.enum(['projectors', 'search', 'finetune', 'baseline', 'program']),
  subject: label,
  seed: count,
};
const split = z.enum(['train', 'validation', 'test']);
const prepared = z.enum(['train', 'validation', 'test', 'pretrain']);
/** A folder right below `checkpoints/`; anything else leads out of it or is no checkpoint. */
const checkpointPath = z.string().regex(/^checkpoints\/step-\d{1,15}$/);

const component = z.object({
  name: label,
  family: label,
  layers: count,
  width: count,
  parameters: count,
});
const result = z.object({
  subject: label,
  stage: where.stage,
  seed: count,
  split,
  loss: measured,
  perplexity: measured,
  accuracy: measured.exactOptional(),
  parameters: count,
  flopsPerToken: measured,
  updates: count,
  tokens: count,
  trainingFlops: measured.exactOptional(),
  seconds: measured,
  milliseconds: measured.exactOptional(),
});

const handOver = z.object({
  seed: count,
  alphas: z.enum(['soft', 'argmax', 'threshold']),
  threshold: measured.exactOptional(),
  split,
  loss: measured,
  perplexity: measured,
  accuracy: measured.exactOptional(),
  parameters: count,
  flopsPerToken: measured,
  cost: measured.exactOptional(),
  milliseconds: measured.exactOptional(),
});
const costs = z.object({
  kind: z.enum(['flops', 'parameters', 'milliseconds']),
  weight: measured,
  table: alphas,
  others: z.record(label, measured).exactOptional(),
});

const eventSchema = z.discriminatedUnion('type', [
  z.object({
    ...base,
    type: z.literal('started'),
    id: label,
    plan: text,
    components: z.array(component).max(4096),
    blocks: count,
    engine: z.object({ name: label, device: text, tier: text, threads: count, node: text }),
  }),
  z.object({
    ...base,
    type: z.literal('preparing'),
    split: prepared,
    bytes: count,
    totalBytes: count,
  }),
  z.object({ ...base, type: z.literal('costs'), costs }),
  z.object({
    ...base,
    type: z.literal('step'),
    ...where,
    step: count,
    steps: count,
    loss: measured,
    alphas: alphas.exactOptional(),
    cost: measured.exactOptional(),
    tokensPerSecond: measured,
    etaSeconds: measured,
    memoryBytes: measured,
  }),
  z.object({
    ...base,
    type: z.literal('evaluation'),
    ...where,
    step: count,
    split,
    loss: measured,
    perplexity: measured,
    accuracy: measured.exactOptional(),
  }),
  z.object({
    ...base,
    type: z.literal('control'),
    ...where,
    action: z.enum(['pin', 'unpin', 'prune', 'restore', 'pause', 'resume']),
    block: block.exactOptional(),
    component: label.exactOptional(),
    weights: row.exactOptional(),
    step: count,
  }),
  z.object({
    ...base,
    type: z.literal('checkpoint'),
    ...where,
    step: count,
    path: checkpointPath,
  }),
  z.object({ ...base, type: z.literal('warning'), code: label, message: text }),
  z.object({ ...base, type: z.literal('failed'), code: label, message: text, hint: text }),
  z.object({
    ...base,
    type: z.literal('resumed'),
    ...where,
    fromStep: count,
    supersedesFromSeq: count,
  }),
  z.object({
    ...base,
    type: z.literal('finished'),
    status: z.enum(['done', 'stopped']),
    components: z.array(label).max(4096),
    alphas,
    perSeed: z.array(alphas).max(100_000),
    selection: z.object({ component: text, meanAlpha: z.record(label, measured) }),
    results: z.array(result).max(100_000),
    program: z
      .array(z.object({ task: label, weight: measured, alphas }))
      .max(1000)
      .exactOptional(),
    searched: alphas.exactOptional(),
    handOver: z.array(handOver).max(100_000).exactOptional(),
    costs: costs.exactOptional(),
  }),
]);

/** A line without its newline → the event, or `undefined` when it is none that this version knows. */
export function parseEventLine(line: string): RunEvent | undefined {
  if (line.length > maximumLineBytes) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const parsed = eventSchema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

/** `seq` of a line without parsing the rest, where the line was written by `formatEventLine`. */
export function peekSeq(line: string): number | undefined {
  const match = /^\{"seq":(\d{1,15}),/.exec(line);
  return match === null ? undefined : Number(match[1]);
}

/**
 * The line of an event, without newline; `seq` comes first. Control characters that JSON leaves alone (DEL and C1) are
 * escaped too, so that a line may be shown in a terminal.
 */
export function formatEventLine(event: RunEvent): string {
  const { seq, time, ...rest } = event;
  return JSON.stringify({ seq, time, ...rest }).replace(
    /[\u007f-\u009f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * Gives a new event its place in the log.
 * @throws TypeError when the writer made an event that no reader would take: a bug, better met here than in a panel
 */
export function sealEvent(
  event: NewRunEvent,
  seq: number,
  time: string,
): { readonly event: RunEvent; readonly line: string } {
  const line = formatEventLine({ ...withShortText(event), seq, time });
  const sealed = parseEventLine(line);
  if (sealed === undefined)
    throw new TypeError(`not a valid ${event.type} event: ${line.slice(0, 400)}`);
  return { event: sealed, line };
}

/** Messages can quote what a file held; a warning must not fail for its length. */
function withShortText(event: NewRunEvent): NewRunEvent {
  if (event.type === 'warning') return { ...event, message: event.message.slice(0, maximumText) };
  if (event.type !== 'failed') return event;
  return {
    ...event,
    message: event.message.slice(0, maximumText),
    hint: event.hint.slice(0, maximumText),
  };
}
