/**
 * A folder of a data set's published files. Nothing in it is trusted: regular files below it only, no links, no larger than
 * what they are to hold.
 */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { readRange } from '../../../files/regularFile';
import { openInside, readInside } from '../../../runs/safeFiles';
import { RunFailure } from '../../failure';

/** Of a file that is read line by line. */
const MAX_FILE_BYTES = 64 * 2 ** 30;
const MAX_LINE_BYTES = 64 * 2 ** 20;
const READ_BYTES = 2 ** 20;

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without its end. */
  readonly bytes: Uint8Array;
}

export class ReleaseFolder {
  /** @param root absolute */
  constructor(private readonly root: string) {}

  /** @throws RunFailure `data-unreadable` */
  async read(relative: string, maximumBytes: number): Promise<Uint8Array> {
    return readInside(this.root, relative, maximumBytes).catch((error: unknown) => {
      throw this.unreadable(relative, error);
    });
  }

  /** Names in a folder, in the order of their code units. @throws RunFailure `data-unreadable` */
  async names(relative: string): Promise<string[]> {
    const found = await readdir(path.join(this.root, relative)).catch((error: unknown) => {
      throw this.unreadable(relative, error);
    });
    return found.sort();
  }

  /** Lines of a file, however large it is; the last one needs no end. @throws RunFailure `data-unreadable` */
  async *lines(relative: string): AsyncGenerator<Line> {
    const { handle, size } = await openInside(this.root, relative, MAX_FILE_BYTES).catch(
      (error: unknown) => {
        throw this.unreadable(relative, error);
      },
    );
    try {
      let number = 0;
      let begun: Buffer = Buffer.alloc(0);
      for (let at = 0; at < size;) {
        const chunk = await readRange(handle, at, Math.min(READ_BYTES, size - at));
        if (chunk.length === 0) break;
        at += chunk.length;
        begun = Buffer.concat([begun, chunk]);
        let start = 0;
        for (;;) {
          const end = begun.indexOf(0x0a, start);
          if (end < 0) break;
          number += 1;
          yield { number, bytes: withoutReturn(begun.subarray(start, end)) };
          start = end + 1;
        }
        begun = begun.subarray(start);
        if (begun.length > MAX_LINE_BYTES) {
          throw this.damaged(relative, `line ${number + 1} has more than 64 MiB`);
        }
      }
      if (begun.length > 0) yield { number: number + 1, bytes: withoutReturn(begun) };
    } finally {
      await handle.close();
    }
  }

  /** For what a file says that no release does. @param why the end of a sentence */
  damaged(relative: string, why: string): RunFailure {
    return new RunFailure(
      'data-damaged',
      `${path.join(this.root, relative)} is not a file of the release: ${why}.`,
      'Get the data set’s files again, and name the folder that holds them in `data.train.lra.folder`.',
    );
  }

  private unreadable(relative: string, error: unknown): RunFailure {
    const why = error instanceof Error ? error.message : String(error);
    return new RunFailure(
      'data-unreadable',
      `${path.join(this.root, relative)} can’t be read: ${why}`,
      'Name the folder that holds the data set’s files in `data.train.lra.folder`: it starts from the config’s own.',
    );
  }
}

function withoutReturn(line: Uint8Array): Uint8Array {
  return line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
}
