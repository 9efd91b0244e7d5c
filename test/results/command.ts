/** How a run was started, told from its config's snapshot and the config in the repository. */
import { isDeepStrictEqual } from 'node:util';
import { readDocument } from '../../server/language/configDocument';
import { applyOverrides } from '../../server/language/override';
import { SWEEP, valueText } from '../../server/language/sweep';

/**
 * Options that make `committed` say what `snapshot` says, such as `search.steps=30`. How many threads computed it changes no
 * result, and is left out.
 * @throws Error when `--set` can't make the one of the other
 */
export function optionsOf(committed: string, snapshot: string): readonly string[] {
  const options = differences(dataOf(committed), dataOf(snapshot));
  const { text, problems } = applyOverrides(committed, options);
  if (problems.length > 0 || !isDeepStrictEqual(dataOf(text), dataOf(snapshot))) {
    throw new Error(`its config is not the repository's with these options: ${options.join(' ')}`);
  }
  return options;
}

/** As a shell takes it. */
export const commandOf = (config: string, options: readonly string[]): string =>
  ['manticore search', config, ...options.map((option) => `--set '${option}'`)].join(' ');

type Mapping = Readonly<Record<string, unknown>>;

const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function dataOf(text: string): Mapping {
  const { data } = readDocument(text);
  if (!isMapping(data)) throw new Error('its config is no mapping');
  const { engine, ...rest } = data;
  const written = Object.entries(isMapping(engine) ? engine : { name: engine ?? 'auto' });
  const own = Object.fromEntries(written.filter(([key]) => key !== 'threads'));
  const { name, ...others } = own;
  const said = name === undefined || name === 'auto' ? others : own;
  return Object.keys(said).length > 0 ? { ...rest, engine: said } : rest;
}

function differences(from: Mapping, to: Mapping, path: readonly string[] = []): string[] {
  return Object.entries(to).flatMap(([key, value]) => {
    const before = from[key];
    if (isDeepStrictEqual(before, value)) return [];
    const own = [...path, key];
    // The keys of a sweep have dots of their own, and what isn't there any more can only go with the whole.
    const isWhole =
      key === SWEEP || !isMapping(value) || !isMapping(before) || lacks(value, before);
    return isWhole ? [`${own.join('.')}=${valueText(value)}`] : differences(before, value, own);
  });
}

const lacks = (value: Mapping, before: Mapping): boolean =>
  Object.keys(before).some((key) => !Object.hasOwn(value, key));
