/** Files appear whole or not at all: written aside, synced, renamed, and the folder synced. */
import { randomBytes } from 'node:crypto';
import { link, open, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { systemCode } from './systemErrors';

/** Makes the names in `folder` last through a power cut. Windows has no such call and needs none. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Gives `write` a new file and puts it at `file` once `write` is through: a reader sees the old bytes or the new ones,
 * also after a power cut. On any failure `file` is untouched and nothing is left beside it. Its folder must exist.
 * @throws what `write` throws, and system errors as they are
 */
export async function replaceFile(
  file: string,
  write: (handle: FileHandle) => Promise<void>,
  mode = 0o644,
): Promise<void> {
  await place(file, write, mode, (aside) => rename(aside, file));
}

/**
 * As `replaceFile`, but a file that stands there stays: of several processes that make one at once, one does.
 * @returns whether it was this one. @throws as `replaceFile`; where a file system has no hard links, its code
 */
export async function createFile(
  file: string,
  write: (handle: FileHandle) => Promise<void>,
  mode = 0o644,
): Promise<boolean> {
  try {
    await place(file, write, mode, async (aside) => {
      await link(aside, file);
      await rm(aside);
    });
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

async function place(
  file: string,
  write: (handle: FileHandle) => Promise<void>,
  mode: number,
  put: (aside: string) => Promise<void>,
): Promise<void> {
  const folder = path.dirname(file);
  const unique = `${process.pid}-${randomBytes(6).toString('hex')}`;
  const aside = path.join(folder, `.${path.basename(file)}.${unique}.tmp`);
  try {
    const handle = await open(aside, 'wx', mode);
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await put(aside);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** Writes all of `bytes` at `position`, or where the handle stands; Node writes at most 2 GiB at once. */
export async function writeFully(
  handle: FileHandle,
  bytes: Uint8Array,
  position?: number,
): Promise<void> {
  const most = 1 << 30;
  let done = 0;
  while (done < bytes.length) {
    const length = Math.min(most, bytes.length - done);
    const { bytesWritten } = await handle.write(
      bytes,
      done,
      length,
      position === undefined ? null : position + done,
    );
    done += bytesWritten;
  }
}
