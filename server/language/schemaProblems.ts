/** zod's findings as sentences with the span of the very key or value, and a quick fix where one edit mends it. */
import type { $ZodIssue } from 'zod/v4/core';
import type { Problem, QuickFix, TextSpan } from '../contract/problem';
import type { ConfigDocument, Path } from './configDocument';
import { shown } from './configDocument';
import { configSchema } from './schema';
import { descriptionAt, expectedAt, keysAt, schemasAt, valuesAt } from './schemaWalk';
import { nearestName } from './suggestion';

/** A problem, and the entry that must be left out before the rest can be understood. */
export interface SchemaFinding {
  readonly problem: Problem;
  /** `undefined` when something is missing instead. */
  readonly strip: Path | undefined;
}

export function schemaFindings(
  document: ConfigDocument,
  issues: readonly $ZodIssue[],
): readonly SchemaFinding[] {
  return issues.flatMap((issue) => findings(document, issue, []));
}

function findings(
  document: ConfigDocument,
  issue: $ZodIssue,
  prefix: Path,
): readonly SchemaFinding[] {
  const path = [...prefix, ...issue.path.map(String)];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey(document, [...path, key]));
  }
  if (issue.code === 'invalid_key') return [badName(document, path)];
  if (issue.code === 'invalid_union') {
    const meant = meantBranch(issue.errors, valueAt(document.data, path));
    if (meant) return meant.flatMap((inner) => findings(document, inner, path));
  }
  if (valueAt(document.data, path) !== undefined) return [wrongValue(document, path)];
  // Written but not understood: that has been said already.
  return document.spansAt(path) ? [] : [missing(document, path)];
}

/** The one member of a union whose kind of value was written, so that its own findings are the useful ones. */
function meantBranch(
  branches: readonly (readonly $ZodIssue[])[],
  value: unknown,
): readonly $ZodIssue[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fitting = branches.filter(
    (issues) =>
      !issues.some(
        (issue) =>
          issue.path.length === 0 &&
          (issue.code === 'invalid_type' || issue.code === 'invalid_value'),
      ),
  );
  return fitting.length === 1 ? fitting[0] : undefined;
}

function unknownKey(document: ConfigDocument, path: Path): SchemaFinding {
  const key = path.at(-1)!;
  const parent = path.slice(0, -1);
  const siblings = valueAt(document.data, parent) ?? {};
  const known = keysAt(configSchema, parent);
  const free = known.filter((name) => !Object.hasOwn(siblings, name));
  const nearest = nearestName(key, free);
  const place = parent.length === 0 ? 'A config' : `\`${shown(parent.join('.'))}\``;
  const hint = nearest
    ? `Did you mean \`${nearest}\`?`
    : `${place} can have ${known.map((name) => `\`${name}\``).join(', ')}.`;
  return finding(document, path, 'key', {
    code: 'unknown-key',
    message: `\`${shown(key)}\` is no key here. ${hint}`,
    replacement: nearest,
  });
}

function badName(document: ConfigDocument, path: Path): SchemaFinding {
  const name = shown(path.at(-1)!);
  const ofBlock = path[0] === 'hybrid' && path[1] === 'mixture' && path.length === 3;
  return finding(document, path, 'key', {
    code: ofBlock ? 'bad-block' : 'bad-name',
    message: ofBlock
      ? `\`${name}\` is no block: write its number, from 1, or \`all\` for every block without an entry of its own.`
      : `\`${name}\` can’t name a component: begin with a letter, go on with letters, digits, \`_\` or \`-\`.`,
  });
}

function missing(document: ConfigDocument, path: Path): SchemaFinding {
  const key = path.at(-1) ?? '';
  const parent = path.slice(0, -1);
  const purpose = descriptionAt(configSchema, path);
  const where = parent.length === 0 ? 'The config' : `\`${shown(parent.join('.'))}\``;
  const spans = document.spansAt(parent);
  const span = spans?.key ?? (parent.length === 0 ? undefined : spans?.value);
  const problem: Problem = {
    code: 'missing-key',
    severity: 'error',
    message: `${where} needs \`${shown(key)}\`${purpose ? `: ${lowered(purpose)}` : '.'}`,
    span: span ?? { start: 0, end: 0 },
  };
  return { problem, strip: undefined };
}

const lowered = (sentence: string) => sentence.charAt(0).toLowerCase() + sentence.slice(1);

