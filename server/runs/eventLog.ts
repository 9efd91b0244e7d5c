/**
 * The writer of `events.jsonl`. Every event is one `write` of one line, so a process that is killed has lost nothing it
 * appended; `sync` (at checkpoints and at the end) makes it survive a power cut too.
 */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
} from 'node:fs';
import { writeSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import type { NewRunEvent, RunEvent } from '../contract/events';
import { maximumLineBytes, parseEventLine, sealEvent } from './eventSchema';
import { IndexWriter } from './indexWriter';
import { LogCursor, logName } from './logLines';
import { systemCode } from '../files/systemErrors';
import { unsafeFile, withDiskFull } from './runErrors';
import { syncFolder } from '../files/atomicFile';

/** Writes bytes at the end of a file and says how many it took; replaced in tests by one whose disk is full. */
export type WriteBytes = (file: number, bytes: Uint8Array) => number;

export interface EventLogOptions {
  readonly write?: WriteBytes;
  readonly now?: () => Date;
}

export class EventLog {
  #open = true;

  private constructor(
    readonly dir: string,
    private readonly file: number,
    private length: number,
    private seq: number,
    private readonly index: IndexWriter,
    private readonly write: WriteBytes,
    private readonly now: () => Date,
  ) {}

  /**
   * Opens the log of a run folder for writing, or begins it. A torn last line is cut off. One writer at a time: the
   * control server's record is the lock.
   * @throws RunError `unsafe-file` when `events.jsonl` is a link or no regular file
   */
  static async open(dir: string, options: EventLogOptions = {}): Promise<EventLog> {
    const target = path.join(dir, logName);
    await refuseIrregular(target);
    const noFollow = (constants.O_NOFOLLOW as number | undefined) ?? 0;
    const file = openSync(
      target,
      constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | noFollow,
      0o644,
    );
    try {
      const length = cutTornLine(file);
      const seq = (lastSeqOfTail(file, length) ?? (await lastSeqOfWhole(dir))) + 1;
      const index = await IndexWriter.open(dir);
      await syncFolder(dir);
      const now = options.now ?? ((): Date => new Date());
      return new EventLog(dir, file, length, seq, index, options.write ?? writeSync, now);
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  /** `seq` that the next event will have. */
  get nextSeq(): number {
    return this.seq;
  }

  /**
   * Appends an event and returns it as readers will see it (non-finite numbers are NaN).
   * @throws RunError `disk-full`: the log then ends with the event before, whole
   */
  append(event: NewRunEvent): RunEvent {
    const sealed = sealEvent(event, this.seq, this.now().toISOString());
    const bytes = Buffer.from(`${sealed.line}\n`, 'utf8');
    if (bytes.length > maximumLineBytes) {
      throw new RangeError(
        `a ${event.type} event of ${bytes.length} bytes is longer than readers take`,
      );
    }
    const offset = this.length;
    this.#appendBytes(bytes);
    this.seq++;
    this.index.append({ event: sealed.event, offset, length: bytes.length });
    return sealed.event;
  }

  /** Makes everything appended so far survive a power cut. */
  sync(): void {
    try {
      fsyncSync(this.file);
    } catch (error) {
      throw withDiskFull(error, path.join(this.dir, logName));
    }
  }

  /** Syncs and closes; safe to call twice. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      this.sync();
    } finally {
      closeSync(this.file);
      this.index.close();
    }
  }

  #appendBytes(bytes: Buffer): void {
    let written = 0;
    try {
      while (written < bytes.length) written += this.write(this.file, bytes.subarray(written));
    } catch (error) {
      ftruncateSync(this.file, this.length);
      throw withDiskFull(error, path.join(this.dir, logName));
    }
    this.length += bytes.length;
  }
}

async function refuseIrregular(target: string): Promise<void> {
  try {
    if (!(await lstat(target)).isFile()) throw unsafeFile(target, 'it is not a regular file');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}

/** Cuts the file after its last newline; returns its length then. */
function cutTornLine(file: number): number {
  const size = fstatSync(file).size;
  const chunk = Buffer.allocUnsafe(64 * 1024);
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - chunk.length);
    const bytes = chunk.subarray(0, readSync(file, chunk, 0, end - start, start));
    const newline = bytes.lastIndexOf(10);
    if (newline !== -1) {
      const length = start + newline + 1;
      if (length < size) ftruncateSync(file, length);
      return length;
    }
    end = start;
  }
  if (size > 0) ftruncateSync(file, 0);
  return 0;
}

/** `seq` of the last valid event near the end; `undefined` when none is there but earlier ones may be. */
function lastSeqOfTail(file: number, length: number): number | undefined {
  const start = Math.max(0, length - 2 * maximumLineBytes);
  const bytes = Buffer.allocUnsafe(length - start);
  const tail = bytes.subarray(0, readSync(file, bytes, 0, bytes.length, start));
  let end = tail.length - 1;
  while (end > 0) {
    const newline = tail.lastIndexOf(10, end - 1);
    if (newline === -1 && start > 0) return undefined;
    const event = parseEventLine(tail.toString('utf8', newline + 1, end));
    if (event !== undefined) return event.seq;
    end = newline;
  }
  return start > 0 ? undefined : -1;
}

async function lastSeqOfWhole(dir: string): Promise<number> {
  const cursor = new LogCursor(dir);
  await cursor.read(() => undefined);
  return cursor.lastSeq;
}
