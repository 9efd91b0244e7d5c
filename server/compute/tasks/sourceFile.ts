/**
 * A data file, read a piece at a time. It is the user's: only regular files, capped, and one that changes while it is read
 * is told.
 */
import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { readRange } from '../../files/regularFile';
import { RunFailure } from '../failure';

const READ_BYTES = 2 ** 18;

export class SourceFile {
  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    private readonly status: Stats,
  ) {}

  /** @throws RunFailure `data-unreadable`, `data-too-large` */
  static async open(file: string, mostBytes: number): Promise<SourceFile> {
    // A pipe must not hold the process until somebody writes to it. Windows knows no such flag.
    const flags = constants.O_RDONLY | constants.O_NONBLOCK;
    const handle = await open(file, flags).catch((error: unknown) => {
      throw unreadable(file, error instanceof Error ? error.message : String(error));
    });
    try {
      const status = await handle.stat();
      if (!status.isFile()) throw unreadable(file, 'it is not a regular file');
      if (status.size > mostBytes) throw tooLarge(file, status.size, mostBytes);
      return new SourceFile(file, handle, status);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  get bytes(): number {
    return this.status.size;
  }

  /** SHA-256 of its bytes, in hexadecimal. @throws RunFailure `data-changed` */
  async digest(onPiece: () => Promise<void>): Promise<string> {
    const hash = createHash('sha256');
    for await (const piece of this.pieces()) {
      hash.update(piece);
      await onPiece();
    }
    return hash.digest('hex');
  }

  /** Its bytes in order; each piece is good until the next. @throws RunFailure `data-changed` for a file that was cut */
  async *pieces(): AsyncGenerator<Uint8Array> {
    const buffer = new Uint8Array(READ_BYTES);
    for (let position = 0; position < this.bytes;) {
      const length = Math.min(buffer.length, this.bytes - position);
      const { bytesRead } = await this.handle.read(buffer, 0, length, position);
      if (bytesRead === 0) throw changed(this.path);
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  /** Its text as UTF-8, a byte order mark dropped. @throws RunFailure `data-not-utf8`, `data-changed` */
  async *text(onBytes: (bytes: number) => void): AsyncGenerator<string> {
    const decoder = new TextDecoder('utf-8', { fatal: true });
    let bytes = 0;
    for await (const piece of this.pieces()) {
      bytes += piece.length;
      const text = this.decode(decoder, piece, true);
      if (text.length > 0) yield text;
      onBytes(bytes);
    }
    const rest = this.decode(decoder, new Uint8Array(), false);
    if (rest.length > 0) yield rest;
  }

  /** The bytes [start, end). @throws RunFailure `data-changed` where they aren't there any more */
  async range(start: number, end: number): Promise<Uint8Array> {
    const bytes = await readRange(this.handle, start, end - start);
    if (bytes.length < end - start) throw changed(this.path);
    return bytes;
  }

  /** @throws RunFailure `data-changed` when the file isn't what was opened */
  async checkUnchanged(): Promise<void> {
    const { size, mtimeMs } = await this.handle.stat();
    if (size !== this.status.size || mtimeMs !== this.status.mtimeMs) throw changed(this.path);
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  private decode(
    decoder: InstanceType<typeof TextDecoder>,
    bytes: Uint8Array,
    stream: boolean,
  ): string {
    try {
      return decoder.decode(bytes, { stream });
    } catch (error) {
      throw new RunFailure(
        'data-not-utf8',
        `${this.path} is not UTF-8 text.`,
        'Convert the file to UTF-8, or name another one in `data`.',
        { cause: error },
      );
    }
  }
}

export function unreadable(file: string, why: string): RunFailure {
  return new RunFailure(
    'data-unreadable',
    `${file} can't be read: ${why}.`,
    'Check the path in `data` and the permissions of the file.',
  );
}

function tooLarge(file: string, bytes: number, limit: number): RunFailure {
  return new RunFailure(
    'data-too-large',
    `${file} has ${bytes} bytes; at most ${limit} are read.`,
    'Name a part of the file in `data`.',
  );
}

function changed(file: string): RunFailure {
  return new RunFailure(
    'data-changed',
    `${file} was changed while it was read.`,
    'Start the run again once nothing writes to the file.',
  );
}
