/**
 * Reading and writing inside a folder that nobody vouches for. Reads take regular files only, never follow a link, and
 * are capped; writes go aside, are synced, and renamed.
 */
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { replaceFile } from '../files/atomicFile';
import { NotRegularFile, openRegularFile, readRange, type OpenFile } from '../files/regularFile';
import { unsafeFile, withDiskFull } from './runErrors';

/**
 * A path below `root` from a name that a file gave.
 * @throws RunError `unsafe-file` when the name is absolute, empty, or leads out of `root`
 */
function resolveInside(root: string, relative: string): string {
  const parts = relative.split(/[\\/]/);
  const safe =
    relative.length > 0 &&
    relative.length <= 1024 &&
    !relative.includes('\0') &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes(':'));
  if (!safe) throw unsafeFile(path.join(root, '…'), 'its name leads out of the folder');
  return path.join(root, ...parts);
}

/**
 * Opens a regular file below `root` for reading. No part of the path below `root` may be a link.
 * @throws RunError `unsafe-file`; system errors such as `ENOENT` as they are
 */
export async function openInside(
  root: string,
  relative: string,
  maximumBytes: number,
): Promise<OpenFile> {
  const target = resolveInside(root, relative);
  const folders = path.relative(root, target).split(path.sep).slice(0, -1);
  let folder = root;
  for (const name of folders) {
    folder = path.join(folder, name);
    if (!(await lstat(folder)).isDirectory()) throw unsafeFile(folder, 'it is not a folder');
  }
  const file = await openRegularFile(target).catch((error: unknown) => {
    throw error instanceof NotRegularFile ? unsafeFile(target, 'it is not a regular file') : error;
  });
  if (file.size > maximumBytes) {
    await file.handle.close();
    throw unsafeFile(target, `it has ${file.size} bytes, more than ${maximumBytes}`);
  }
  return file;
}

/** Bytes of a regular file below `root`, at most `maximumBytes` of them. */
export async function readInside(
  root: string,
  relative: string,
  maximumBytes: number,
): Promise<Buffer> {
  const { handle, size } = await openInside(root, relative, maximumBytes);
  try {
    return await readRange(handle, 0, size);
  } finally {
    await handle.close();
  }
}

/**
 * Replaces a file as one act: a reader sees the old bytes or the new ones, also after a power cut.
 * @throws RunError `disk-full`; the old file is then untouched
 */
export async function writeAtomic(
  target: string,
  data: string | Uint8Array,
  mode = 0o644,
): Promise<void> {
  try {
    await replaceFile(target, (handle) => handle.writeFile(data), mode);
  } catch (error) {
    throw withDiskFull(error, target);
  }
}
