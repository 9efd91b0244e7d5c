/** The command's options. */
import { parseArgs } from 'node:util';
import { BENCH_ROWS, type BenchRow } from './rows';

export interface BenchOptions {
  readonly json: boolean;
  readonly rows: readonly BenchRow[];
  readonly turns: number;
  /** Of both sides. */
  readonly threads: number;
  /** Our side without joined vectors and on an older Node, and the matrix product by threads. */
  readonly besides: boolean;
  /** Rows of earlier goes, which these are added to. */
  readonly keep: string | undefined;
  /** Of every row, or of those that miss their target. */
  readonly profile: 'none' | 'missed' | 'all';
  /** Markdown goes here. */
  readonly write: string | undefined;
  /** Scans that PyTorch may take; of several the faster one. */
  readonly scans: readonly PeerScan[];
  /** A Node without joined vectors, for the rows beside. */
  readonly olderNode: string | undefined;
}

/** transformers' own loop over positions, or mambapy's parallel scan. */
export type PeerScan = 'loop' | 'mambapy';

/** Fewest turns whose medians are worth a ratio; fewer are for a look. */
export const FEWEST_TURNS = 7;
const THREADS = 2;

export const USAGE = `npm run bench -- [options]

  --rows NAME,NAME   these rows alone: ${BENCH_ROWS.map(({ name }) => name).join(', ')}
  --turns N          turns of each row (default and fewest for a ratio to report: ${FEWEST_TURNS})
  --threads N        threads of both sides (default ${THREADS})
  --json             one JSON object on standard output
  --write FILE       writes the page of measurements; profiles the rows that miss their target
  --keep FILE        rows measured before, which these are added to, for a page made in several goes
  --profile          profiles every row
  --no-besides       without the older builds of the kernels and the matrix product
  --scan NAME        PyTorch's scan: loop, mambapy, or the faster of both (default)
  --older-node PATH  a Node 20, for the rows without joined vectors

MANTICORE_PEER_PYTHON names a Python with test/bench/engine/peer/requirements.txt; without it our side is measured alone.`;

export class UsageError extends Error {}

/** @throws UsageError */
export function parseBenchArguments(args: readonly string[]): BenchOptions {
  const values = readOptions(args);
  return {
    json: values.json,
    rows: values.rows === undefined ? BENCH_ROWS : namedRows(values.rows),
    turns: count('turns', values.turns, FEWEST_TURNS),
    threads: count('threads', values.threads, THREADS),
    besides: !values['no-besides'],
    profile: values.profile ? 'all' : values.write === undefined ? 'none' : 'missed',
    write: values.write,
    keep: values.keep,
    scans: scansOf(values.scan),
    olderNode: values['older-node'],
  };
}

function scansOf(text: string | undefined): readonly PeerScan[] {
  // The one that takes minutes for a step of a long sequence comes last.
  const all = ['mambapy', 'loop'] as const;
  if (text === undefined) return all;
  const named = all.filter((scan) => scan === text);
  if (named.length === 0) throw new UsageError(`--scan takes loop or mambapy, not ${text}.`);
  return named;
}

function readOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        json: { type: 'boolean', default: false },
        rows: { type: 'string' },
        turns: { type: 'string' },
        threads: { type: 'string' },
        'no-besides': { type: 'boolean', default: false },
        profile: { type: 'boolean', default: false },
        write: { type: 'string' },
        keep: { type: 'string' },
        scan: { type: 'string' },
        'older-node': { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function namedRows(list: string): readonly BenchRow[] {
  const names = list.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !BENCH_ROWS.some((row) => row.name === name));
  if (unknown.length > 0) throw new UsageError(`There is no row ${unknown.join(', ')}.`);
  return BENCH_ROWS.filter(({ name }) => names.includes(name));
}

function count(option: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new UsageError(`--${option} takes a whole number from 1, not ${text}.`);
  }
  return value;
}
