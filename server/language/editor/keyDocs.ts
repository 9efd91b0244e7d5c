/** What the schema says of a key and of its values, for hover and completion. */
import type { $ZodType, $ZodTypes } from 'zod/v4/core';
import type { Path } from '../configDocument';
import { configSchema } from '../schema';
import { descriptionAt, expectedAt, schemasAt, valuesAt } from '../schemaWalk';
import { code } from './markdown';
import { meaningOf } from './meanings';

/** Markdown; `undefined` for what the language doesn't know. */
export function keyDocumentation(path: Path): string | undefined {
  const description = descriptionAt(configSchema, path);
  const expected = expectedAt(configSchema, path);
  if (description === undefined && expected === '') return undefined;
  const written = defaultAt(path);
  const facts = [
    ...(expected === '' ? [] : [`Takes ${expected}.`]),
    ...(written === undefined ? [] : [`Default ${code(written)}.`]),
  ];
  const meanings = valuesAt(configSchema, path).flatMap((value) => {
    const meaning = meaningOf(path, value);
    return meaning === undefined ? [] : [`- ${code(value)}: ${meaning}`];
  });
  return [description ?? '', facts.join(' '), meanings.join('\n')]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** The default of the key at the end of `path`, as a config would write it; `undefined` where it has none of its own. */
export function defaultAt(path: Path): string | undefined {
  const key = path.at(-1);
  if (key === undefined) return undefined;
  for (const parent of schemasAt(configSchema, path.slice(0, -1))) {
    const { def } = (parent as $ZodTypes)._zod;
    if (def.type !== 'object' || !Object.hasOwn(def.shape, key)) continue;
    const value = defaultOf(def.shape[key]!);
    if (value !== undefined) return value;
  }
  return undefined;
}

function defaultOf(schema: $ZodType): string | undefined {
  const { def } = (schema as $ZodTypes)._zod;
  if (def.type === 'optional') return defaultOf(def.innerType);
  if (def.type !== 'default') return undefined;
  const value: unknown = def.defaultValue;
  const isScalar =
    typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean';
  return isScalar ? numberText(value) : undefined;
}

/** `1e-4` rather than `0.0001`. */
function numberText(value: number | string | boolean): string {
  const isSmall = typeof value === 'number' && value > 0 && value < 1e-3;
  return isSmall ? value.toExponential() : String(value);
}
