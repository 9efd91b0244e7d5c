/** Opening files of a model folder: only regular files, inside the folder, with a bound on their size. */
import { constants } from 'node:fs';
import { open, realpath, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { fileRefused, fileTooLarge, fromSystemError } from './errors';

/** A name that is one step below its folder on every platform: no separators, no drive, no `..`, no control characters. */
export function isPlainFileName(name: string): boolean {
  return (
    name.length > 0 &&
    name.length <= 255 &&
    name !== '.' &&
    name !== '..' &&
    !/[/\\:]|\p{Cc}|\p{Cs}/u.test(name)
  );
}

/** Whether `file` lies below `folder`; both absolute and free of links. */
export function isInside(folder: string, file: string): boolean {
  const relative = path.relative(folder, file);
  return relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
}

/**
 * A snapshot of the hub's cache, `models--owner--name/snapshots/<commit>`, holds links into `models--owner--name/blobs`.
 * Gives that folder for a snapshot, `undefined` for any other folder.
 */
function blobsOfSnapshot(realFolder: string): string | undefined {
  const snapshots = path.dirname(realFolder);
  const repository = path.dirname(snapshots);
  return path.basename(snapshots) === 'snapshots' &&
    path.basename(repository).startsWith('models--')
    ? path.join(repository, 'blobs')
    : undefined;
}

/**
 * The real path of `name` in `folder`. Links are followed only where they end inside the folder, or in the blobs of the
 * hub cache that the folder belongs to.
 * @throws WeightsError when it is missing or lies elsewhere
 */
export async function resolveInFolder(folder: string, name: string): Promise<string> {
  const shown = path.join(folder, name);
  if (!isPlainFileName(name)) throw fileRefused(JSON.stringify(name), 'is no plain file name');
  let realFolder: string;
  let real: string;
  try {
    realFolder = await realpath(folder);
    real = await realpath(path.join(realFolder, name));
  } catch (error) {
    throw fromSystemError(error, shown);
  }
  const blobs = blobsOfSnapshot(realFolder);
  if (isInside(realFolder, real) || (blobs !== undefined && path.dirname(real) === blobs)) {
    return real;
  }
  throw fileRefused(shown, 'is a link that leaves its folder');
}

/**
 * Opens a regular file for reading; `real` is free of links (`resolveInFolder`).
 * @throws WeightsError when it is something else (a folder, pipe, device) or can't be opened
 */
export async function openRegularFile(
  real: string,
  shown: string,
): Promise<{ readonly handle: FileHandle; readonly size: number }> {
  let handle: FileHandle;
  try {
    // O_NONBLOCK: a pipe must not hold the process until somebody writes to it. Windows has neither flag.
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
    handle = await open(real, flags);
  } catch (error) {
    throw fromSystemError(error, shown);
  }
  const status = await handle.stat();
  if (!status.isFile()) {
    await handle.close();
    throw fileRefused(shown, 'is not a regular file');
  }
  return { handle, size: status.size };
}

/**
 * Reads `length` bytes at `position`; fewer come back only at the end of the file. Node reads at most 2 GiB at once.
 */
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

/**
 * The bytes of a file of a model folder.
 * @throws WeightsError when it is missing, elsewhere, not regular, or has more than `most` bytes
 */
export async function readInFolder(folder: string, name: string, most: number): Promise<Buffer> {
  const shown = path.join(folder, name);
  const { handle, size } = await openRegularFile(await resolveInFolder(folder, name), shown);
  try {
    if (size > most) throw fileTooLarge(shown, size, most);
    const bytes = Buffer.alloc(size);
    return bytes.subarray(0, await readFully(handle, bytes, 0));
  } finally {
    await handle.close();
  }
}
