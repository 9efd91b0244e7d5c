/**
 * What the panel believes: every message of the host is checked before it reaches the state, and what fits no type is
 * dropped. JSON has no NaN, so `null` stands for it in measured numbers.
 */
import * as z from 'zod/mini';
import type { HostToPanel, PanelState } from '../server/contract/panel';
import type { Alphas } from '../server/contract/events';

// The page's policy forbids code made of strings, which zod would otherwise try.
z.config({ jitless: true });

const maximumItems = 200_000;
const maximumBlocks = 4096;
const maximumText = 64 * 1024;

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

const text = z.string().check(z.maxLength(maximumText));
const label = z.string().check(z.minLength(1), z.maxLength(256));
const count = z.custom<number>(isCount);
const position = z.custom<number>((value) => isCount(value) && value >= 1);
const measured = z.pipe(
  z.custom<number | null>((value) => value === null || typeof value === 'number'),
  z.transform((value: number | null) => value ?? Number.NaN),
);
const list = <T extends z.ZodMiniType>(item: T) => z.array(item).check(z.maxLength(maximumItems));

const isRow = (row: unknown, length: number): row is number[] =>
  Array.isArray(row) &&
  row.length === length &&
  row.length > 0 &&
  row.every((weight) => typeof weight === 'number');

/** A matrix of weights: hand-checked, since a snapshot holds thousands. */
const alphas = z.custom<Alphas>((value) => {
  if (!Array.isArray(value) || value.length === 0 || value.length > maximumBlocks) return false;
  const first: unknown = value[0];
  if (!Array.isArray(first) || first.length > maximumBlocks) return false;
  return value.every((row) => isRow(row, first.length));
});
const weights = z.array(z.number()).check(z.maxLength(maximumBlocks));

const base = { seq: count, time: z.string().check(z.maxLength(64)) };
const stage = z.enum(['projectors', 'search', 'finetune', 'baseline', 'program']);
const whereFields = { stage, subject: label, seed: count };
const where = z.object(whereFields);
const split = z.enum(['train', 'validation', 'test']);
const prepared = z.enum(['train', 'validation', 'test', 'pretrain']);
const runState = z.enum(['starting', 'running', 'paused', 'done', 'stopped', 'failed', 'lost']);
const userError = z.object({ code: label, message: text, hint: text });

const step = z.object({
  ...base,
  ...whereFields,
  type: z.literal('step'),
  step: count,
  steps: count,
  loss: measured,
  alphas: z.exactOptional(alphas),
  cost: z.exactOptional(measured),
  tokensPerSecond: measured,
  etaSeconds: measured,
  memoryBytes: measured,
});
const result = z.object({
  ...whereFields,
  split,
  loss: measured,
  perplexity: measured,
  accuracy: z.exactOptional(measured),
  parameters: count,
  flopsPerToken: measured,
  updates: count,
  tokens: count,
  seconds: measured,
  milliseconds: z.exactOptional(measured),
});
const handOver = z.object({
  seed: count,
  alphas: z.enum(['soft', 'argmax', 'threshold']),
  threshold: z.exactOptional(z.number()),
  split,
  loss: measured,
  perplexity: measured,
  accuracy: z.exactOptional(measured),
  parameters: count,
  flopsPerToken: measured,
  cost: z.exactOptional(z.number()),
  milliseconds: z.exactOptional(measured),
});
const costs = z.object({
  kind: z.enum(['flops', 'parameters', 'milliseconds']),
  weight: z.number(),
  table: alphas,
  others: z.exactOptional(z.record(label, z.number())),
});
const started = z.object({
  ...base,
  type: z.literal('started'),
  id: label,
  plan: text,
  components: list(
    z.object({ name: label, family: label, layers: count, width: count, parameters: count }),
  ),
  blocks: count.check(z.refine((blocks) => blocks <= maximumBlocks)),
  engine: z.object({ name: text, device: text, tier: text, threads: count, node: text }),
});
const otherEvents = [
  started,
  z.object({
    ...base,
    ...whereFields,
    type: z.literal('evaluation'),
    step: count,
    split,
    loss: measured,
    perplexity: measured,
    accuracy: z.exactOptional(measured),
  }),
  z.object({
    ...base,
    ...whereFields,
    type: z.literal('control'),
    action: z.enum(['pin', 'unpin', 'prune', 'restore', 'pause', 'resume']),
    block: z.exactOptional(position),
    component: z.exactOptional(label),
    weights: z.exactOptional(weights),
    step: count,
  }),
  z.object({ ...base, ...whereFields, type: z.literal('checkpoint'), step: count, path: text }),
  z.object({
    ...base,
    type: z.literal('preparing'),
    split: prepared,
    bytes: count,
    totalBytes: count,
  }),
  z.object({ ...base, type: z.literal('costs'), costs }),
  z.object({ ...base, type: z.literal('warning'), code: label, message: text }),
  z.object({ ...base, type: z.literal('failed'), code: label, message: text, hint: text }),
  z.object({
    ...base,
    ...whereFields,
    type: z.literal('resumed'),
    fromStep: count,
    supersedesFromSeq: count,
  }),
  z.object({
    ...base,
    type: z.literal('finished'),
    status: z.enum(['done', 'stopped']),
    components: list(label),
    alphas,
    perSeed: list(alphas),
    selection: z.object({ component: label, meanAlpha: z.record(z.string(), z.number()) }),
    results: list(result),
    handOver: z.exactOptional(list(handOver)),
  }),
] as const;
const otherEvent = z.discriminatedUnion('type', otherEvents);
const event = z.discriminatedUnion('type', [step, ...otherEvents]);

