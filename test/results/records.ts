/** What `docs/results.json` keeps of runs: enough to write `docs/results.md` anew, and no more. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';

const count = z.number().nullable();

const row = z.strictObject({
  subject: z.string(),
  stage: z.enum(['search', 'finetune', 'baseline']),
  seed: z.number(),
  split: z.enum(['validation', 'test']),
  loss: z.number(),
  accuracy: z.number().nullable(),
  parameters: count,
  flopsPerToken: count,
  updates: count,
  tokens: count,
  trainingFlops: count,
});

const handOver = z.strictObject({
  seed: z.number(),
  alphas: z.enum(['soft', 'argmax', 'threshold']),
  loss: z.number(),
  flopsPerToken: z.number(),
});

const record = z.strictObject({
  /** The config's path in the repository. */
  config: z.string(),
  /** Options behind the config's path that started it, or the sweep that it is a cell of. */
  options: z.array(z.string()),
  /** Its cell's; none for a run that is no cell. */
  settings: z.array(z.strictObject({ key: z.string(), value: z.unknown() })),
  /** Keys of the sweep with their values. */
  axes: z.array(z.strictObject({ key: z.string(), values: z.array(z.unknown()) })),
  /** `2026-11-27`. */
  day: z.string(),
  version: z.string(),
  engine: z.strictObject({
    name: z.string(),
    device: z.string(),
    tier: z.string(),
    node: z.string(),
  }),
  task: z.string().nullable(),
  /** Whether its α come of synthetic tasks (`program`); then those of a search on its own data stand beside it. */
  programmed: z.boolean().default(false),
  components: z.array(z.strictObject({ name: z.string(), family: z.string() })),
  /** Tokens of stages before the one that is reported, which the baselines get nothing for. */
  before: z.strictObject({ search: count, projectors: count }),
  rows: z.array(row),
  /** `[block][component]`, of each seed. */
  alphas: z.array(z.strictObject({ seed: z.number(), alphas: z.array(z.array(z.number())) })),
  handOver: z.array(handOver),
});

const file = z.strictObject({
  format: z.literal('manticore-results'),
  version: z.literal(1),
  records: z.array(record),
});

export type RunRecord = z.output<typeof record>;
export type RecordRow = RunRecord['rows'][number];

/** @throws Error with a sentence when it is no such file */
export function parseRecords(text: string, name: string): readonly RunRecord[] {
  const parsed = file.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(`${name} is no file of results: ${parsed.error.message}`);
  return parsed.data.records;
}

/** Nothing where there is no file. */
export async function readRecords(path: string): Promise<readonly RunRecord[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? [] : parseRecords(text, path);
}

/** One record a line, so that a difference can be read. */
export function recordsText(records: readonly RunRecord[]): string {
  const lines = records.map((each) => JSON.stringify(each, rounded));
  return `{"format":"manticore-results","version":1,"records":[\n${lines.join(',\n')}\n]}\n`;
}

/** Seven digits are more than any interval here has. */
const rounded = (_: string, value: unknown): unknown =>
  typeof value === 'number' ? Number(value.toPrecision(7)) : value;

/** What one run is of: newer runs of the same take the place of older ones. */
const keyOf = ({ config, options, settings }: RunRecord): string =>
  JSON.stringify([config, options, settings]);

/** Newer records in the place of older ones, in the order of configs, options and cells. */
export function mergeRecords(
  older: readonly RunRecord[],
  newer: readonly RunRecord[],
): readonly RunRecord[] {
  const all = new Map([...older, ...newer].map((each) => [keyOf(each), each]));
  return [...all.values()].sort(
    (a, b) =>
      compare(a.config, b.config) ||
      compare(JSON.stringify(a.options), JSON.stringify(b.options)) ||
      placeOf(a) - placeOf(b),
  );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A cell's place in the order of its grid. */
const placeOf = ({ settings, axes }: RunRecord): number =>
  axes.reduce((place, { key, values }) => {
    const value = JSON.stringify(settings.find((setting) => setting.key === key)?.value);
    return place * values.length + values.findIndex((one) => JSON.stringify(one) === value);
  }, 0);
