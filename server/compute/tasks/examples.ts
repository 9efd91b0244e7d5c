/** Data that comes as whole examples rather than as one text: inputs and targets of one length. */
import { mix32 } from '../../models/random';

/** One example. */
export interface Example {
  readonly ids: readonly number[];
  /** As long as `ids`; `IGNORED` where nothing is scored. */
  readonly targets: readonly number[];
}

/** A split of examples, row by row. */
export interface ExampleSet {
  readonly count: number;
  /** Positions of each. */
  readonly length: number;
  /** [count, length]. */
  readonly ids: Int32Array;
  /** [count, length]. */
  readonly targets: Int32Array;
}

/** A few milliseconds' work. */
const POSITIONS_AT_ONCE = 2 ** 15;

/** The examples [first, end), sharing memory. */
export function examplesOf(set: ExampleSet, first: number, end: number): ExampleSet {
  const { length } = set;
  return {
    count: end - first,
    length,
    ids: set.ids.subarray(first * length, end * length),
    targets: set.targets.subarray(first * length, end * length),
  };
}

/**
 * Draws `count` examples one after the other, straight into place: nothing but the set itself is kept. Now and then it lets
 * other work of the process run (controls, sockets).
 * @throws Error for an example of another length
 */
export async function drawExamples(
  count: number,
  length: number,
  draw: () => Example,
): Promise<ExampleSet> {
  const ids = new Int32Array(count * length);
  const pause = Math.max(1, Math.round(POSITIONS_AT_ONCE / length));
  const targets = new Int32Array(count * length);
  for (let row = 0; row < count; row++) {
    const example = draw();
    if (example.ids.length !== length || example.targets.length !== length) {
      throw new Error(`an example has ${example.ids.length} positions, not ${length}`);
    }
    ids.set(example.ids, row * length);
    targets.set(example.targets, row * length);
    if ((row + 1) % pause === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return { count, length, ids, targets };
}

/**
 * A number of 53 bits that equal inputs share (FNV-1a, twice). Different ones may share it too, once in about 10^16 pairs.
 */
export function inputsHash({ ids }: { readonly ids: Iterable<number> }): number {
  let [low, high] = [0x811c9dc5, 0x9e3779b9];
  for (const id of ids) {
    low = Math.imul(low ^ id, 0x01000193);
    high = Math.imul(high ^ id ^ (low >>> 15), 0x85ebca6b);
  }
  return (mix32(high) & 0x1fffff) * 0x100000000 + mix32(low);
}
