/** What is left of the hybrid right after the search, at α as found and at hard α: nothing is trained in between. */
import type { HandOver } from '../server/contract/events';
import { handOverEntries } from '../server/contract/handOver';
import { formatLoss, formatShort, formatShare } from './format';
import { makeTable } from './table';

/** Of one kind of α, the means over the seeds. */
export interface HandOverRow {
  readonly name: string;
  readonly split: HandOver['split'];
  readonly accuracy: number | undefined;
  readonly loss: number;
  /** Loss less that of the same seed at α as found; `undefined` of those themselves. */
  readonly difference: number | undefined;
  readonly parameters: number;
  readonly flopsPerToken: number;
  /** E[cost] as a share of all components'; `undefined` unless the search weighed it. */
  readonly cost: number | undefined;
}

export function handOverRows(entries: readonly HandOver[]): readonly HandOverRow[] {
  const soft = new Map(
    entries.flatMap((entry) => (entry.alphas === 'soft' ? [[entry.seed, entry.loss]] : [])),
  );
  return (['soft', 'argmax', 'threshold'] as const).flatMap((alphas): HandOverRow[] => {
    const own = handOverEntries(entries, alphas);
    const [first] = own;
    if (first === undefined) return [];
    const pairs = own.flatMap(({ seed, loss }) => {
      const found = soft.get(seed);
      return alphas === 'soft' || found === undefined ? [] : [loss - found];
    });
    return [
      {
        name: nameOf(first),
        split: first.split,
        accuracy: meanOf(own.map(({ accuracy }) => accuracy)),
        loss: meanOf(own.map(({ loss }) => loss)) ?? Number.NaN,
        difference: meanOf(pairs),
        parameters: meanOf(own.map(({ parameters }) => parameters)) ?? Number.NaN,
        flopsPerToken: meanOf(own.map(({ flopsPerToken }) => flopsPerToken)) ?? Number.NaN,
        cost: meanOf(own.map(({ cost }) => cost)),
      },
    ];
  });
}

function nameOf({ alphas, threshold }: HandOver): string {
  switch (alphas) {
    case 'soft':
      return 'as found';
    case 'argmax':
      return 'the largest of each block alone';
    case 'threshold':
      return threshold === undefined
        ? 'small ones dropped'
        : `below ${Number(threshold.toPrecision(3))} dropped`;
  }
}

/** `undefined` of none, and where one is missing. */
function meanOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.flatMap((value) => value ?? []);
  if (known.length === 0 || known.length < values.length) return undefined;
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** A table; none where the run compared nothing. @param ofTask whether answers are right or wrong */
export function makeHandOver(
  entries: readonly HandOver[],
  ofTask: boolean,
): readonly HTMLElement[] {
  const rows = handOverRows(entries);
  if (rows.length < 2) return [];
  const seeds = new Set(entries.map(({ seed }) => seed)).size;
  const isPriced = rows.some(({ cost }) => cost !== undefined);
  const isMean = seeds > 1 ? `, mean over ${seeds} seeds` : '';
  return [
    makeTable(
      `Right after the search, nothing trained in between${isMean}`,
      [
        { head: 'α', words: true },
        { head: 'Split', words: true },
        ...(ofTask
          ? [{ head: 'Accuracy', title: 'Share of the scored positions that are right' }]
          : []),
        { head: 'Loss', title: 'Nats a token' },
        { head: 'Beside as found', title: 'Loss less that at α as found, by seed' },
        { head: 'Parameters' },
        { head: 'FLOPs/token', title: 'Forward pass' },
        ...(isPriced ? [{ head: 'Expected cost', title: 'Share of all components’ cost' }] : []),
      ],
      rows.map((row) => [
        row.name,
        row.split,
        ...(ofTask ? [formatShare(row.accuracy)] : []),
        formatLoss(row.loss),
        row.difference === undefined ? '–' : signed(row.difference),
        formatShort(row.parameters),
        formatShort(row.flopsPerToken),
        ...(isPriced ? [row.cost === undefined ? '–' : row.cost.toFixed(3)] : []),
      ]),
    ),
  ];
}

const signed = (value: number): string =>
  Number.isFinite(value)
    ? `${value > 0 ? '+' : value < 0 ? '−' : ''}${Math.abs(value).toFixed(3)}`
    : '–';
