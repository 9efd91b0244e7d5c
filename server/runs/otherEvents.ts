/** Every event of a run but its steps, read from between them, and kept up with a log that grows. */
import type { FileHandle } from 'node:fs/promises';
import type { RunEvent, StepEvent } from '../contract/events';
import { readRange } from '../files/regularFile';
import { maximumLineBytes, parseEventLine, peekSeq } from './eventSchema';
import type { LogGap } from './logGaps';
import { logName, maximumLogBytes } from './logLines';
import { Replay } from './replay';
import { unsafeFile } from './runErrors';
import type { RunIndex } from './runIndex';
import { openInside } from './safeFiles';

export type OtherEvent = Exclude<RunEvent, StepEvent>;

/** A hundred thousand evaluations take a fifth of it; what has more is no run of ours. */
const maximumBytes = 128 * 1024 * 1024;
const chunkBytes = 1024 * 1024;

export class OtherEvents {
  /** Lines that were no valid event, or out of order. */
  skipped = 0;
  readonly #replay = new Replay();
  #position = 0;
  #bytes = 0;
  #lastSeq = -1;

  constructor(private readonly dir: string) {}

  /** Those that count, in the log's order: what a `resumed` supersedes is gone. */
  get events(): readonly OtherEvent[] {
    return this.#replay.events.filter((event): event is OtherEvent => event.type !== 'step');
  }

  /**
   * Reads what the index knows and this doesn't.
   * @throws RunError `unsafe-file` when there is more than a run can have
   */
  async refresh(index: RunIndex): Promise<void> {
    const unread = index.gaps.filter(({ end }) => end > this.#position);
    if (unread.length === 0) return;
    const { handle } = await openInside(this.dir, logName, maximumLogBytes);
    try {
      for (const gap of unread) await this.#readGap(handle, gap);
    } finally {
      await handle.close();
    }
  }

  async #readGap(log: FileHandle, gap: LogGap): Promise<void> {
    this.#lastSeq = Math.max(this.#lastSeq, gap.afterSeq);
    let from = Math.max(gap.start, this.#position);
    this.#bytes += gap.end - from;
    if (this.#bytes > maximumBytes) {
      throw unsafeFile(logName, `more than ${maximumBytes} bytes of it are no steps`);
    }
    let held: Buffer[] = [];
    let heldBytes = 0;
    while (from < gap.end) {
      const chunk = await readRange(log, from, Math.min(chunkBytes, gap.end - from));
      if (chunk.length === 0) break;
      from += chunk.length;
      let start = 0;
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
        this.#takeLine(Buffer.concat([...held, chunk.subarray(start, end)]));
        held = [];
        heldBytes = 0;
        start = end + 1;
      }
      held.push(chunk.subarray(start));
      heldBytes += chunk.length - start;
      // Its end will still be a line that is no event; what stands before needn't be held.
      if (heldBytes > maximumLineBytes) held = [Buffer.from('?')];
    }
    this.#position = gap.end;
  }

  #takeLine(bytes: Buffer): void {
    if (bytes.length === 0) return;
    const line = bytes.toString('utf8');
    const early = peekSeq(line);
    if (early !== undefined && early <= this.#lastSeq) return;
    const event = parseEventLine(line);
    if (event === undefined || event.seq <= this.#lastSeq) {
      this.skipped++;
      return;
    }
    this.#lastSeq = event.seq;
    // One that the index can't number is not shown.
    if (event.type !== 'step') this.#replay.push(event);
  }
}
