/** A data set's examples before they are read. */
import type { LabelledExample } from '../labelled';
import type { LraSplits } from './dataset';
import type { Line } from './releaseFolder';

/** One example that is read when it is wanted; `undefined`: the release leaves it out. */
export type Entry = () => Promise<LabelledExample | undefined>;

/** Every example of a data set, by split and in order. */
export type ListedSplits = Readonly<Record<keyof LraSplits, readonly Entry[]>>;

/** A reader of a line; `undefined` for a heading. @throws RunFailure for one that no release has */
export type LineReader = (line: Line, file: string) => LabelledExample | undefined;

/** The first part of a list, and the rest. @param share of the first, rounded down */
export function divided<T>(list: readonly T[], share: number): readonly [T[], T[]] {
  const cut = Math.floor(list.length * share);
  return [list.slice(0, cut), list.slice(cut)];
}
