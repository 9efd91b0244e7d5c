/**
 * Half-downloaded blobs. A process writes only to a file that bears its own mark; it takes over what an earlier one left
 * by renaming it, which only one process can do. A stopped download is parked under a name without an owner; one that
 * was killed is taken over once its process is gone.
 */
import { createHash } from 'node:crypto';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { systemCode } from '../files/systemErrors';

const SUFFIX = '.incomplete';
const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
let downloads = 0;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/** Whether `name` is a partial of `blob` that nobody is writing. */
function isFree(name: string, blob: string): boolean {
  // Not `<blob>.incomplete`: huggingface_hub may be writing to that one.
  if (name === `${blob}.manticore${SUFFIX}`) return true;
  const [owner, pid] = name.startsWith(`${blob}.manticore.`)
    ? name.slice(blob.length + '.manticore.'.length).split('.')
    : [];
  return owner === host && pid !== undefined && /^\d+$/.test(pid) && !isAlive(Number(pid));
}

async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Name of the partial of `blob` that download number `count` of process `pid` on this machine writes. */
export const partialName = (blob: string, pid: number, count: number): string =>
  `${blob}.manticore.${host}.${pid}.${count}${SUFFIX}`;

/** A path in `folder` for this download alone, holding what an earlier one left of `blob`, if anything. */
export async function claimPartial(folder: string, blob: string): Promise<string> {
  const own = path.join(folder, partialName(blob, process.pid, ++downloads));
  let best: string | undefined;
  let most = 0;
  for (const name of await readdir(folder)) {
    if (!isFree(name, blob)) continue;
    const size = (await sizeOf(path.join(folder, name))) ?? 0;
    if (size >= most) [best, most] = [name, size];
  }
  if (best !== undefined) {
    try {
      await rename(path.join(folder, best), own);
    } catch (error) {
      // Another process was faster: this one starts anew.
      if (systemCode(error) !== 'ENOENT') throw error;
    }
  }
  return own;
}

/** Leaves `own` for a later download of `blob`, unless there is nothing in it or more in what is parked already. */
export async function parkPartial(folder: string, blob: string, own: string): Promise<void> {
  const parked = path.join(folder, `${blob}.manticore${SUFFIX}`);
  const size = (await sizeOf(own)) ?? 0;
  if (size > ((await sizeOf(parked)) ?? 0)) await rename(own, parked);
  else await rm(own, { force: true });
}
