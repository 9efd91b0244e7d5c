/** A folder that is written aside and renamed, so that what bears its name is whole. */
import { mkdir, mkdtemp, readdir, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { systemCode } from '../../files/systemErrors';
import { RunFailure } from '../failure';

/**
 * Makes `folder` (an empty one that is there stays the folder that it is).
 * @param write fills the folder that it is given; @returns the names of its files, the one that makes it whole last
 * @throws RunFailure `folder-not-empty`; what `write` throws, with nothing left behind
 */
export async function writeFolder(
  folder: string,
  write: (aside: string) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const isThere = await isEmptyFolder(folder);
  await mkdir(path.dirname(folder), { recursive: true });
  const aside = await mkdtemp(isThere ? path.join(folder, '.partial-') : `${folder}.partial-`);
  try {
    const files = await write(aside);
    if (isThere) {
      for (const name of files) await rename(path.join(aside, name), path.join(folder, name));
      await rmdir(aside);
    } else {
      await rename(aside, folder);
    }
    return files;
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    throw error;
  }
}

/** Whether there is such a folder. @throws RunFailure `folder-not-empty` when it holds anything */
async function isEmptyFolder(folder: string): Promise<boolean> {
  try {
    if ((await readdir(folder)).length > 0) throw folderNotEmpty(folder);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

function folderNotEmpty(folder: string): RunFailure {
  return new RunFailure(
    'folder-not-empty',
    `${folder} holds files already.`,
    'Name a folder that is empty or does not exist yet.',
  );
}
