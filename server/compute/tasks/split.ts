/**
 * What batches are cut from: a text as one sequence of tokens, whole examples of a task, or conversations, one a row. Whether they lie in memory or in a file is their own business: readers ask for a window or a row.
 */
import type { Hash } from 'node:crypto';
import { type ExampleSet, examplesOf } from './examples';
import { IGNORED } from './ignored';
import { labelledOf, type LabelledSet } from './labelled';

/** Token ids by position. An `Int32Array` is one. */
export interface TokenSequence {
  readonly length: number;
  /** The ids [start, end), copied. */
  readonly slice: (start: number, end: number) => Int32Array;
}

/** Examples of any length, each a sequence whose next token is predicted; what isn't scored is marked (`unscored`). */
export interface ExampleRows {
  readonly count: number;
  readonly row: (index: number) => Int32Array;
}

export type Split = TokenSequence | ExampleSet | LabelledSet | ExampleRows;

/** How an id stands in a row where predicting it isn't scored: below 0. */
export const unscored = (id: number): number => ~id;

const isSet = (split: Split): split is ExampleSet => 'targets' in split;
/** Whether whole sequences are classified. */
export const isLabelled = (split: Split): split is LabelledSet => 'labels' in split;

const isRows = (split: Split): split is ExampleRows => 'row' in split;

/** Whether the split is one sequence, of which windows are cut, rather than whole examples. */
export const isSequence = (split: Split): split is TokenSequence =>
  !isSet(split) && !isRows(split) && !isLabelled(split);

/** Tokens of a sequence, examples of the others. */
export const sizeOf = (split: Split): number => (isSequence(split) ? split.length : split.count);

/** The tokens or examples [start, end), sharing what they lie in. */
export function partOf<S extends Split>(split: S, start: number, end: number): S;
export function partOf(split: Split, start: number, end: number): Split {
  if (split instanceof Int32Array) return split.subarray(start, end);
  if (isLabelled(split)) return labelledOf(split, start, end);
  if (isSet(split)) return examplesOf(split, start, end);
  if (isRows(split)) return { count: end - start, row: (index) => split.row(start + index) };
  return {
    length: end - start,
    slice: (from, to) => split.slice(start + from, start + Math.min(to, end - start)),
  };
}

/**
 * Rows that batches are made of: windows of `context` predictions, or examples.
 * @param short whether the last window of a sequence may have fewer predictions
 */
export function rowsOf(split: Split, context: number, short: boolean): number {
  if (!isSequence(split)) return split.count;
  const windows = Math.max(0, split.length - 1) / context;
  return short ? Math.ceil(windows) : Math.floor(windows);
}

export interface RowTarget {
  readonly ids: Int32Array;
  /** `IGNORED` where nothing was put. */
  readonly targets: Int32Array;
  /** Where the row begins in both. */
  readonly at: number;
  /** Positions of the row: an example that is longer is cut. */
  readonly length: number;
}

/** Puts a row's inputs and targets into place. @returns how many positions it scores */
export function fillRow(
  split: Exclude<Split, LabelledSet>,
  row: number,
  { ids, targets, at, length }: RowTarget,
): number {
  if (isSet(split)) {
    const start = row * split.length;
    const wanted = split.targets.subarray(start, start + split.length);
    ids.set(split.ids.subarray(start, start + split.length), at);
    targets.set(wanted, at);
    return countScored(wanted);
  }
  const start = row * length;
  const tokens = isRows(split)
    ? split.row(row)
    : split.slice(start, Math.min(start + length + 1, split.length));
  const predictions = Math.min(length, tokens.length - 1);
  let scored = 0;
  for (let position = 0; position < predictions; position++) {
    const input = tokens[position]!;
    const target = tokens[position + 1]!;
    ids[at + position] = input < 0 ? unscored(input) : input;
    if (target < 0) continue;
    targets[at + position] = target;
    scored += 1;
  }
  return scored;
}

export function countScored(targets: Int32Array): number {
  return targets.reduce((count, target) => count + Number(target !== IGNORED), 0);
}

/** Ids that are hashed at once. */
const HASHED_AT_ONCE = 2 ** 20;

/** Takes all ids (and targets) into a digest; lets other work of the process run in between. */
export async function hashSplit(hash: Hash, split: Split | undefined): Promise<void> {
  if (split === undefined) return void hash.update('-1;');
  if (isSequence(split)) return hashSequence(hash, split);
  if (!isRows(split)) {
    const arrays = isLabelled(split)
      ? [split.ids, split.starts, split.labels]
      : [split.ids, split.targets];
    for (const array of arrays) await hashSequence(hash, array);
    return;
  }
  hash.update(`rows ${split.count};`);
  for (let row = 0; row < split.count; row++) {
    const tokens = split.row(row);
    hash.update(`${tokens.length};`).update(bytesOf(tokens));
    if (row % 4096 === 4095) await turn();
  }
}

interface Hashed {
  readonly length: number;
  readonly slice: (start: number, end: number) => ArrayBufferView;
}

async function hashSequence(hash: Hash, ids: Hashed): Promise<void> {
  hash.update(`${ids.length};`);
  for (let start = 0; start < ids.length; start += HASHED_AT_ONCE) {
    hash.update(bytesOf(ids.slice(start, Math.min(ids.length, start + HASHED_AT_ONCE))));
    if (start > 0) await turn();
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Sockets and signals get their turn. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