function wrongValue(document: ConfigDocument, path: Path): SchemaFinding {
  const value = valueAt(document.data, path);
  const label = labelOf(document.data, path);
  const must = expectedAt(configSchema, path);
  const values = valuesAt(configSchema, path);
  const nearest = typeof value === 'string' ? meantValue(value, path) : undefined;
  const long = typeof value === 'string' ? longForm(path, value) : undefined;
  const isText = typeof value === 'string' && schemasAt(configSchema, path).length > 0;
  const kind = isText && values.length > 0 ? 'wrong-value' : kindOf(value, document, path);
  return finding(document, path, 'value', {
    code: kind,
    message: long
      ? `${label} is a mapping: write it as \`${shown(long)}\`.`
      : `${label} must be ${must}; ${written(value)}.${nearest ? ` Did you mean \`${nearest}\`?` : ''}`,
    replacement: long ?? nearest,
  });
}

/** A key as it is written; an item of a list by its place. */
function labelOf(data: unknown, path: Path): string {
  const [list, key] = [path.at(-2), path.at(-1)];
  if (key === undefined) return 'The config';
  return list !== undefined && Array.isArray(valueAt(data, path.slice(0, -1)))
    ? `Item ${Number(key) + 1} of \`${shown(list)}\``
    : `\`${shown(key)}\``;
}

/** The value that a text nearly is; YAML 1.1's `yes` and `no` where a truth value stands. */
function meantValue(value: string, path: Path): string | undefined {
  const takesTruth = schemasAt(configSchema, path).some(({ _zod }) => _zod.def.type === 'boolean');
  if (takesTruth && /^(yes|on)$/i.test(value)) return 'true';
  if (takesTruth && /^(no|off)$/i.test(value)) return 'false';
  return nearestName(value, valuesAt(configSchema, path));
}

/** The key that a text stands for where a mapping is wanted. */
const SHORT_FORMS: readonly (readonly [pattern: Path, key: string])[] = [
  [['components', '*'], 'source'],
  [['data', 'train'], 'text'],
  [['data', 'validation'], 'text'],
  [['data', 'test'], 'text'],
  [['hybrid', 'projectors'], 'kind'],
  [['hybrid', 'mixture', '*'], 'pin'],
];

/** `./model` as the mapping that was meant: `{ source: ./model }`. */
function longForm(path: Path, value: string): string | undefined {
  const short = SHORT_FORMS.find(
    ([pattern]) =>
      pattern.length === path.length &&
      pattern.every((key, index) => key === '*' || key === path[index]),
  );
  // What plain YAML would read differently inside braces goes into quotes.
  const isPlain = /^[\w./~-][\w./~:@-]*$/.test(value) && !value.endsWith(':');
  return short && `{ ${short[1]}: ${isPlain ? value : JSON.stringify(value)} }`;
}

/** `wrong-value` where the type is right and only the value isn't. */
function kindOf(value: unknown, document: ConfigDocument, path: Path): string {
  const types = schemasAt(configSchema, path).map((schema) => schema._zod.def.type);
  const fits =
    (typeof value === 'number' && types.includes('number')) ||
    (typeof value === 'string' && types.includes('string')) ||
    (Array.isArray(value) && types.includes('array'));
  return fits || document.spansAt(path) === undefined ? 'wrong-value' : 'wrong-type';
}

function written(value: unknown): string {
  if (value === null || value === undefined) return 'nothing is written here';
  if (Array.isArray(value)) return value.length === 0 ? 'this list is empty' : 'this is a list';
  if (typeof value === 'object') return 'this is a mapping';
  const scalar = value as string | number | boolean;
  return `this is \`${shown(String(scalar))}\``;
}

interface FindingText {
  readonly code: string;
  readonly message: string;
  readonly replacement?: string | undefined;
}

function finding(
  document: ConfigDocument,
  path: Path,
  part: 'key' | 'value',
  { code, message, replacement }: FindingText,
): SchemaFinding {
  const span = spanOf(document, path, part);
  const problem: Problem = { code, severity: 'error', message, span };
  const strip = outsideLists(document.data, path);
  if (replacement === undefined) return { problem, strip };
  const fix: QuickFix = {
    title: `Change to ${replacement}`,
    edits: [{ span, text: replacement }],
  };
  return { problem: { ...problem, fixes: [fix] }, strip };
}

/** An item of a list takes the whole list with it: the places of the others would shift. */
function outsideLists(data: unknown, path: Path): Path {
  const list = path.findIndex((_, length) => Array.isArray(valueAt(data, path.slice(0, length))));
  return list < 0 ? path : path.slice(0, list);
}

/** The span of an entry's key or value; its nearest written ancestor's where it isn't in the text. */
export function spanOf(document: ConfigDocument, path: Path, part: 'key' | 'value'): TextSpan {
  for (let length = path.length; length > 0; length--) {
    const spans = document.spansAt(path.slice(0, length));
    if (!spans) continue;
    const wanted = part === 'value' && length === path.length ? spans.value : spans.key;
    const other = wanted ?? spans.value;
    return other.end > other.start || !spans.key ? other : spans.key;
  }
  return { start: 0, end: 0 };
}

function valueAt(data: unknown, path: Path): unknown {
  let value = data;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}
