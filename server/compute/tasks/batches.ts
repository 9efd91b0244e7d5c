/**
 * Batches of a split. Of a text: packed windows; `context` = l predictions from l + 1 tokens: window w holds tokens
 * w·l … w·l + l, so that every token but the first is predicted exactly once. Of examples: one a row, or one in as many
 * rows as it has sequences.
 * Symbols: b sequences, l positions.
 */
import { RandomStream } from '../../models/random';
import { notEnoughText } from '../failure';
import type { ExampleSet } from './examples';
import { IGNORED } from './ignored';
import { tokensOf, type LabelledSet } from './labelled';

export { IGNORED };

/** Token ids of a text, or whole examples. */
export type Split = Int32Array | ExampleSet | LabelledSet;

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
  private order: { readonly epoch: number; readonly windows: Uint32Array } | undefined;

  /**
   * @param stream names the random stream of the order; equal names and seeds give equal orders
   * @throws RunFailure `not-enough-text` when there is no whole window
   */
  constructor(
    private readonly split: Split,
    private readonly context: number,
    private readonly seed: number,
    private readonly stream: string,
    what: string = 'training',
  ) {
    this.windows =
      split instanceof Int32Array ? Math.floor((split.length - 1) / context) : split.count;
    if (this.windows >= 1) return;
    throw notEnoughText(what, split instanceof Int32Array ? split.length : 0, context + 1);
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
      const windows = Uint32Array.from({ length: this.windows }, (_, w) => w);
      RandomStream.named(this.seed, `data/${this.stream}/${this.epoch}`).shuffle(windows);
      this.order = { epoch: this.epoch, windows };
    }
    const window = this.order.windows[this.index]!;
    this.index += 1;
    return window;
  }
}

/**
 * The same batches every time, in order: over every token of a text but the first, where the last window may be short; or
 * over every example.
 */
export class EvaluationBatches {
  readonly scored: number;
  private readonly windows: number;

  /** @throws RunFailure `not-enough-text` when there is nothing to predict */
  constructor(
    private readonly split: Split,
    private readonly context: number,
    private readonly sequences: number,
    what: string,
  ) {
    if (split instanceof Int32Array) {
      if (split.length < 2) throw notEnoughText(what, split.length, 2);
      this.scored = split.length - 1;
      this.windows = Math.ceil(this.scored / context);
    } else {
      this.scored = 'targets' in split ? countScored(split.targets) : split.count;
      this.windows = split.count;
    }
  }

  *all(): Generator<Batch> {
    for (let first = 0; first < this.windows; first += this.sequences) {
      const rows = Math.min(this.sequences, this.windows - first);
      const windows = Array.from({ length: rows }, (_, row) => first + row);
      yield batchOf(this.split, this.context, windows);
    }
  }
}

/** The windows, or the examples, of these numbers. */
function batchOf(split: Split, length: number, windows: readonly number[]): Batch {
  if ('labels' in split) return labelledBatch(split, length, windows);
  const batch = emptyBatch(windows.length, length);
  let scored = 0;
  for (const [row, window] of windows.entries()) scored += fillRow(batch, row, split, window);
  return { ...batch, scored };
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

function emptyBatch(sequences: number, length: number): Omit<Batch, 'scored'> {
  return {
    sequences,
    length,
    ids: new Int32Array(sequences * length),
    targets: new Int32Array(sequences * length).fill(IGNORED),
  };
}

/** Puts a window or an example into `row`; returns how many positions it scores. */
function fillRow(
  batch: Omit<Batch, 'scored'>,
  row: number,
  split: Exclude<Split, LabelledSet>,
  window: number,
): number {
  const { length } = batch;
  const at = row * length;
  const start = window * length;
  if (split instanceof Int32Array) {
    const predictions = Math.min(length, split.length - 1 - start);
    batch.ids.set(split.subarray(start, start + predictions), at);
    batch.targets.set(split.subarray(start + 1, start + 1 + predictions), at);
    return predictions;
  }
  const targets = split.targets.subarray(start, start + length);
  batch.ids.set(split.ids.subarray(start, start + length), at);
  batch.targets.set(targets, at);
  return countScored(targets);
}

function countScored(targets: Int32Array): number {
  return targets.reduce((count, target) => count + Number(target !== IGNORED), 0);
}
