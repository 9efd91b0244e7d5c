/** Loss and α of any step of a run at once: what a panel asks, without parsing the log. */
import type { FileHandle } from 'node:fs/promises';
import type { Alphas, StepEvent, Where } from '../contract/events';
import type { LogGap } from './logGaps';
import { LoadedIndex, loadIndex, readEventAt } from './indexLoader';
import { logName, maximumLogBytes } from './logLines';
import { encodeHeader, encodeRecord, indexName } from './runIndexFormat';
import { openInside, writeAtomic } from './safeFiles';
import { lowerBound, sameWhere, type EvaluationPoint } from './stepTable';
import path from 'node:path';

/** Lines of the log that are read at once: their α are small, waiting for each alone is not. */
const readsAtOnce = 32;

/** Points of a curve, by position. */
export interface Curve {
  readonly steps: number[];
  /** Nats. */
  readonly loss: number[];
}

export class RunIndex {
  private constructor(private readonly index: LoadedIndex) {}

  /**
   * Opens the index of a run folder; a missing, damaged or foreign one is made again from the log (in memory: writing
   * it is the compute process's business, or `rebuild`'s).
   */
  static async open(dir: string): Promise<RunIndex> {
    return new RunIndex(await loadIndex(dir));
  }

  /** Writes the index anew. Not while a compute process works on the run: it appends to its own. */
  static async rebuild(dir: string): Promise<RunIndex> {
    const index = new LoadedIndex(dir);
    await index.catchUp();
    const bytes = Buffer.concat([encodeHeader(), ...index.pending.map(encodeRecord)]);
    await writeAtomic(path.join(dir, indexName), bytes);
    index.pending = [];
    index.fileBytes = bytes.length;
    return new RunIndex(index);
  }

  /** Bytes of `events.index` that were believed; 0: all came from the log. */
  get storedBytes(): number {
    return this.index.fileBytes;
  }

  /** Every (stage, subject, seed), by first appearance. */
  get wheres(): readonly Where[] {
    return this.index.wheres;
  }

  /** Where the run is, or ended. */
  get lastWhere(): Where | undefined {
    const last = this.index.table.lastWhere;
    return last === undefined ? undefined : this.index.wheres[last];
  }

  /** `seq` of the first event that is not known yet. */
  get nextSeq(): number {
    return this.index.cursor.lastSeq + 1;
  }

  /** Bytes of the log that are known: all that was complete at the last refresh. */
  get logBytes(): number {
    return this.index.cursor.position;
  }

  /** Stretches of the log between its `step` lines: where every other event stands. */
  get gaps(): readonly LogGap[] {
    return this.index.gaps.until(this.logBytes);
  }

  /** A position in the log, at the start of a line, from which no event from `seq` on is missed. */
  positionBefore(seq: number): number {
    const ends = this.wheres.map((where) => {
      const columns = this.#columns(where);
      const at = lowerBound(columns.seq, columns.length, seq) - 1;
      return at < 0 ? 0 : columns.offset[at]! + columns.bytes[at]!;
    });
    return ends.reduce((left, right) => Math.max(left, right), 0);
  }

  /** The last step of a (stage, subject, seed), or of all: what counts, read from the log. */
  async latestStep(where: Where | undefined = this.#latestWhere()): Promise<StepEvent | undefined> {
    if (where === undefined) return undefined;
    const columns = this.#columns(where);
    if (columns.length === 0) return undefined;
    const at = columns.length - 1;
    const { handle } = await openInside(this.index.dir, logName, maximumLogBytes);
    try {
      return await stepAt(handle, columns, at);
    } finally {
      await handle.close();
    }
  }

  /** The last step's number and how many there are; 0 and 0 where there are none. */
  extent(where: Where): { readonly last: number; readonly recorded: number } {
    const { step, length } = this.#columns(where);
    return { last: length === 0 ? 0 : step[length - 1]!, recorded: length };
  }

