/**
 * Reading regular files only. Which paths may be read is the caller's question: a run folder follows no link
 * (`server/runs/safeFiles.ts`), a model folder those of the hub's cache (`server/weights/modelFiles.ts`).
 */
import { constants } from 'node:fs';
import { lstat, open, type FileHandle } from 'node:fs/promises';

// Zero on Windows, where the constants don't exist and `lstat` below does the work.
const noFollow = (constants.O_NOFOLLOW as number | undefined) ?? 0;
const nonBlocking = (constants.O_NONBLOCK as number | undefined) ?? 0;

/** What stands there is a link, folder, pipe or device. */
export class NotRegularFile extends Error {
  override readonly name = 'NotRegularFile';

  constructor(readonly file: string) {
    super(`${file} is not a regular file`);
  }
}

export interface OpenFile {
  readonly handle: FileHandle;
  readonly size: number;
  readonly inode: number;
}

/**
 * Opens a regular file for reading; the last part of its path is not followed if it is a link.
 * @throws NotRegularFile; system errors such as `ENOENT` as they are
 */
export async function openRegularFile(file: string): Promise<OpenFile> {
  if (!(await lstat(file)).isFile()) throw new NotRegularFile(file);
  let handle: FileHandle;
  try {
    // Not blocking: a pipe that took the file's place must not hold the process until somebody writes to it.
    handle = await open(file, constants.O_RDONLY | noFollow | nonBlocking);
  } catch (error) {
    const becameLink = error instanceof Error && 'code' in error && error.code === 'ELOOP';
    throw becameLink ? new NotRegularFile(file) : error;
  }
  try {
    const status = await handle.stat();
    if (!status.isFile()) throw new NotRegularFile(file);
    return { handle, size: status.size, inode: status.ino };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Fills `target` from `position`; gives the bytes read, fewer only where the file ends. Node reads at most 2 GiB at once. */
export async function readFully(
  handle: FileHandle,
  target: Uint8Array,
  position: number,
): Promise<number> {
  const most = 1 << 30;
  let done = 0;
  while (done < target.length) {
    const length = Math.min(most, target.length - done);
    const { bytesRead } = await handle.read(target, done, length, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** `length` bytes from `position`, fewer where the file ends. */
export async function readRange(
  handle: FileHandle,
  position: number,
  length: number,
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  return bytes.subarray(0, await readFully(handle, bytes, position));
}