const sameLength = (lists: readonly (readonly unknown[])[]): boolean =>
  lists.every((each) => each.length === lists[0]!.length);

const curve = z
  .object({
    ...whereFields,
    total: count,
    steps: list(count),
    loss: list(z.custom<number | null>((value) => value === null || typeof value === 'number')),
  })
  .check(z.refine(({ steps, loss }) => sameLength([steps, loss])));
const frames = z
  .object({ ...whereFields, recorded: count, steps: list(count), alphas: list(alphas) })
  .check(z.refine(({ steps, alphas: each }) => sameLength([steps, each])));

const plan = z.object({
  components: list(
    z.object({
      name: label,
      family: label,
      parameters: count,
      groups: list(z.object({ first: count, end: count })),
    }),
  ),
  blocks: z
    .array(z.object({ live: list(count), pinned: z.optional(weights), initial: weights }))
    .check(z.maxLength(maximumBlocks)),
  jobs: list(z.object({ ...whereFields, steps: count })),
  task: z.optional(label),
});

const snapshot = z.object({
  id: label,
  dir: text,
  name: text,
  config: text,
  state: runState,
  startedAt: text,
  nextSeq: count,
  plan: z.optional(plan),
  events: list(otherEvent),
  curves: list(curve),
  frames: list(frames),
  latest: z.optional(step),
  skipped: count,
});

const hostMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('snapshot'), snapshot }),
  z.object({ type: z.literal('events'), events: list(event), state: runState }),
  z.object({ type: z.literal('alphas'), where, step: count, alphas: z.nullable(alphas) }),
  z.object({ type: z.literal('loss'), curve }),
  z.object({
    type: z.literal('control'),
    request: count,
    state: z.enum(['applied', 'refused']),
    step: z.exactOptional(count),
    error: z.exactOptional(userError),
  }),
  z.object({ type: z.literal('unavailable'), error: userError }),
]);

const panelState = z.object({
  version: z.literal(1),
  dir: text,
  where: z.optional(where),
  step: z.optional(count),
  view: z.enum(['heatmap', 'table']),
});

/** The message, or `undefined` where it fits no type of the contract. */
export function parseHostMessage(data: unknown): HostToPanel | undefined {
  const read = z.safeParse(hostMessage, withUndefinedLeftOut(data));
  return read.success ? (read.data as HostToPanel) : undefined;
}

/** What `getState` found, or `undefined` where it is not ours. */
export function parsePanelState(data: unknown): PanelState | undefined {
  const read = z.safeParse(panelState, data);
  if (!read.success) return undefined;
  return { ...read.data, where: read.data.where, step: read.data.step };
}

/** A control's answer may carry `step: undefined`: structured cloning keeps such keys, JSON doesn't. */
function withUndefinedLeftOut(data: unknown): unknown {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return data;
  return Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined));
}
