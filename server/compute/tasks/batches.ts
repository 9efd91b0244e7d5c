/**
 * Batches of a split. Of a text: packed windows; `context` = l predictions from l + 1 tokens: window w holds tokens
 * w·l … w·l + l, so that every token but the first is predicted exactly once. Of examples: one a row, or one in as many
 * rows as it has sequences.
 * Symbols: b sequences, l positions.
 */
import { notEnoughExamples, notEnoughText } from '../failure';
import { IGNORED } from './ignored';
import { tokensOf, type LabelledSet } from './labelled';
import { fillRow, isLabelled, isSequence, rowsOf, type Split } from './split';
import { windowOrder, type WindowOrder } from './windowOrder';

export { IGNORED };
export type { Split };

export interface Batch {
  /** Rows. */
  readonly sequences: number;
  readonly length: number;
  /** [b, l], row by row. */
  readonly ids: Int32Array;
  /** [b, l]; `IGNORED` where nothing is scored. With `lasts`: one label an example. */
  readonly targets: Int32Array;
  /** Targets that aren't `IGNORED`. */
  readonly scored: number;
  /** [b]: where each sequence ends, if sequences are classified: its last token's position. What follows is no data. */
  readonly lasts?: Int32Array;
}

/** Where a stream of training batches stands: epoch from 0, windows of it already given. */
export interface DataPosition {
  readonly epoch: number;
  readonly index: number;
}

/** Training batches of one split: every whole window, or example, once an epoch, each epoch in its own seeded order. */
export class TrainingBatches {
  readonly windows: number;
  private epoch = 0;
  private index = 0;
  private order: { readonly epoch: number; readonly at: WindowOrder } | undefined;

  /**
   * @param stream names the random stream of the order; equal names and seeds give equal orders
   * @throws RunFailure `not-enough-text`, `not-enough-examples` when there is no whole window, or no example
   */
  constructor(
    private readonly split: Split,
    private readonly context: number,
    private readonly seed: number,
    private readonly stream: string,
    what: string = 'training',
  ) {
    this.windows = rowsOf(split, context, false);
    if (this.windows < 1) throw tooSmall(split, what, context + 1);
  }

  get position(): DataPosition {
    return { epoch: this.epoch, index: this.index };
  }

  /** Goes on from a stored position. @throws RangeError for a position that this stream can't have */
  restore(position: DataPosition): void {
    const { epoch, index } = position;
    if (!Number.isInteger(epoch) || epoch < 0 || !Number.isInteger(index) || index < 0) {
      throw new RangeError('not a position of a data stream');
    }
    if (index > this.windows) throw new RangeError('the position lies behind the end of the data');
    this.epoch = epoch;
    this.index = index;
  }

  /** The next `sequences` windows; goes over to the next epoch where one ends. */
  next(sequences: number): Batch {
    const windows = Array.from({ length: sequences }, () => this.nextWindow());
    return batchOf(this.split, this.context, windows);
  }

  private nextWindow(): number {
    if (this.index >= this.windows) {
      this.epoch += 1;
      this.index = 0;
    }
    if (this.order?.epoch !== this.epoch) {
      const name = `data/${this.stream}/${this.epoch}`;
      this.order = { epoch: this.epoch, at: windowOrder(this.windows, this.seed, name) };
    }
    const window = this.order.at(this.index);
    this.index += 1;
    return window;
  }
}

/**
 * The same batches every time, in order: over every token of a text but the first, where the last window may be short; or
 * over every example.
 */
export class EvaluationBatches {
  private readonly windows: number;
  private counted = 0;

  /** @throws RunFailure `not-enough-text`, `not-enough-examples` when there is nothing to predict */
  constructor(
    private readonly split: Split,
    private readonly context: number,
    private readonly sequences: number,
    what: string,
  ) {
    this.windows = rowsOf(split, context, true);
    if (this.windows < 1) throw tooSmall(split, what, 2);
  }

  /** Positions that the last walk over all batches scored, as far as it came. */
  get scored(): number {
    return this.counted;
  }

  *all(): Generator<Batch> {
    this.counted = 0;
    for (let first = 0; first < this.windows; first += this.sequences) {
      const rows = Math.min(this.sequences, this.windows - first);
      const windows = Array.from({ length: rows }, (_, row) => first + row);
      const batch = batchOf(this.split, this.context, windows);
      this.counted += batch.scored;
      yield batch;
    }
  }
}

function tooSmall(split: Split, what: string, needed: number) {
  return isSequence(split) ? notEnoughText(what, split.length, needed) : notEnoughExamples(what);
}

/** The windows, or the examples, of these numbers. */
function batchOf(split: Split, length: number, windows: readonly number[]): Batch {
  if (isLabelled(split)) return labelledBatch(split, length, windows);
  const ids = new Int32Array(windows.length * length);
  const targets = new Int32Array(windows.length * length).fill(IGNORED);
  let scored = 0;
  for (const [row, window] of windows.entries()) {
    scored += fillRow(split, window, { ids, targets, at: row * length, length });
  }
  return { sequences: windows.length, length, ids, targets, scored };
}

/** Sequences are filled up with zeros behind their last tokens, where nothing is read. */
function labelledBatch(set: LabelledSet, length: number, examples: readonly number[]): Batch {
  const rows = examples.length * set.sequences;
  const ids = new Int32Array(rows * length);
  const lasts = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    const example = examples[Math.floor(row / set.sequences)]!;
    const tokens = tokensOf(set, example * set.sequences + (row % set.sequences));
    ids.set(tokens, row * length);
    lasts[row] = tokens.length - 1;
  }
  const targets = Int32Array.from(examples, (example) => set.labels[example]!);
  return { sequences: rows, length, ids, targets, scored: examples.length, lasts };
}
