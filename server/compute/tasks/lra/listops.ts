/**
 * ListOps (Nangia and Bowman, arXiv 1804.06028) at the lengths of the Long Range Arena (Tay et al., arXiv 2011.04006, their
 * generator's rules): a tree of operators on digits, written with an operator that opens a bracket, its arguments and a
 * closing bracket; its value is the class. The parentheses that the release writes around every pair say nothing more
 * and are left out, as the release's own reader leaves them out.
 */
import type { LraSource } from '../../../contract/config';
import type { RandomStream } from '../../../models/random';
import type { LabelledExample } from '../labelled';

/**
 * Ids of the 18 tokens that are commonly counted: padding, unknown and end, which no sequence here holds, the digits, the
 * operators and the closing bracket.
 */
const DIGIT = 3;
const OPERATORS = ['[MIN', '[MAX', '[MED', '[SM'] as const;
const FIRST_OPERATOR = DIGIT + 10;
const CLOSE = FIRST_OPERATOR + OPERATORS.length;

/** Id of each token as the release writes it. */
export const LISTOPS_IDS: ReadonlyMap<string, number> = new Map([
  ...Array.from({ length: 10 }, (_, digit) => [String(digit), DIGIT + digit] as const),
  ...OPERATORS.map((operator, index) => [operator, FIRST_OPERATOR + index] as const),
  [']', CLOSE],
]);

/** How likely a node above the last level is an operator. */
const OPERATOR_SHARE = 0.25;

type Knobs = Pick<LraSource, 'length' | 'minLength' | 'depth' | 'arguments'>;

/** Trees that are drawn for an example before the knobs are given up. */
const MAX_TREES = 2_000_000;

/**
 * A tree of more than `minLength` and fewer than `length` tokens: trees are drawn until one is.
 * @returns `undefined` when none of very many is
 */
export function listops(knobs: Knobs, stream: RandomStream): LabelledExample | undefined {
  const tree = new TreeWriter(knobs, stream);
  for (let tries = 0; tries < MAX_TREES; tries++) {
    const label = tree.draw();
    if (label === undefined || tree.count <= knobs.minLength) continue;
    return { sequences: [tree.tokens.slice(0, tree.count)], label };
  }
  return undefined;
}

/** Draws trees, one over the other, and writes them down as it goes. */
class TreeWriter {
  readonly tokens: Uint8Array;
  count = 0;

  constructor(
    private readonly knobs: Knobs,
    private readonly stream: RandomStream,
  ) {
    this.tokens = new Uint8Array(knobs.length);
  }

  /** @returns the tree's value; `undefined` when it is too long */
  draw(): number | undefined {
    this.count = 0;
    return this.node(1);
  }

  private node(level: number): number | undefined {
    const { depth, arguments: most } = this.knobs;
    const isLeaf = level >= depth || this.stream.uniform() >= OPERATOR_SHARE;
    if (isLeaf) {
      const digit = this.stream.below(10);
      return this.write(DIGIT + digit) ? digit : undefined;
    }
    const count = 2 + this.stream.below(most - 1);
    const operator = this.stream.below(OPERATORS.length);
    if (!this.write(FIRST_OPERATOR + operator)) return undefined;
    const values: number[] = [];
    for (let index = 0; index < count; index++) {
      const value = this.node(level + 1);
      if (value === undefined) return undefined;
      values.push(value);
    }
    return this.write(CLOSE) ? valueOf(OPERATORS[operator]!, values) : undefined;
  }

  /** Whether the sequence still is shorter than it may be. */
  private write(token: number): boolean {
    if (this.count + 1 >= this.tokens.length) return false;
    this.tokens[this.count] = token;
    this.count += 1;
    return true;
  }
}

function valueOf(operator: (typeof OPERATORS)[number], values: readonly number[]): number {
  switch (operator) {
    case '[MIN':
      return Math.min(...values);
    case '[MAX':
      return Math.max(...values);
    case '[MED':
      return median(values);
    case '[SM':
      return values.reduce((sum, value) => sum + value, 0) % 10;
  }
}

/** Of an even number: the mean of the two in the middle, rounded down. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? sorted[middle]!
    : Math.floor((sorted[middle - 1]! + sorted[middle]!) / 2);
}
