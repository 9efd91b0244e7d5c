/** Keeps `events.index` beside the log while it grows. It can always be made again, so it never ends a run. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { truncate } from 'node:fs/promises';
import path from 'node:path';
import { loadIndex, type LoadedIndex } from './indexLoader';
import type { LocatedEvent } from './logLines';
import { encodeHeader, encodeRecord, indexName } from './runIndexFormat';
import { writeAtomic } from './safeFiles';

export class IndexWriter {
  private constructor(
    private readonly index: LoadedIndex,
    private file: number | undefined,
  ) {}

  /** Brings the stored index up to the log's end, then stands ready to append. */
  static async open(dir: string): Promise<IndexWriter> {
    const index = await loadIndex(dir);
    const target = path.join(dir, indexName);
    const records = index.pending.map(encodeRecord);
    index.pending = [];
    if (index.fileBytes === 0) {
      await writeAtomic(target, Buffer.concat([encodeHeader(), ...records]));
      return new IndexWriter(index, openSync(target, 'a'));
    }
    await truncate(target, index.fileBytes);
    const file = openSync(target, 'a');
    const writer = new IndexWriter(index, file);
    writer.#write(Buffer.concat(records));
    return writer;
  }

  append(located: LocatedEvent): void {
    if (this.file === undefined) return;
    const record = this.index.add(located);
    if (record !== undefined) this.#write(encodeRecord(record));
  }

  close(): void {
    if (this.file === undefined) return;
    closeSync(this.file);
    this.file = undefined;
  }

  /** A full disk stops the index here: readers take the rest from the log, the next writer mends it. */
  #write(bytes: Buffer): void {
    if (this.file === undefined || bytes.length === 0) return;
    try {
      const written = writeSync(this.file, bytes);
      if (written < bytes.length) this.close();
    } catch {
      this.close();
    }
  }
}
