/** Runs of an experiment → its models over seeds, each with what it cost; and the hybrid beside the best component. */
import { SEARCHED_SUBJECT } from '../../server/contract/events';
import { includesZero, pairedDifference } from '../../server/report/resultReport';
import { estimate, type Estimate } from '../../server/report/statistics';
import { valueText } from '../../server/language/sweep';
import type { RecordRow, RunRecord } from './records';

/** One model of a table, at one setting: its rows are those of its seeds. */
export interface Entry {
  readonly subject: string;
  /** What sets it apart from others of its name; empty where there is none. */
  readonly setting: string;
  /** `hybrid`: of searched α. `designed`: a hybrid that nobody searched. */
  readonly role: 'hybrid' | 'programmed' | 'uniform' | 'component' | 'designed';
  readonly rows: readonly RecordRow[];
  readonly loss: Estimate;
  readonly accuracy: Estimate | null;
}

export type Measure = 'loss' | 'accuracy';

export const measureOf = (records: readonly RunRecord[]): Measure =>
  records.every(({ task }) => task !== null) ? 'accuracy' : 'loss';

/** Results are reported on test where every run has one. */
export const splitOf = (records: readonly RunRecord[]): 'test' | 'validation' =>
  records.every(({ rows }) => rows.some(({ split }) => split === 'test')) ? 'test' : 'validation';

/** Settings that a record differs in from other seeds: its config, options and cell, seeds left out. */
export function variantOf(record: RunRecord, among: readonly RunRecord[]): string {
  const isSame = (key: (each: RunRecord) => string) => new Set(among.map(key)).size === 1;
  const own = record.settings.filter(({ key }) => !isSeed(key));
  const isAlone = isSame(({ config }) => config);
  return [
    ...(isAlone ? [] : [nameOf(record.config)]),
    ...own.map(({ key, value }) => `${key}: ${valueText(value)}`),
    ...(isSame(({ config, options }) => JSON.stringify([config, options])) || !isAlone
      ? []
      : record.options.filter((option) => !option.startsWith('sweep=')).map(optionText)),
  ].join(', ');
}

const optionText = (option: string): string => option.replace('=', ': ');

export const isSeed = (key: string): boolean => /^search\.seeds?$/.test(key);

const nameOf = (config: string): string =>
  (config.split('/').at(-1) ?? '').replace('.manticore.yaml', '');

/** Every model of these runs; models that are the same to the last digit (a baseline of several runs) stand once. */
export function entriesOf(records: readonly RunRecord[]): readonly Entry[] {
  const split = splitOf(records);
  const groups = new Map<
    string,
    { entry: Omit<Entry, 'rows' | 'loss' | 'accuracy'>; rows: RecordRow[] }
  >();
  for (const record of records) {
    const setting = variantOf(record, records);
    for (const row of record.rows) {
      if (row.split !== split) continue;
      const { subject, role } = rolesOf(record, row);
      const key = JSON.stringify([subject, setting, row.stage]);
      const group = groups.get(key);
      if (group) group.rows.push(row);
      else groups.set(key, { entry: { subject, setting, role }, rows: [row] });
    }
  }
  const seen = new Map<string, Entry>();
  for (const { entry, rows } of groups.values()) {
    const key = JSON.stringify([entry.subject, rows]);
    const twin = seen.get(key);
    // Where it stands for several settings it is of none of them.
    if (twin) seen.set(key, { ...twin, setting: '' });
    else seen.set(key, { ...entry, rows, ...estimatesOf(rows) });
  }
  return [...seen.values()];
}

function rolesOf(record: RunRecord, { subject }: RecordRow): Pick<Entry, 'subject' | 'role'> {
  const [only, ...more] = record.components;
  // The only component of a run is that run's hybrid.
  if (subject === 'hybrid' && only && more.length === 0) {
    return { subject: only.name, role: 'designed' };
  }
  if (subject === 'hybrid' && record.programmed) return { subject, role: 'programmed' };
  if (subject === SEARCHED_SUBJECT) return { subject: 'hybrid', role: 'hybrid' };
  if (subject === 'hybrid' || subject === 'uniform') return { subject, role: subject };
  const isComponent = record.components.some(({ name }) => name === subject);
  return { subject, role: isComponent ? 'component' : 'designed' };
}

export function estimatesOf(rows: readonly RecordRow[]): Pick<Entry, 'loss' | 'accuracy'> {
  const accuracies = rows.flatMap(({ accuracy }) => accuracy ?? []);
  const share = accuracies.length === rows.length ? estimate(accuracies) : null;
  const interval = share?.interval && {
    low: Math.max(0, share.interval.low),
    high: Math.min(1, share.interval.high),
  };
  return {
    loss: estimate(rows.map(({ loss }) => loss)),
    accuracy: share && { ...share, interval: interval ?? null },
  };
}

