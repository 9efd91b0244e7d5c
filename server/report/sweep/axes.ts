/** The axes of a sweep's picture: which key is a seed, which one changes the data, and which can be a scale. */
import type { Setting, SweepAxis } from '../../contract/sweep';

const COST_WEIGHT = 'search.cost.weight';

export interface ModelAxis extends SweepAxis {
  /** `seed`: averaged over; `data`: what is learnt changes, so losses of two values aren't compared. */
  readonly kind: 'seed' | 'data' | 'setting';
  /** The values as they are shown. */
  readonly labels: readonly string[];
  /** The values as numbers, where all are: of parts of two components the first one's. */
  readonly numbers: readonly number[] | null;
  /** Whether they spread over decades; a zero among them stands apart. */
  readonly isLogarithmic: boolean;
  /** What the numbers are: the key's last part, or the component whose weight they are. */
  readonly title: string;
}

export function axisOf({ key, values }: SweepAxis, components: readonly string[]): ModelAxis {
  const weights = weightsOf(values, components);
  const plain = values.every((value) => typeof value === 'number' && Number.isFinite(value));
  const numbers = plain ? (values as readonly number[]) : (weights ?? null);
  return {
    key,
    values,
    kind: /^search\.seeds?$/.test(key) ? 'seed' : key.startsWith('data.') ? 'data' : 'setting',
    labels: values.map(labelOf),
    numbers,
    isLogarithmic: numbers !== null && plain && isLogarithmic(numbers),
    title: weights ? `α of ${components[0]!}` : key === COST_WEIGHT ? `λ (${key})` : key,
  };
}

/** A key in a few letters: its last part, and λ as papers write it. */
export const shortKey = (key: string): string =>
  key === COST_WEIGHT ? 'λ' : key.slice(key.lastIndexOf('.') + 1);

/** `λ 0.5, steps 100`. */
export const settingsText = (settings: readonly Setting[]): string =>
  settings.map(({ key, value }) => `${shortKey(key)} ${labelOf(value)}`).join(', ');

/** Weight of the first of two components in each value that is a pin or an `init`; `undefined` where one isn't. */
function weightsOf(
  values: readonly unknown[],
  components: readonly string[],
): readonly number[] | undefined {
  const [first, second, ...more] = components;
  if (first === undefined || second === undefined || more.length > 0) return undefined;
  const weights = values.map((value) => {
    if (value === first) return 1;
    if (value === second) return 0;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return Number.NaN;
    const parts = Object.entries(value).filter((part): part is [string, number] =>
      Number.isFinite(part[1]),
    );
    const sum = parts.reduce((total, [, weight]) => total + weight, 0);
    const isWeights =
      parts.length === Object.keys(value).length &&
      parts.every(([name]) => components.includes(name));
    const own = parts.find(([name]) => name === first)?.[1] ?? 0;
    return isWeights && Math.abs(sum - 1) < 1e-6 ? own : Number.NaN;
  });
  return weights.some(Number.isNaN) ? undefined : weights;
}

function isLogarithmic(numbers: readonly number[]): boolean {
  const positive = numbers.filter((value) => value > 0);
  return (
    positive.length > 1 &&
    numbers.every((value) => value >= 0) &&
    Math.max(...positive) / Math.min(...positive) >= 8
  );
}

/** A value on one line. */
export function labelOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(labelOf).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .map(([key, inner]) => `${key} ${labelOf(inner)}`)
      .join(', ');
  }
  const isSmall = typeof value === 'number' && value !== 0 && Math.abs(value) < 1e-3;
  return isSmall ? value.toExponential() : String(value);
}
