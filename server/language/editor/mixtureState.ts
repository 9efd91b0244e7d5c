/** Pins and prunings of one block, as data and as text. */
import { isMap } from 'yaml';
import type { CheckedConfig } from '../checkConfig';
import { shown, type ConfigDocument } from '../configDocument';
import { componentNames, dataAt, entryAt, keysOf } from './entries';
import { readsAsOther } from './names';

export interface BlockState {
  /** Weights that sum to 1; components that aren't named weigh 0. */
  readonly pin: Readonly<Record<string, number>> | undefined;
  readonly prune: readonly string[];
}

/** Weights nearer to each other than this are the same: half a unit in the last place of a 32-bit α. */
const SAME = 3.1e-8;

/**
 * What the text says of a block, as far as it can be understood: in an entry of its own, or in that for all.
 * @param block from 1
 */
export function writtenState({ data }: ConfigDocument, block: number | 'all'): BlockState {
  const entry = blockEntry(data, block);
  const pin = dataAt(entry, ['pin']);
  const prune = dataAt(entry, ['prune']);
  return {
    pin: typeof pin === 'string' ? Object.fromEntries([[pin, 1]]) : weightsOf(pin),
    prune: Array.isArray(prune) ? prune.filter((name) => typeof name === 'string') : [],
  };
}

/** The written entry that holds for a block; `undefined` where there is none. */
export function blockEntry(data: unknown, block: number | 'all'): unknown {
  const mixture = dataAt(data, ['hybrid', 'mixture']);
  const own = keysOf(mixture, []).includes(String(block));
  return dataAt(mixture, [own ? String(block) : 'all']);
}

function weightsOf(value: unknown): Readonly<Record<string, number>> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const weights = Object.entries(value).filter((entry): entry is [string, number] =>
    Number.isFinite(entry[1]),
  );
  return Object.fromEntries(weights);
}

/** The same pinned weights and the same components pruned, in whatever order. */
export function isSameState(a: BlockState, b: BlockState): boolean {
  if ((a.pin === undefined) !== (b.pin === undefined)) return false;
  const names = new Set([...Object.keys(a.pin ?? {}), ...Object.keys(b.pin ?? {})]);
  const weight = (pin: BlockState['pin'], name: string) =>
    pin && Object.hasOwn(pin, name) ? pin[name]! : 0;
  const samePin = [...names].every(
    (name) => Math.abs(weight(a.pin, name) - weight(b.pin, name)) <= SAME,
  );
  const pruned = new Set(a.prune);
  const wanted = new Set(b.prune);
  return samePin && pruned.size === wanted.size && [...pruned].every((name) => wanted.has(name));
}

/** `{ pin: neox, prune: [mamba] }`. @param rest entries that stand behind, as text */
export function entryText({ pin, prune }: BlockState, rest: readonly string[] = []): string {
  const entries = [
    ...(pin ? [`pin: ${pinText(pin)}`] : []),
    ...(prune.length > 0 ? [`prune: ${pruneText(prune)}`] : []),
    ...rest,
  ];
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
}

/** `neox`, or `{ neox: 0.7, mamba: 0.3 }`. */
export function pinText(pin: Readonly<Record<string, number>>): string {
  const weights = Object.entries(pin).filter(([, weight]) => weight > 0);
  const [first] = weights;
  if (first && weights.length === 1) return quotedName(first[0]);
  return `{ ${weights.map(([name, weight]) => `${quotedName(name)}: ${weightText(weight)}`).join(', ')} }`;
}

export function pruneText(prune: readonly string[]): string {
  return `[${[...new Set(prune)].map(quotedName).join(', ')}]`;
}

/** A name as YAML reads it back; those of the language need quotes only where they are words of YAML's own. */
export function quotedName(name: string): string {
  return /^[A-Za-z][\w-]*$/.test(name) && !readsAsOther(name) ? name : JSON.stringify(name);
}

/** The shortest decimal number that is the same weight. */
export function weightText(weight: number): string {
  for (let digits = 1; digits < 17; digits++) {
    const short = Number(weight.toPrecision(digits));
    if (Math.abs(short - weight) <= SAME) return String(short);
  }
  return String(weight);
}

/** Why a state can't be written into a config, as a sentence; `undefined` where it can. */
export function mixtureObstacle(
  { document }: Pick<CheckedConfig, 'document'>,
  state: readonly BlockState[],
): string | undefined {
  const broken = document.problems.find(({ severity }) => severity === 'error');
  if (broken) return `The config is no whole YAML. ${broken.message}`;
  if (!isMap(entryAt(document, ['hybrid'])?.node)) return 'The config has no `hybrid` to write to.';
  const known = new Set(componentNames(document));
  const named = state.flatMap(({ pin, prune }) => [...Object.keys(pin ?? {}), ...prune]);
  const missing = named.find((name) => !known.has(name));
  return missing === undefined
    ? undefined
    : `The run pins or prunes \`${shown(missing)}\`, and the config has no component of that name.`;
}