/** How a model's budget stands to the hybrid's; FLOPs may differ by what a step costs. */
export interface Budget {
  readonly isSameTokens: boolean;
  readonly isSameFlops: boolean;
  /** Its training FLOPs over the hybrid's. */
  readonly flopsRatio: number | null;
}

export function budgetOf(entry: Entry, hybrid: Entry): Budget {
  const [own] = entry.rows;
  const [its] = hybrid.rows;
  const ratio =
    own?.trainingFlops && its?.trainingFlops ? own.trainingFlops / its.trainingFlops : null;
  return {
    isSameTokens: own?.tokens === its?.tokens && own?.updates === its?.updates,
    isSameFlops: ratio !== null && Math.abs(ratio - 1) < 0.02,
    flopsRatio: ratio,
  };
}

/** A hybrid beside the component that did best at one budget. */
export interface Verdict {
  readonly hybrid: Entry;
  readonly best: Entry;
  readonly budget: 'tokens' | 'FLOPs' | 'both' | 'neither';
  /** Hybrid − component, paired over seeds. */
  readonly difference: Estimate;
  readonly outcome: 'wins' | 'loses' | 'open';
}

/** At equal tokens, and at equal FLOPs, as far as there are components of each; at another budget where there are none of either. */
export function verdictsOf(entries: readonly Entry[], measure: Measure): readonly Verdict[] {
  return entries
    .filter(({ role }) => role === 'hybrid' || role === 'programmed')
    .flatMap((hybrid) => {
      const others = entries.filter(({ role }) => role === 'component' || role === 'designed');
      const of = (kind: Verdict['budget']): readonly Verdict[] => {
        const own = others.filter((entry) => kindOf(budgetOf(entry, hybrid)) === kind);
        const best = bestOf(own, measure);
        return best ? [verdictOf(hybrid, best, kind, measure) ?? []].flat() : [];
      };
      const equal = (['tokens', 'both', 'FLOPs'] as const).flatMap(of);
      return equal.length > 0 ? equal : of('neither');
    });
}

function kindOf({ isSameTokens, isSameFlops }: Budget): Verdict['budget'] {
  if (isSameTokens) return isSameFlops ? 'both' : 'tokens';
  return isSameFlops ? 'FLOPs' : 'neither';
}

export const figureOf = (entry: Pick<Entry, 'loss' | 'accuracy'>, measure: Measure): number =>
  (measure === 'accuracy' ? entry.accuracy?.mean : entry.loss.mean) ?? Number.NaN;

/** Of those with the best mean: what the hybrid has to beat. */
export function bestOf(entries: readonly Entry[], measure: Measure): Entry | undefined {
  const sign = measure === 'accuracy' ? -1 : 1;
  return [...entries].sort((a, b) => sign * (figureOf(a, measure) - figureOf(b, measure)))[0];
}

export function verdictOf(
  hybrid: Entry,
  best: Entry,
  budget: Verdict['budget'],
  measure: Measure,
): Verdict | undefined {
  const difference = differenceOf(hybrid.rows, best.rows, measure);
  if (!difference) return undefined;
  const isBetter = measure === 'accuracy' ? difference.mean > 0 : difference.mean < 0;
  const isCertain = includesZero(difference.interval) === false;
  const outcome = isCertain ? (isBetter ? 'wins' : 'loses') : 'open';
  return { hybrid, best, budget, difference, outcome };
}

/** `first − second`, paired over the seeds that both have. */
export function differenceOf(
  first: readonly RecordRow[],
  second: readonly RecordRow[],
  measure: Measure,
): Estimate | undefined {
  const value = (row: Pick<RecordRow, 'loss' | 'accuracy'>): number =>
    measure === 'accuracy' ? (row.accuracy ?? Number.NaN) : row.loss;
  return pairedDifference(first.map(resultRow), second.map(resultRow), value);
}

/** A row with what a report's has besides. */
const resultRow = (row: RecordRow) => ({
  ...row,
  final: true,
  perplexity: Math.exp(row.loss),
  seconds: null,
  milliseconds: null,
});

/** Items of the same key, in the order in which each key first appears. */
export function groupedBy<T>(items: readonly T[], key: (item: T) => string): readonly T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const own = groups.get(key(item));
    if (own) own.push(item);
    else groups.set(key(item), [item]);
  }
  return [...groups.values()];
}
