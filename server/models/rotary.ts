/** Rotary position embedding in a `config.json`: its keys in the nested (`transformers` 5) and the older spellings. */
import { ConfigFields, isRecord, LIMITS, shown } from './configFields';

/** How the frequencies of pretraining are changed for longer contexts; the equations: `compute/engine/kernels/rotary.ts`. */
export type RotaryScaling =
  | { readonly kind: 'linear'; readonly factor: number }
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      /** Low and high frequency factor. */
      readonly low: number;
      readonly high: number;
      /** Context before the change. */
      readonly trained: number;
    };

type NumberRange = readonly [min: number, max: number, fallback: number];
const BASE: NumberRange = [1e-3, 1e12, 10_000];

/** A rotary key in its nested or one of its older spellings; they must not differ. */
function readRotaryKey(
  fields: ConfigFields,
  nested: ConfigFields,
  key: string,
  older: readonly string[],
  [min, max, fallback]: NumberRange,
): number {
  const plain = fields.number(older, min, max, fallback);
  const value = nested.number([key], min, max, plain);
  if (value !== plain && older.some((name) => fields.value(name) !== undefined)) {
    nested.problem(key, `\`${key}\` and \`${older.join('` or `')}\` mean the same and differ.`);
  }
  return value;
}

function nestedFields(fields: ConfigFields): ConfigFields {
  const { field, value } = fields.spelled(['rope_scaling', 'rope_parameters']);
  if (value !== undefined && !isRecord(value)) {
    fields.problem(field, `\`${field}\` must be an object, not ${shown(value)}.`);
  }
  return new ConfigFields(value, `${field}.`);
}

/** Base of the rotary angles and the share of a head that turns; nothing scaled. */
export function readPartialRotary(fields: ConfigFields): { base: number; factor: number } {
  const nested = nestedFields(fields);
  for (const key of ['rope_type', 'type']) {
    nested.refuse(key, (kind) => kind === 'default', 'only plain rotary positions are');
  }
  const olderBase = ['rotary_emb_base', 'rope_theta'];
  const olderFactor = ['rotary_pct', 'partial_rotary_factor'];
  const base = readRotaryKey(fields, nested, 'rope_theta', olderBase, BASE);
  const factor = readRotaryKey(fields, nested, 'partial_rotary_factor', olderFactor, [0, 1, 0.25]);
  fields.adopt(nested);
  return { base, factor };
}

/** Base and scaling of heads that turn as a whole. @param positions `max_position_embeddings` */
export function readScaledRotary(
  fields: ConfigFields,
  positions: number,
): { base: number; scaling: RotaryScaling | undefined } {
  const nested = nestedFields(fields);
  const base = readRotaryKey(fields, nested, 'rope_theta', ['rope_theta'], BASE);
  for (const reader of [fields, nested]) {
    reader.refuse('partial_rotary_factor', (share) => share === 1, 'heads turn as a whole here');
  }
  const scaling = readScaling(fields, nested, positions);
  fields.adopt(nested);
  return { base, scaling };
}

function readScaling(
  fields: ConfigFields,
  nested: ConfigFields,
  positions: number,
): RotaryScaling | undefined {
  const { field, value: kind } = nested.spelled(['rope_type', 'type']);
  if (kind === undefined || kind === 'default') return undefined;
  if (kind !== 'linear' && kind !== 'llama3') {
    nested.problem(
      field,
      `\`${field}: ${shown(kind)}\` isn't supported: rotary positions can be default, linear or llama3.`,
    );
    return undefined;
  }
  const required = (key: string) => {
    if (nested.value(key) === undefined) nested.problem(key, `\`${key}\` is missing.`);
    return nested.number([key], 1e-3, 1e6, 1);
  };
  const factor = required('factor');
  if (kind === 'linear') return { kind, factor };
  const [low, high] = [required('low_freq_factor'), required('high_freq_factor')];
  if (nested.problems.length === 0 && low >= high) {
    nested.problem('low_freq_factor', '`low_freq_factor` must be below `high_freq_factor`.');
  }
  const key = 'original_max_position_embeddings';
  const range: NumberRange = [1, LIMITS.positions, positions];
  return { kind, factor, low, high, trained: readRotaryKey(fields, nested, key, [key], range) };
}

/** The keys that `transformers` 4 and 5 both read. Ours stands in the file as it was read. */
export function writeScaledRotary(
  base: number,
  scaling: RotaryScaling | undefined,
): Record<string, unknown> {
  if (scaling === undefined) return { rope_theta: base };
  const { kind, factor } = scaling;
  return {
    rope_theta: base,
    rope_scaling: {
      rope_type: kind,
      factor,
      ...(scaling.kind === 'llama3' && {
        low_freq_factor: scaling.low,
        high_freq_factor: scaling.high,
        original_max_position_embeddings: scaling.trained,
      }),
    },
  };
}
