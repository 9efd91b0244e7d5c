/**
 * Ids as they are made: in memory while they are few, in a file from then on. And such a file read again, by position.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { writeFully } from '../../files/atomicFile';
import { RunFailure } from '../failure';
import type { IdSink } from './tokens';
import type { TokenSequence } from './split';

/** Ids are stored as the processor has them: what is kept stays on one machine. */
const ID_BYTES = Int32Array.BYTES_PER_ELEMENT;

export class TokenSpill implements IdSink {
  private buffer = new Int32Array(2 ** 12);
  private used = 0;
  private written = 0;
  private file: FileHandle | undefined;

  /**
   * @param memory ids that are kept in memory
   * @param place makes the folder, when it is needed, and names the file in it
   */
  constructor(
    private readonly memory: number,
    private readonly place: () => Promise<string>,
  ) {}

  get length(): number {
    return this.written + this.used;
  }

  /** Ids in memory. */
  get held(): number {
    return this.used;
  }

  async append(ids: ArrayLike<number>): Promise<void> {
    const needed = this.used + ids.length;
    if (needed > this.buffer.length) {
      const larger = new Int32Array(Math.max(needed, this.buffer.length * 2));
      larger.set(this.buffer.subarray(0, this.used));
      this.buffer = larger;
    }
    this.buffer.set(ids, this.used);
    this.used = needed;
    if (this.used > this.memory) await this.write();
  }

  /** What was put in, where it still lies in memory. */
  get inMemory(): Int32Array | undefined {
    return this.file === undefined ? this.buffer.slice(0, this.used) : undefined;
  }

  /** Everything is in the file, and lasts. */
  async finish(): Promise<void> {
    await this.write();
    await this.file!.sync();
    await this.close();
  }

  async close(): Promise<void> {
    const { file } = this;
    this.file = undefined;
    await file?.close();
  }

  private async write(): Promise<void> {
    this.file ??= await open(await this.place(), 'wx', 0o600);
    await writeFully(this.file, bytesOf(this.buffer.subarray(0, this.used)));
    this.written += this.used;
    this.used = 0;
  }
}

/** A finished file of ids. Reads are small and wait for nobody: they come out of the system's cache. */
export class TokenFile implements TokenSequence {
  private constructor(
    private readonly path: string,
    private readonly descriptor: number,
    readonly length: number,
  ) {}

  /** @throws RunFailure `tokens-changed` for a file of another length; system errors as they are */
  static open(path: string, length: number): TokenFile {
    const descriptor = openSync(path, 'r');
    const status = fstatSync(descriptor);
    if (status.isFile() && status.size === length * ID_BYTES) {
      return new TokenFile(path, descriptor, length);
    }
    closeSync(descriptor);
    throw tokensChanged(path);
  }

  /** @throws RunFailure `tokens-changed` where the file was cut */
  slice(start: number, end: number): Int32Array {
    const ids = new Int32Array(Math.max(0, Math.min(end, this.length) - start));
    const bytes = bytesOf(ids);
    for (let done = 0; done < bytes.length;) {
      const position = start * ID_BYTES + done;
      const read = readSync(this.descriptor, bytes, done, bytes.length - done, position);
      if (read === 0) throw tokensChanged(this.path);
      done += read;
    }
    return ids;
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

const bytesOf = (ids: Int32Array): Uint8Array =>
  new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength);

export function tokensChanged(file: string): RunFailure {
  return new RunFailure(
    'tokens-changed',
    `The encoded data (${file}) were changed or cut while the run needed them.`,
    'Resume the run: it encodes the data again.',
  );
}
