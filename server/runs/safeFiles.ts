/**
 * Reading and writing inside a folder that nobody vouches for. Reads take regular files only, never follow a link, and
 * are capped; writes go aside, are synced, and renamed.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { systemCode, unsafeFile, withDiskFull } from './runErrors';

// Zero on Windows, where the constants don't exist and `lstat` below does the work.
const noFollow = (constants.O_NOFOLLOW as number | undefined) ?? 0;
const nonBlocking = (constants.O_NONBLOCK as number | undefined) ?? 0;

/**
 * A path below `root` from a name that a file gave.
 * @throws RunError `unsafe-file` when the name is absolute, empty, or leads out of `root`
 */
export function resolveInside(root: string, relative: string): string {
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
): Promise<{ readonly handle: FileHandle; readonly size: number; readonly inode: number }> {
  const target = resolveInside(root, relative);
  const folders = path.relative(root, target).split(path.sep).slice(0, -1);
  let folder = root;
  for (const name of folders) {
    folder = path.join(folder, name);
    if (!(await lstat(folder)).isDirectory()) throw unsafeFile(folder, 'it is not a folder');
  }
  if (!(await lstat(target)).isFile()) throw unsafeFile(target, 'it is not a regular file');
  let handle: FileHandle;
  try {
    handle = await open(target, constants.O_RDONLY | noFollow | nonBlocking);
  } catch (error) {
    if (systemCode(error) === 'ELOOP') throw unsafeFile(target, 'it is a link');
    throw error;
  }
  try {
    const information = await handle.stat();
    if (!information.isFile()) throw unsafeFile(target, 'it is not a regular file');
    if (information.size > maximumBytes) {
      throw unsafeFile(target, `it has ${information.size} bytes, more than ${maximumBytes}`);
    }
    return { handle, size: information.size, inode: information.ino };
  } catch (error) {
    await handle.close();
    throw error;
  }
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

/** `length` bytes from `position`, fewer where the file ends. */
export async function readRange(
  handle: FileHandle,
  position: number,
  length: number,
): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/** Makes the names in a folder durable. Windows has no such call and needs none. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
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
  const folder = path.dirname(target);
  const aside = path.join(
    folder,
    `.${path.basename(target)}.${process.pid}-${randomBytes(6).toString('hex')}.tmp`,
  );
  try {
    const handle = await open(aside, 'wx', mode);
    try {
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(aside, target);
  } catch (error) {
    await rm(aside, { force: true });
    throw withDiskFull(error, target);
  }
  await syncFolder(folder);
}
