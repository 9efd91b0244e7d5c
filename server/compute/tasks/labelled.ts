/** Data of classification: sequences of their own lengths, a label for each, or for each pair of them. */

/** A split of examples. Tokens are bytes: no task has more than 256 of them. */
export interface LabelledSet {
  readonly kind: 'labelled';
  /** Examples. */
  readonly count: number;
  /** Most positions of a sequence. */
  readonly length: number;
  /** Of each example. */
  readonly sequences: 1 | 2;
  /** Every sequence, one after the other. */
  readonly ids: Uint8Array;
  /** [count · sequences + 1]: where each sequence begins in `ids`, and where the last one ends. */
  readonly starts: Float64Array;
  /** [count]. */
  readonly labels: Uint8Array;
}

export type LabelledShape = Pick<LabelledSet, 'length' | 'sequences'>;

/** One example: as many sequences as its set has, none of them empty. */
export interface LabelledExample {
  readonly sequences: readonly Uint8Array[];
  readonly label: number;
}

/** The examples [first, end), sharing memory. */
export function labelledOf(set: LabelledSet, first: number, end: number): LabelledSet {
  const { sequences } = set;
  return {
    ...set,
    count: end - first,
    starts: set.starts.subarray(first * sequences, end * sequences + 1),
    labels: set.labels.subarray(first, end),
  };
}

/** Examples as they come, into one set. */
export class LabelledBuilder {
  private ids = new Uint8Array(2 ** 16);
  private used = 0;
  private readonly starts: number[] = [0];
  private readonly labels: number[] = [];

  constructor(private readonly shape: LabelledShape) {}

  get count(): number {
    return this.labels.length;
  }

  get tokens(): number {
    return this.used;
  }

  /** Copies the tokens. @throws Error for an example of another shape */
  add({ sequences, label }: LabelledExample): void {
    if (sequences.length !== this.shape.sequences) {
      throw new Error(`an example of ${sequences.length} sequences, not ${this.shape.sequences}`);
    }
    for (const tokens of sequences) {
      if (tokens.length < 1 || tokens.length > this.shape.length) {
        throw new Error(`a sequence of ${tokens.length} tokens, not 1 to ${this.shape.length}`);
      }
      this.grow(tokens.length);
      this.ids.set(tokens, this.used);
      this.used += tokens.length;
      this.starts.push(this.used);
    }
    this.labels.push(label);
  }

  /** All that was added. The builder is of no use after it. */
  build(): LabelledSet {
    return {
      kind: 'labelled',
      ...this.shape,
      count: this.labels.length,
      // What is left over is a quarter at most.
      ids: this.ids.subarray(0, this.used),
      starts: Float64Array.from(this.starts),
      labels: Uint8Array.from(this.labels),
    };
  }

  private grow(more: number): void {
    const needed = this.used + more;
    if (needed <= this.ids.length) return;
    const larger = new Uint8Array(Math.max(needed, Math.ceil(this.ids.length * 1.25)));
    larger.set(this.ids.subarray(0, this.used));
    this.ids = larger;
  }
}

/** The tokens of a sequence, counted over all examples; shares memory. */
export function tokensOf({ ids, starts }: LabelledSet, sequence: number): Uint8Array {
  return ids.subarray(starts[sequence], starts[sequence + 1]);
}
