/**
 * Reading a hub `config.json`, which is not trusted: every number is bounded, every wrong value becomes a problem that
 * names its key, nothing throws. `null` means absent, as in `transformers`.
 */
import type { ArchitectureProblem } from './architecture';

export interface IntegerRange {
  readonly min: number;
  readonly max: number;
  /** Value when the key is absent; without it the key is required. */
  readonly fallback?: number;
}

/** Largest sizes that are read: above every published model of these families, below what overflows an index. */
export const LIMITS = {
  width: 65_536,
  inner: 1_048_576,
  layers: 1_024,
  heads: 4_096,
  vocabulary: 4_194_304,
  positions: 16_777_216,
  window: 16_777_216,
} as const;

/** Activations of the supported families' feed-forward layers, by what they compute. */
export type Activation = 'gelu' | 'geluTanh' | 'relu' | 'silu';

/** `transformers` has several names for one function. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'geluTanh',
  gelu_fast: 'geluTanh',
  gelu_accurate: 'geluTanh',
  gelu_pytorch_tanh: 'geluTanh',
  gelu_python_tanh: 'geluTanh',
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
};

/** The name under which a config that is written carries an activation. */
export const ACTIVATION_NAMES: Readonly<Record<Activation, string>> = {
  gelu: 'gelu',
  geluTanh: 'gelu_new',
  relu: 'relu',
  silu: 'silu',
};

/** Special tokens in a config that is written: whoever knows the tokenizer puts them in; else there are none. */
export const NO_SPECIAL_TOKENS = { bos_token_id: null, eos_token_id: null } as const;

/**
 * Numbers of a config that is written which only concern how a model starts. `transformers` 5 refuses an integer where it
 * wants a float, and JSON has no way from here to say 1.0: such a value is left out.
 */
export function initialFloats(values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => !Number.isInteger(value)));
}

/** Whether a parsed JSON value is an object with keys. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value from the file, short enough for a message (and never walked: a hostile one may be deep). */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value !== 'string') return String(value);
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
}

/** Reads keys of one config and gathers problems; values returned after a problem are placeholders. */
export class ConfigFields {
  readonly problems: ArchitectureProblem[] = [];

  private readonly config: Readonly<Record<string, unknown>>;

  /** @param path key of the enclosing object in the config, for messages (`ssm_cfg.`) */
  constructor(
    config: unknown,
    private readonly path = '',
  ) {
    this.config = isRecord(config) ? config : {};
  }

  problem(field: string, message: string): void {
    this.problems.push({ field: this.path + field, message });
  }

  /** The key's value; `undefined` when absent or null. */
  value(field: string): unknown {
    return Object.hasOwn(this.config, field) ? (this.config[field] ?? undefined) : undefined;
  }

  /** The first of several spellings that is present. Two that disagree are a problem. */
  spelled(fields: readonly string[]): { readonly field: string; readonly value: unknown } {
    let found: { field: string; value: unknown } | undefined;
    for (const field of fields) {
      const value = this.value(field);
      if (value === undefined) continue;
      if (found === undefined) found = { field, value };
      else if (value !== found.value) {
        this.problem(field, `\`${field}\` and \`${found.field}\` mean the same and differ.`);
      }
    }
    return found ?? { field: fields[0]!, value: undefined };
  }

  integer(fields: readonly string[], range: IntegerRange): number {
    const { field, value } = this.spelled(fields);
    if (value === undefined) {
      if (range.fallback === undefined) this.problem(field, `\`${field}\` is missing.`);
      return range.fallback ?? range.min;
    }
    if (!Number.isInteger(value) || Number(value) < range.min || Number(value) > range.max) {
      const span = `between ${range.min} and ${range.max}`;
      this.problem(field, `\`${field}\` must be a whole number ${span}, not ${shown(value)}.`);
      return range.fallback ?? range.min;
    }
    return Number(value);
  }

  /** A finite number in [min, max]. */
  number(fields: readonly string[], min: number, max: number, fallback: number): number {
    const { field, value } = this.spelled(fields);
    if (value === undefined) return fallback;
    if (typeof value !== 'number' || !(value >= min && value <= max)) {
      const span = `between ${min} and ${max}`;
      this.problem(field, `\`${field}\` must be a number ${span}, not ${shown(value)}.`);
      return fallback;
    }
    return value;
  }

  /** A dropout rate in [0, 1). */
  rate(field: string, fallback: number): number {
    const rate = this.number([field], 0, 1, fallback);
    if (rate < 1) return rate;
    this.problem(field, `\`${field}\` is 1: nothing would be left. Give a rate below 1.`);
    return fallback;
  }

  /** Small positive number added to a variance. */
  epsilon(fields: readonly string[], fallback: number): number {
    return this.number(fields, 1e-30, 0.5, fallback);
  }

  flag(field: string, fallback: boolean): boolean {
    const value = this.value(field);
    if (value === undefined) return fallback;
    if (typeof value !== 'boolean') {
      this.problem(field, `\`${field}\` must be true or false, not ${shown(value)}.`);
      return fallback;
    }
    return value;
  }

  activation(field: string, fallback: Activation): Activation {
    const value = this.value(field);
    if (value === undefined) return fallback;
    if (typeof value === 'string' && Object.hasOwn(ACTIVATIONS, value)) return ACTIVATIONS[value]!;
    const known = Object.keys(ACTIVATIONS).join(', ');
    this.problem(field, `The activation ${shown(value)} isn't supported; supported are ${known}.`);
    return fallback;
  }

  /** Refuses, by name, a key whose value would change the mathematics. `passes`: values that do not. */
  refuse(field: string, passes: (value: unknown) => boolean, why: string): void {
    const value = this.value(field);
    if (value === undefined || passes(value)) return;
    this.problem(field, `\`${field}: ${shown(value)}\` isn't supported: ${why}.`);
  }

  /** Takes over what another reader (of a nested object) found. */
  adopt(nested: ConfigFields): void {
    this.problems.push(...nested.problems);
  }
}

const isFalse = (value: unknown): boolean => value === false;
const isEmpty = (value: unknown): boolean =>
  value === false || (typeof value === 'object' && Object.keys(value as object).length === 0);

/** Keys that every family refuses, and a `model_type` of another family. */
export function refuseForeign(fields: ConfigFields, modelTypes: readonly string[]): void {
  fields.refuse(
    'model_type',
    (value) => typeof value === 'string' && modelTypes.includes(value),
    `this family is ${modelTypes.join(' or ')}`,
  );
  fields.refuse('is_encoder_decoder', isFalse, 'only decoders are');
  fields.refuse('add_cross_attention', isFalse, 'only decoders without cross-attention are');
  fields.refuse('pruned_heads', isEmpty, 'a model with some heads cut out has other shapes');
  fields.refuse('quantization_config', isEmpty, 'quantised weights cannot be trained here');
  fields.refuse('auto_map', isEmpty, "the model's own code may compute something else");
}

/** Adds a problem when a width cannot be cut into heads. Returns the width of one head. */
export function headWidth(
  fields: ConfigFields,
  width: number,
  heads: number,
  field: string,
): number {
  if (width % heads !== 0) {
    fields.problem(
      field,
      `A width of ${width} cannot be cut into ${heads} heads of the same size.`,
    );
  }
  return Math.max(1, Math.floor(width / heads));
}
