/** Whether there is room, before anything is fetched. */
import { statfs } from 'node:fs/promises';
import { CommandError } from '../commandError';

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

/**
 * @param folder one that exists
 * @param needed bytes, of the largest moment
 * @throws CommandError `disk-full`, before anything was written
 */
export async function requireSpace(folder: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= needed) return;
  throw new CommandError(
    'disk-full',
    `The engine needs ${gigabytes(needed)} while it is installed, and ${folder} has ${gigabytes(free)} left.`,
    'Free some, or let MANTICORE_ENGINES_DIR name a folder on another disk (then and whenever Manticore runs).',
  );
}
