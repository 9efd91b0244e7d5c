/**
 * Reads the lines of a growing log from a position. A line counts once its newline is there, so a torn one is ignored;
 * a line above the cap is passed over without being held in memory.
 */
import type { FileHandle } from 'node:fs/promises';
import type { RunEvent } from '../contract/events';
import { maximumLineBytes, parseEventLine, peekSeq } from './eventSchema';
import { readRange } from '../files/regularFile';
import { openInside } from './safeFiles';

export const logName = 'events.jsonl';
/** A log of a million steps with 24 × 3 α has about 2 GB. */
export const maximumLogBytes = 16 * 1024 ** 3;
const chunkBytes = 1024 * 1024;

/** A valid event and where its line stands in the file. */
export interface LocatedEvent {
  readonly event: RunEvent;
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Bytes, newline included. */
  readonly length: number;
}

/** Follows one log: each `read` gives what was added since. */
export class LogCursor {
  /** Start of the first line not yet taken. */
  position: number;
  /** Lines that were no valid event, or out of order. */
  skipped = 0;
  #lastSeq: number;
  /** Inside an over-long line: bytes up to here are passed over. */
  #passed: number | undefined;

  /** Starts at a byte position; events up to `afterSeq` are left out. */
  constructor(
    readonly dir: string,
    position = 0,
    afterSeq = -1,
  ) {
    this.position = position;
    this.#lastSeq = afterSeq;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Starts again at the beginning of a file that was cut or replaced; events already seen stay left out. */
  restart(): void {
    this.position = 0;
    this.#passed = undefined;
  }

  /**
   * Calls `take` for every event that is complete now, or for those of the next `maximumChunks` MiB.
   * @returns whether the end was reached
   * @throws RunError `unsafe-file`; system errors as they are
   */
  async read(
    take: (located: LocatedEvent) => void,
    maximumChunks = Number.POSITIVE_INFINITY,
  ): Promise<boolean> {
    const { handle, size } = await openInside(this.dir, logName, maximumLogBytes);
    try {
      if (size < this.position) this.restart();
      if (this.#passed !== undefined && size < this.#passed) this.#passed = undefined;
      for (let chunk = 0; chunk < maximumChunks; chunk++) {
        if (!(await this.#readChunk(handle, take))) return true;
      }
      return false;
    } finally {
      await handle.close();
    }
  }

  /** Takes the lines of one chunk; `false` at the end of what is complete. */
  async #readChunk(handle: FileHandle, take: (located: LocatedEvent) => void): Promise<boolean> {
    const start = this.#passed ?? this.position;
    let chunk = await readRange(handle, start, chunkBytes);
    if (this.#passed === undefined && chunk.length === chunkBytes && !chunk.includes(10)) {
      chunk = await readRange(handle, start, maximumLineBytes + 1);
    }
    if (chunk.length === 0) return false;
    let lineStart = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, lineStart)) {
      if (this.#passed === undefined) {
        this.#takeLine(chunk.subarray(lineStart, end), start + lineStart, take);
      } else {
        this.#passed = undefined;
        this.skipped++;
      }
      lineStart = end + 1;
      this.position = start + lineStart;
    }
    if (lineStart === 0 && (this.#passed !== undefined || chunk.length > maximumLineBytes)) {
      this.#passed = start + chunk.length;
      return true;
    }
    return lineStart > 0;
  }

  #takeLine(bytes: Buffer, offset: number, take: (located: LocatedEvent) => void): void {
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
    take({ event, offset, length: bytes.length + 1 });
  }
}
