/** What a viewer keeps of one run: its index, and its events but the steps. It grows with the log. */
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { systemCode } from '../files/systemErrors';
import { logName } from './logLines';
import { OtherEvents, type OtherEvent } from './otherEvents';
import { RunIndex } from './runIndex';

export class RunRecord {
  #index: RunIndex | undefined;
  #others: OtherEvents;
  #seen = '';
  #inode = 0;
  #reading: Promise<void> = Promise.resolve();

  constructor(readonly dir: string) {
    this.#others = new OtherEvents(dir);
  }

  /** After a `refresh`. */
  get index(): RunIndex {
    if (this.#index === undefined) throw new Error('a record is refreshed before it is asked');
    return this.#index;
  }

  /** Every event that counts but steps, in the log's order. */
  get events(): readonly OtherEvent[] {
    return this.#others.events;
  }

  get skipped(): number {
    return this.#others.skipped;
  }

  /**
   * Takes what was added to the log; begins anew where the log was cut or replaced. Costs one look at a log that did
   * not change.
   * @returns whether it did
   * @throws RunError `unsafe-file`; system errors as they are
   */
  async refresh(): Promise<boolean> {
    const before = this.#seen;
    const next = this.#reading.then(() => this.#read());
    this.#reading = next.catch(() => undefined);
    await next;
    return this.#seen !== before;
  }

  async #read(): Promise<void> {
    const status = await statusOf(path.join(this.dir, logName));
    const seen = `${status.ino} ${status.size} ${status.mtimeMs}`;
    if (this.#index !== undefined && seen === this.#seen) return;
    if (
      this.#index === undefined ||
      status.ino !== this.#inode ||
      status.size < this.#index.logBytes
    ) {
      this.#others = new OtherEvents(this.dir);
      this.#index = await RunIndex.open(this.dir);
    } else {
      await this.#index.refresh();
    }
    await this.#others.refresh(this.#index);
    this.#inode = status.ino;
    this.#seen = seen;
  }
}

/** A log that isn't there yet is an empty one. */
async function statusOf(
  file: string,
): Promise<{ readonly ino: number; readonly size: number; readonly mtimeMs: number }> {
  try {
    return await lstat(file);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    return { ino: 0, size: 0, mtimeMs: 0 };
  }
}
