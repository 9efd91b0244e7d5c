/**
 * The files of a model folder. Read: only regular files, inside the folder, with a bound on their size. Written: whole
 * or not at all.
 */
import { mkdir, realpath, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { replaceFile } from '../files/atomicFile';
import { NotRegularFile, openRegularFile, readRange, type OpenFile } from '../files/regularFile';
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
export async function openModelFile(real: string, shown: string): Promise<OpenFile> {
  try {
    return await openRegularFile(real);
  } catch (error) {
    if (error instanceof NotRegularFile) throw fileRefused(shown, 'is not a regular file');
    throw fromSystemError(error, shown);
  }
}

/**
 * The bytes of a file of a model folder.
 * @throws WeightsError when it is missing, elsewhere, not regular, or has more than `most` bytes
 */
export async function readInFolder(folder: string, name: string, most: number): Promise<Buffer> {
  const shown = path.join(folder, name);
  const { handle, size } = await openModelFile(await resolveInFolder(folder, name), shown);
  try {
    if (size > most) throw fileTooLarge(shown, size, most);
    return await readRange(handle, 0, size);
  } finally {
    await handle.close();
  }
}

/**
 * Gives `write` a new file and puts it at `file` once `write` is through; its folders are made. On any failure nothing
 * is left behind.
 * @throws WeightsError when the disk refuses
 */
export async function writeAtomically(
  file: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  try {
    await mkdir(path.dirname(file), { recursive: true });
    await replaceFile(file, write);
  } catch (error) {
    throw fromSystemError(error, file);
  }
}
