/** The zod schema as data: what stands at a path, in words. Used by messages, hover, completion and overrides. */
import type { $ZodChecks, $ZodType, $ZodTypes } from 'zod/v4/core';
import { globalRegistry } from 'zod/v4/core';
import type { Path } from './configDocument';

type Schema = $ZodTypes;

/** The schema without what only makes it optional or gives a default. */
export function bare(schema: $ZodType): Schema {
  let inner = schema as Schema;
  for (;;) {
    const def = inner._zod.def;
    if (def.type !== 'optional' && def.type !== 'default' && def.type !== 'prefault') return inner;
    inner = def.innerType as Schema;
  }
}

/** The schemas that may stand at `path`, unions opened; none where the language has nothing. */
export function schemasAt(root: $ZodType, path: Path): readonly $ZodType[] {
  const [first, ...rest] = path;
  const options = alternatives(root);
  if (first === undefined) return options;
  return options.flatMap((option) => {
    const def = (option as Schema)._zod.def;
    if (def.type === 'object') {
      const inner = Object.hasOwn(def.shape, first) ? def.shape[first] : undefined;
      return inner ? schemasAt(inner, rest) : [];
    }
    if (def.type === 'record') return schemasAt(def.valueType, rest);
    if (def.type === 'array') return schemasAt(def.element, rest);
    return [];
  });
}

/** The members of a union; a schema that is none is its only member. */
function alternatives(schema: $ZodType): readonly $ZodType[] {
  const inner = bare(schema);
  const def = inner._zod.def;
  return def.type === 'union' ? def.options.flatMap(alternatives) : [inner];
}

/** The fixed keys that a mapping at `path` may have. */
export function keysAt(root: $ZodType, path: Path): readonly string[] {
  const keys = schemasAt(root, path).flatMap((schema) => {
    const def = (schema as Schema)._zod.def;
    return def.type === 'object' ? Object.keys(def.shape) : [];
  });
  return [...new Set(keys)];
}

/** What may be written at `path`, as the end of "must be …". */
export function expectedAt(root: $ZodType, path: Path): string {
  return [...new Set(schemasAt(root, path).map(expected))].join(', or ');
}

/** The literal texts that may be written at `path`. */
export function valuesAt(root: $ZodType, path: Path): readonly string[] {
  return schemasAt(root, path).flatMap((schema) => {
    const def = (schema as Schema)._zod.def;
    return def.type === 'enum' ? Object.values(def.entries).map(String) : [];
  });
}

/** The sentence that the schema gives the key at the end of `path`; for a name of the user's own, what it names. */
export function descriptionAt(root: $ZodType, path: Path): string | undefined {
  const key = path.at(-1);
  if (key === undefined) return undefined;
  for (const schema of schemasAt(root, path.slice(0, -1))) {
    const def = (schema as Schema)._zod.def;
    const own = def.type === 'record' ? def.valueType : ownOf(def, key);
    const description = own && globalRegistry.get(own)?.description;
    if (description !== undefined) return description;
  }
  return undefined;
}

const ownOf = (def: Schema['_zod']['def'], key: string): $ZodType | undefined =>
  def.type === 'object' && Object.hasOwn(def.shape, key) ? def.shape[key] : undefined;

function expected(schema: $ZodType): string {
  const def = (schema as Schema)._zod.def;
  if (def.type === 'enum') return listed(Object.values(def.entries).map(String));
  if (def.type === 'literal') return listed(def.values.map(String));
  if (def.type === 'number') return expectedNumber(schema);
  if (def.type === 'boolean') return '`true` or `false`';
  if (def.type === 'string') {
    const own = globalRegistry.get(schema)?.description;
    if (own !== undefined) return own;
    return checksOf(schema).some(({ check }) => check === 'string_format') ? 'a name' : 'text';
  }
  if (def.type === 'array') {
    return `a list \`[…]\`, each item ${alternatives(def.element).map(expected).join(' or ')}`;
  }
  if (def.type === 'record') return 'a mapping by name `{ name: … }`';
  if (def.type === 'object') return `a mapping with ${listed(Object.keys(def.shape), 'and')}`;
  return 'another value';
}

function listed(names: readonly string[], last = 'or'): string {
  const quoted = names.map((name) => `\`${name}\``);
  return quoted.length < 2
    ? quoted.join('')
    : `${quoted.slice(0, -1).join(', ')} ${last} ${quoted.at(-1)!}`;
}

type Check = $ZodChecks['_zod']['def'];
type Bound = Extract<Check, { check: 'greater_than' | 'less_than' }>;

/** The bounds of a number or text, as zod keeps them. */
function checksOf(schema: $ZodType): readonly Check[] {
  return ((schema._zod.def.checks ?? []) as $ZodChecks[]).map((check) => check._zod.def);
}

function expectedNumber(schema: $ZodType): string {
  const def = (schema as Schema)._zod.def;
  const kind = 'format' in def && def.format === 'safeint' ? 'a whole number' : 'a number';
  const bound = (check: 'greater_than' | 'less_than', inclusive: boolean) => {
    const isMeant = (other: Check): other is Bound =>
      other.check === check && 'inclusive' in other && other.inclusive === inclusive;
    const value = checksOf(schema).find(isMeant)?.value;
    return typeof value === 'number' ? value : undefined;
  };
  const above = bound('greater_than', false);
  const below = bound('less_than', false);
  if (above !== undefined && below !== undefined) {
    return `${kind} above ${above} and below ${below}`;
  }
  if (above !== undefined) return `${kind} above ${above}`;
  const from = bound('greater_than', true);
  const to = bound('less_than', true);
  if (from !== undefined && to !== undefined) return `${kind} from ${from} to ${to}`;
  if (from !== undefined && below !== undefined)
    return `${kind}, ${from} or more and below ${below}`;
  return from === undefined ? kind : `${kind}, ${from} or more`;
}
