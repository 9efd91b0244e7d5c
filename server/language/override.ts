/** `--set key=value`: edits of the config's text that keep its comments. */
import { isMap, isScalar } from 'yaml';
import type { Document, Node, Pair, YAMLMap } from 'yaml';
import type { Problem } from '../contract/problem';
import type { Setting } from '../contract/sweep';
import { readDocument, shown } from './configDocument';
import { configSchema } from './schema';
import { nearestName } from './suggestion';
import { keysAt, schemasAt } from './schemaWalk';

export interface OverriddenText {
  /** The config with every override that could be applied. */
  readonly text: string;
  /** One for each that couldn't; their spans are empty, since no text is at fault. */
  readonly problems: readonly Problem[];
}

/**
 * @param overrides such as `search.steps=30`, `hybrid.mixture.2.pin=neox`, `finetune=false`: a path of keys and a YAML value
 */
export function applyOverrides(text: string, overrides: readonly string[]): OverriddenText {
  if (overrides.length === 0) return { text, problems: [] };
  const read = readDocument(text);
  // A text that isn't whole YAML has problems of its own; editing it would hide them.
  if (!read.yaml || read.problems.some(({ severity }) => severity === 'error')) {
    return { text, problems: [] };
  }
  const document = read.yaml as unknown as Document;
  const problems = overrides.flatMap((override) => applyOne(document, override) ?? []);
  if (problems.length === overrides.length) return { text, problems };
  try {
    return { text: document.toString({ lineWidth: 0 }), problems };
  } catch {
    // The package refuses to write an alias whose anchor went with a value that was replaced.
    const lost = 'a value that is replaced carries an anchor that is used elsewhere';
    return { text, problems: [...problems, refused(overrides.join(' '), lost)] };
  }
}

function applyOne(document: Document, override: string): Problem | undefined {
  const equals = override.indexOf('=');
  const key = override.slice(0, Math.max(equals, 0)).trim();
  if (equals < 1) return refused(override, 'write it as `key=value`, such as `search.steps=30`');
  const fault = keyFault(key);
  if (fault) {
    const hint = fault.nearest
      ? `did you mean \`${fault.nearest}\`?`
      : 'see the keys in the documentation';
    return refused(override, `there is no key \`${shown(fault.name)}\`; ${hint}`);
  }
  const value = readDocument(override.slice(equals + 1));
  if (!value.yaml || value.problems.length > 0) {
    return refused(override, 'the value isn’t YAML; quotes may help');
  }
  return set(document, { key, value: value.data }) ? undefined : refused(override, BLOCKED);
}

/** Why a value can't be put at a key that the language has. */
const BLOCKED = 'a value stands where its path goes through';

/** The first part of a dotted key that the language doesn't have; `undefined` for one that it has. */
export function keyFault(
  key: string,
): { readonly name: string; readonly nearest: string | undefined } | undefined {
  const path = key.split('.');
  const unknown = path.findIndex(
    (part, index) => part === '' || schemasAt(configSchema, path.slice(0, index + 1)).length === 0,
  );
  if (unknown < 0) return undefined;
  const name = path[unknown]!;
  const nearest = nearestName(name, keysAt(configSchema, path.slice(0, unknown)));
  return { name, nearest };
}

/** Sets a value in a document, as `--set` does. @returns whether it could: its path may go through another value */
export function set(document: Document, { key, value }: Setting): boolean {
  return put(document, key.split('.'), document.createNode(value));
}

/** Puts `node` at `path`, making mappings on the way; keeps the comment of a value that is replaced. */
function put(document: Document, path: readonly string[], node: Node): boolean {
  const root = asMapping(document, [], document.contents);
  if (!root) return false;
  document.contents = root;
  let map = root;
  for (const [index, key] of path.slice(0, -1).entries()) {
    const next = asMapping(document, path.slice(0, index + 1), entryOf(map, key)?.value);
    if (!next) return false;
    setEntry(document, map, key, next);
    map = next;
  }
  const key = path.at(-1)!;
  const old = entryOf(map, key)?.value;
  if (isScalar(old) && isScalar(node)) {
    node.comment = old.comment ?? null;
    // What is tied to this value by its anchor stays tied to it.
    if (old.anchor !== undefined) node.anchor = old.anchor;
  }
  setEntry(document, map, key, node);
  return true;
}

/** A short form as the mapping that it stands for: nothing, `true` or `false` as `{}`, `engine: wasm` as its `name`. */
function asMapping(
  document: Document,
  path: readonly string[],
  value: unknown,
): YAMLMap | undefined {
  if (isMap(value)) return value;
  if (value !== undefined && value !== null && !isScalar(value)) return undefined;
  const short: unknown = isScalar(value) ? value.value : null;
  if (short === null || typeof short === 'boolean') return document.createNode({});
  if (path.join('.') !== 'engine') return undefined;
  return document.createNode({ name: short });
}

function entryOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => String(isScalar(pair.key) ? pair.key.value : pair.key) === key);
}

function setEntry(document: Document, map: YAMLMap, key: string, value: Node): void {
  const entry = entryOf(map, key);
  if (entry) entry.value = value;
  // The number of a block is written as a number, without quotes.
  else map.items.push(document.createPair(/^\d+$/.test(key) ? Number(key) : key, value));
}

function refused(override: string, why: string): Problem {
  return {
    code: 'bad-override',
    severity: 'error',
    message: `\`--set ${shown(override)}\` can’t be applied: ${why}.`,
    span: { start: 0, end: 0 },
  };
}
