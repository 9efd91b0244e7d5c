/** Data that comes as whole examples rather than as one text: inputs and targets of one length. */
import { IGNORED } from './ignored';

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

/** An example's tokens as text, to compare it with others. */
export function exampleKey({ ids }: Example): string {
  return ids.join(' ');
}

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

/** @throws Error for an example of another length */
export function packExamples(examples: readonly Example[], length: number): ExampleSet {
  const count = examples.length;
  const ids = new Int32Array(count * length);
  const targets = new Int32Array(count * length).fill(IGNORED);
  examples.forEach((example, row) => {
    if (example.ids.length !== length || example.targets.length !== length) {
      throw new Error(`an example has ${example.ids.length} positions, not ${length}`);
    }
    ids.set(example.ids, row * length);
    targets.set(example.targets, row * length);
  });
  return { count, length, ids, targets };
}
