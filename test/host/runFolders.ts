/** What searches that the editor started have written, read from their folders. */
import { readdir, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { RunEvent, StepEvent } from '../../server/contract/events';
import { isAlive, type ProcessIdentity } from '../../server/runs/processIdentity';
import { listPublications } from '../../server/runs/runtimeFolder';
import { ofType, rawEvents } from '../cli/runFiles';
import { eventually } from './waiting';

/** Run folders beside a config, oldest first, links resolved. */
export async function runsIn(folder: string): Promise<string[]> {
  const runs = path.join(folder, '.manticore', 'runs');
  const names = await readdir(runs).catch((): string[] => []);
  const dirs = names.filter((name) => !name.startsWith('.')).sort();
  return Promise.all(dirs.map((name) => realpath(path.join(runs, name))));
}

/** The newest run folder there, once there are `count`. */
export function newestRun(folder: string, count = 1): Promise<string> {
  return eventually(`run ${count} in ${folder}`, async () => {
    const dirs = await runsIn(folder);
    return dirs.length >= count ? dirs.at(-1) : undefined;
  });
}

/** The last step of the log so far. */
export async function lastStep(dir: string): Promise<StepEvent | undefined> {
  return ofType(await rawEvents(dir), 'step').at(-1);
}

/** Waits until the log has a step of the search beyond `after`. */
export function stepBeyond(dir: string, after: number): Promise<StepEvent> {
  return eventually(`a step beyond ${after}`, async () => {
    const step = await lastStep(dir);
    return step !== undefined && step.step > after ? step : undefined;
  });
}

/** Waits for an event. */
export function eventOf<T extends RunEvent['type']>(
  dir: string,
  type: T,
  fits: (event: Extract<RunEvent, { type: T }>) => boolean = () => true,
): Promise<Extract<RunEvent, { type: T }>> {
  return eventually(`${type} in ${dir}`, async () => ofType(await rawEvents(dir), type).find(fits));
}

/** The living process of a run, as this user's runtime folder has it. */
export async function processOf(dir: string): Promise<ProcessIdentity | undefined> {
  const found = (await listPublications()).find(({ record }) => record.runDir === dir);
  return found?.record;
}

/** Waits for the end of a process. */
export async function ended(identity: ProcessIdentity): Promise<void> {
  await eventually('the end of a process', async () =>
    (await isAlive(identity)) ? undefined : true,
  );
}

/**
 * Language servers of the extension in a folder: the processes that node runs `dist/lsp.js` in, but for those that it
 * reads the disk in. Folders of tests are their own, so nobody else's process is found.
 */
export async function languageServersOf(extension: string): Promise<number[]> {
  const file = path.join(extension, 'dist', 'lsp.js');
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found: number[] = [];
  for (const pid of pids) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const words = line.split('\0');
    if (words.includes(file) && words.includes('--node-ipc')) found.push(Number(pid));
  }
  return found;
}