  #latestWhere(): Where | undefined {
    const lastSeq = (where: Where): number => {
      const { seq, length } = this.#columns(where);
      return length === 0 ? -1 : seq[length - 1]!;
    };
    const stepped = this.wheres.filter((where) => lastSeq(where) >= 0);
    return stepped.sort((left, right) => lastSeq(right) - lastSeq(left))[0];
  }

  /** Takes what was added to the log since it was opened. */
  async refresh(): Promise<void> {
    await this.index.catchUp();
    this.index.pending = [];
  }

  /** Steps that have a `step` event, ascending. */
  steps(where: Where): Float64Array {
    const { step, length } = this.#columns(where);
    return step.slice(0, length);
  }

  evaluations(where: Where): readonly EvaluationPoint[] {
    return this.index.table.evaluations(this.#number(where));
  }

  /**
   * Loss of the steps in [fromStep, toStep], thinned to at most `maxPoints` (at least 2): of each stretch its lowest and
   * its highest point stay, and a NaN where it holds one, so no spike is lost.
   */
  loss(where: Where, fromStep: number, toStep: number, maxPoints: number): Curve {
    const { step, loss, length } = this.#columns(where);
    const first = lowerBound(step, length, fromStep);
    const end = lowerBound(step, length, toStep + 1);
    const curve: Curve = { steps: [], loss: [] };
    const add = (at: number): void => {
      curve.steps.push(step[at]!);
      curve.loss.push(loss[at]!);
    };
    if (end - first <= maxPoints) {
      for (let at = first; at < end; at++) add(at);
      return curve;
    }
    const stretches = Math.max(1, Math.floor(maxPoints / 2));
    for (let stretch = 0; stretch < stretches; stretch++) {
      const from = first + Math.floor(((end - first) * stretch) / stretches);
      const to = first + Math.floor(((end - first) * (stretch + 1)) / stretches);
      const [lowest, highest] = extremes(loss, from, to);
      add(Math.min(lowest, highest));
      if (lowest !== highest) add(Math.max(lowest, highest));
    }
    return curve;
  }

  /** α after that step, `alphas[block][component]`; `undefined` when the step is unknown or carries none. */
  async alphas(where: Where, step: number): Promise<Alphas | undefined> {
    return (await this.alphaPath(where, [step]))[0];
  }

  /** α after each of the steps, by position. */
  async alphaPath(where: Where, steps: readonly number[]): Promise<(Alphas | undefined)[]> {
    const columns = this.#columns(where);
    const { handle } = await openInside(this.index.dir, logName, maximumLogBytes);
    try {
      const path: (Alphas | undefined)[] = [];
      for (let from = 0; from < steps.length; from += readsAtOnce) {
        const some = steps.slice(from, from + readsAtOnce).map(async (step) => {
          const at = lowerBound(columns.step, columns.length, step);
          const known = at < columns.length && columns.step[at] === step;
          return known ? (await stepAt(handle, columns, at))?.alphas : undefined;
        });
        path.push(...(await Promise.all(some)));
      }
      return path;
    } finally {
      await handle.close();
    }
  }

  #number(where: Where): number {
    return this.index.wheres.findIndex((each) => sameWhere(each, where));
  }

  #columns(where: Where): ReturnType<LoadedIndex['table']['columns']> {
    return this.index.table.columns(this.#number(where));
  }
}

async function stepAt(
  log: FileHandle,
  columns: ReturnType<LoadedIndex['table']['columns']>,
  at: number,
): Promise<StepEvent | undefined> {
  const event = await readEventAt(log, {
    offset: columns.offset[at]!,
    length: columns.bytes[at]!,
    seq: columns.seq[at]!,
  });
  return event?.type === 'step' ? event : undefined;
}

/** Positions of the lowest and the highest value of a stretch; a NaN takes the place of the highest. */
function extremes(values: Float64Array, from: number, end: number): [number, number] {
  let lowest = from;
  let highest = from;
  for (let at = from; at < end; at++) {
    const value = values[at]!;
    if (Number.isNaN(values[highest])) break;
    if (value < values[lowest]! || Number.isNaN(values[lowest])) lowest = at;
    if (value > values[highest]! || Number.isNaN(value)) highest = at;
  }
  return [lowest, highest];
}
