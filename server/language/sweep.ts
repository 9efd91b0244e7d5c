/** The grid of `sweep`: its keys and values as written, the cells, and the config that each cell is. Pure. */
import type { Document } from 'yaml';
import type { Setting, SweepAxis } from '../contract/sweep';
import { readDocument, type ConfigDocument, type EntrySpans, type Path } from './configDocument';
import { keyFault, set } from './override';

/** Most cells of a sweep. */
export const MAX_CELLS = 1000;

/** The key of a config under which its sweep stands. */
export const SWEEP = 'sweep';

/** The path in a config that a path inside `sweep` stands for; other paths as they are. */
export function sweptPath(path: Path): Path {
  const [first, key, , ...rest] = path;
  if (first !== SWEEP || key === undefined) return path;
  return [...key.split('.'), ...rest];
}

/** Whether a config has a sweep, however broken. */
export function hasSweep({ data }: ConfigDocument): boolean {
  return isMapping(data) && Object.hasOwn(data, SWEEP);
}

/** The keys that can be swept over, with their values: what is written wrongly is left out. */
export function axesOf({ data }: ConfigDocument): readonly SweepAxis[] {
  const written = isMapping(data) ? data[SWEEP] : undefined;
  return Object.entries(isMapping(written) ? written : {}).flatMap(([key, values]) =>
    Array.isArray(values) && values.length > 0 && isSweepable(key)
      ? [{ key, values: values as readonly unknown[] }]
      : [],
  );
}

/** A key of the language that a cell may set; `sweep` within a sweep and the format's version are none. */
export function isSweepable(key: string): boolean {
  const [first] = key.split('.');
  return first !== SWEEP && first !== 'manticore' && keyFault(key) === undefined;
}

export function cellCount(axes: readonly SweepAxis[]): number {
  return axes.length === 0 ? 0 : axes.reduce((count, { values }) => count * values.length, 1);
}

/** Places of a cell's values on the axes: the first key changes slowest. @param cell from 0 */
export function placesOf(axes: readonly SweepAxis[], cell: number): readonly number[] {
  let rest = cell;
  const places = axes.map(() => 0);
  for (let axis = axes.length - 1; axis >= 0; axis--) {
    const { length } = axes[axis]!.values;
    places[axis] = rest % length;
    rest = Math.floor(rest / length);
  }
  return places;
}

export function settingsOf(axes: readonly SweepAxis[], cell: number): readonly Setting[] {
  const places = placesOf(axes, cell);
  return axes.map(({ key, values }, axis) => ({ key, value: values[places[axis]!] }));
}

/** A value on one line, as a config could write it: `1e-4`, `{ neox: 0.7, mamba: 0.3 }`. */
export function valueText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, inner]) => `${key}: ${valueText(inner)}`);
    return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
  }
  const isSmall = typeof value === 'number' && value !== 0 && Math.abs(value) < 1e-3;
  return isSmall ? value.toExponential() : String(value);
}

/** `search.learningRate=1e-4, search.seed=2`. */
export function cellName(settings: readonly Setting[]): string {
  return settings.map(({ key, value }) => `${key}=${valueText(value)}`).join(', ');
}

/**
 * The config of one cell: the text without `sweep`, with the cell's settings.
 * @returns the text, or the key that can't be set because a value stands where its path goes through
 */
export function cellText(
  document: ConfigDocument,
  settings: readonly Setting[],
): { readonly text: string } | { readonly blocked: string } {
  // A document of its own: it is changed.
  const copy = readDocument(document.text).yaml as unknown as Document;
  copy.delete(SWEEP);
  for (const setting of settings) if (!set(copy, setting)) return { blocked: setting.key };
  try {
    return { text: copy.toString({ lineWidth: 0 }) };
  } catch {
    // An alias outside whose anchor stood in the sweep, or in a value that was replaced.
    return { blocked: settings.at(-1)?.key ?? SWEEP };
  }
}

/**
 * The config of one cell, placed in the text that has the sweep: what a swept key sets stands at its value in the
 * sweep, the rest where it is written.
 */
export function cellDocument(
  document: ConfigDocument,
  axes: readonly SweepAxis[],
  cell: number,
  data: unknown,
): ConfigDocument {
  const places = placesOf(axes, cell);
  const swept = axes.map(({ key }, axis) => ({
    path: key.split('.'),
    at: [SWEEP, key],
    item: [SWEEP, key, String(places[axis]!)],
  }));
  const { text, yaml, problems } = document;
  const spansAt = (path: Path): EntrySpans | undefined => {
    // Of `a` and `a.b` the longer one is set last and holds.
    const own = swept.findLast((one) => isPrefix(one.path, path));
    if (own) {
      const spans = document.spansAt([...own.item, ...path.slice(own.path.length)]);
      const isWhole = path.length === own.path.length;
      return spans && isWhole ? { ...spans, key: document.spansAt(own.at)?.key } : spans;
    }
    const inner = swept.find((one) => isPrefix(path, one.path));
    return document.spansAt(path) ?? (inner && document.spansAt(inner.at));
  };
  return { text, yaml, data, problems, spansAt };
}

const isPrefix = (short: Path, long: Path): boolean =>
  short.length <= long.length && short.every((key, index) => key === long[index]);

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
