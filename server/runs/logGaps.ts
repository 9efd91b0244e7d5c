/** The stretches of a log that hold no `step` lines: few and short, they are read without the steps between them. */

/** Bytes [start, end) of the log, whole lines. */
export interface LogGap {
  readonly start: number;
  readonly end: number;
  /** `seq` of the step before: a line with no higher one counts as out of order. */
  readonly afterSeq: number;
}

export class LogGaps {
  readonly #gaps: LogGap[] = [];
  #end = 0;
  #seq = -1;

  /** A step line stands there. Lines come in the log's order. */
  cover(line: { readonly offset: number; readonly length: number; readonly seq: number }): void {
    if (line.offset > this.#end) {
      this.#gaps.push({ start: this.#end, end: line.offset, afterSeq: this.#seq });
    }
    this.#end = line.offset + line.length;
    this.#seq = line.seq;
  }

  /** Every gap of the log's first `bytes`, the one behind its last step included. */
  until(bytes: number): readonly LogGap[] {
    if (bytes <= this.#end) return this.#gaps;
    return [...this.#gaps, { start: this.#end, end: bytes, afterSeq: this.#seq }];
  }
}
