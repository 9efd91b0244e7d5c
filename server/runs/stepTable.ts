/** The index in memory: for every (stage, subject, seed) its steps in ascending order, as columns. */
import type { Split, Where } from '../contract/events';
import type { IndexRecord } from './runIndexFormat';

export interface EvaluationPoint {
  readonly step: number;
  readonly split: Split;
  readonly loss: number;
  readonly seq: number;
}

/** Columns of the steps of one (stage, subject, seed). */
class StepColumns {
  length = 0;
  step = new Float64Array(64);
  loss = new Float64Array(64);
  offset = new Float64Array(64);
  bytes = new Uint32Array(64);
  seq = new Float64Array(64);

  push(record: IndexRecord): void {
    if (this.length === this.step.length) this.#grow();
    const at = this.length++;
    this.step[at] = record.step;
    this.loss[at] = record.value;
    this.offset[at] = record.offset;
    this.bytes[at] = record.length;
    this.seq[at] = record.seq;
  }

  #grow(): void {
    const larger = (column: Float64Array): Float64Array<ArrayBuffer> => {
      const copy = new Float64Array(column.length * 2);
      copy.set(column);
      return copy;
    };
    this.step = larger(this.step);
    this.loss = larger(this.loss);
    this.offset = larger(this.offset);
    this.seq = larger(this.seq);
    const bytes = new Uint32Array(this.bytes.length * 2);
    bytes.set(this.bytes);
    this.bytes = bytes;
  }
}

/** First position in the ascending `column[0, length)` whose value is at least `value`. */
export function lowerBound(column: Float64Array, length: number, value: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (column[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

export class StepTable {
  readonly #columns: StepColumns[] = [];
  readonly #evaluations: EvaluationPoint[][] = [];
  /** Number of the (stage, subject, seed) of the last record. */
  lastWhere: number | undefined;

  add(record: IndexRecord): void {
    this.lastWhere = record.where;
    const columns = (this.#columns[record.where] ??= new StepColumns());
    const evaluations = (this.#evaluations[record.where] ??= []);
    switch (record.kind) {
      case 'resumed':
        this.#supersede(record.value);
        return;
      case 'evaluation':
        evaluations.push({
          step: record.step,
          split: record.split,
          loss: record.value,
          seq: record.seq,
        });
        return;
      case 'step':
        // A step told twice without `resumed` counts as told last: the column stays ascending.
        columns.length = lowerBound(columns.step, columns.length, record.step);
        columns.push(record);
    }
  }

  columns(where: number): StepColumns {
    return this.#columns[where] ?? new StepColumns();
  }

  evaluations(where: number): readonly EvaluationPoint[] {
    return this.#evaluations[where] ?? [];
  }

  #supersede(fromSeq: number): void {
    for (const columns of this.#columns) {
      columns.length = lowerBound(columns.seq, columns.length, fromSeq);
    }
    for (const [where, points] of this.#evaluations.entries()) {
      this.#evaluations[where] = points.filter((point) => point.seq < fromSeq);
    }
  }
}

export function sameWhere(a: Where, b: Where): boolean {
  return a.stage === b.stage && a.subject === b.subject && a.seed === b.seed;
}
