/** Files appear whole or not at all: written aside, synced, renamed, and the folder synced. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { fromSystemError } from './errors';

/** Makes a rename in `folder` last through a power cut. Windows has no such call and needs none. */
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
 * Gives `write` a new file and puts it at `file` once `write` is through; on any failure nothing is left behind.
 * @throws WeightsError when the disk refuses
 */
export async function writeAtomically(
  file: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const folder = path.dirname(file);
  const aside = path.join(
    folder,
    `.${path.basename(file)}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`,
  );
  try {
    await mkdir(folder, { recursive: true });
    const handle = await open(aside, 'wx', 0o644);
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(aside, file);
    await syncFolder(folder);
  } catch (error) {
    await rm(aside, { force: true });
    throw fromSystemError(error, file);
  }
}

/** Writes all of `bytes` at `position`, or where the handle stands. */
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
