/** Snapshots of the hub's cache: names that lead to blobs. */
import { randomBytes } from 'node:crypto';
import { copyFile, readlink, rename, symlink } from 'node:fs/promises';
import path from 'node:path';
import { systemCode } from '../files/systemErrors';

/** Puts a blob into the snapshot: a relative link, or a copy where links are not allowed. Safe beside another process. */
export async function placeInSnapshot(snapshot: string, name: string, blob: string): Promise<void> {
  const place = path.join(snapshot, name);
  const link = path.relative(snapshot, blob);
  try {
    if ((await readlink(place)) === link) return;
  } catch (error) {
    // ENOENT: not there yet. EINVAL: a copy by a program without links.
    if (!['ENOENT', 'EINVAL', 'UNKNOWN'].includes(systemCode(error) ?? '')) throw error;
  }
  const aside = path.join(snapshot, `.${name}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await symlink(link, aside);
  } catch (error) {
    if (!['EPERM', 'ENOSYS', 'ENOTSUP', 'UNKNOWN'].includes(systemCode(error) ?? '')) throw error;
    await copyFile(blob, aside);
  }
  await rename(aside, place);
}
