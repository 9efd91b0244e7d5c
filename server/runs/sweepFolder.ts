/** The sweep folder: making one, and its `sweep.json`. Reading it trusts nothing. */
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { syncFolder } from '../files/atomicFile';
import { systemCode } from '../files/systemErrors';
import { foldersIn } from './listRuns';
import { RunError, withDiskFull } from './runErrors';
import { configName, folderLabel, newFolderIn } from './runFolder';
import { readInside, writeAtomic } from './safeFiles';

export const sweepName = 'sweep.json';
const maximumBytes = 4 * 1024 * 1024;

const cellSchema = z.object({
  /** Of the cell's run; absent while there is none. */
  run: z
    .string()
    .regex(/^[0-9A-Za-z][\w.-]{0,127}$/)
    .optional(),
  /** Name of the run's folder: it stands where the sweep's runs stand. */
  folder: z
    .string()
    .regex(/^[\w][\w.-]{0,200}$/)
    .optional(),
  /** The last state that was known; what counts is the run's own. */
  state: z.enum(['waiting', 'starting', 'running', 'paused', 'done', 'stopped', 'failed', 'lost']),
  /** Why it could not be started or failed. */
  message: z.string().max(4096).optional(),
});

const schema = z.object({
  format: z.literal('manticore-sweep'),
  version: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{12}$/),
  config: z.string().max(16 * 1024),
  startedAt: z.string().max(64),
  cells: z.array(cellSchema).min(1).max(1000),
});

/** `sweep.json`. The grid itself is the config's snapshot, `config.manticore.yaml` beside it. */
export type SweepManifest = z.infer<typeof schema>;
export type SweepCellRecord = SweepManifest['cells'][number];

export interface NewSweep {
  readonly configPath: string;
  readonly configText: string;
  readonly cells: number;
  /** Folder to make the sweep folder and its runs in; default `.manticore/sweeps` and `.manticore/runs` beside the config. */
  readonly out?: string;
  readonly now?: Date;
}

/**
 * Makes `<date-time>-<name>/` with the config's snapshot and `sweep.json`.
 * @throws RunError `run-folder-refused`, `disk-full`
 */
export async function createSweepFolder(
  sweep: NewSweep,
): Promise<{ readonly dir: string; readonly manifest: SweepManifest }> {
  const now = sweep.now ?? new Date();
  const config = path.resolve(sweep.configPath);
  const parent = sweep.out ?? path.join(path.dirname(config), '.manticore', 'sweeps');
  const dir = await newFolderIn(parent, folderLabel(config, now));
  const manifest: SweepManifest = {
    format: 'manticore-sweep',
    version: 1,
    id: randomBytes(6).toString('hex'),
    config,
    startedAt: now.toISOString(),
    cells: Array.from({ length: sweep.cells }, () => ({ state: 'waiting' as const })),
  };
  try {
    await writeAtomic(path.join(dir, configName), sweep.configText);
    await writeSweepManifest(dir, manifest);
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw withDiskFull(error, dir);
  }
  await syncFolder(path.dirname(dir));
  return { dir, manifest };
}

export async function writeSweepManifest(dir: string, manifest: SweepManifest): Promise<void> {
  await writeAtomic(path.join(dir, sweepName), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** @throws RunError `not-a-sweep` when there is no `sweep.json` or it isn't valid */
export async function readSweepManifest(dir: string): Promise<SweepManifest> {
  try {
    const bytes = await readInside(dir, sweepName, maximumBytes);
    const parsed = schema.safeParse(JSON.parse(bytes.toString('utf8')));
    if (parsed.success) return parsed.data;
  } catch (error) {
    const expected = error instanceof RunError || error instanceof SyntaxError;
    if (!expected && systemCode(error) === undefined) throw error;
  }
  throw notASweep(dir);
}

export function notASweep(dir: string): RunError {
  return new RunError(
    'not-a-sweep',
    `${dir} is not a sweep folder: its sweep.json or its config can't be read, or don't belong together.`,
    'Give the folder or the id of a sweep; `manticore runs` lists them.',
  );
}

/** Folders in which the runs of a sweep may stand: beside it (`--out`), and in `.manticore/runs`. */
export function runParents(sweepDir: string): readonly string[] {
  const parent = path.dirname(sweepDir);
  const isOwn = path.basename(parent) === 'sweeps';
  return isOwn ? [path.join(path.dirname(parent), 'runs'), parent] : [parent];
}

export interface ListedSweep {
  readonly dir: string;
  readonly manifest: SweepManifest;
}

/** The sweep that a folder is; `undefined` for one that is none, or can't be read. */
export async function sweepAt(folder: string): Promise<ListedSweep | undefined> {
  try {
    const dir = await realpath(folder);
    if (!(await lstat(path.join(dir, sweepName))).isFile()) return undefined;
    return { dir, manifest: await readSweepManifest(dir) };
  } catch (error) {
    if (error instanceof RunError || systemCode(error) !== undefined) return undefined;
    throw error;
  }
}

/** Every sweep near these folders of runs, newest first. @param bases as `runBases` gives them */
export async function listSweeps(bases: readonly string[]): Promise<readonly ListedSweep[]> {
  const folders = bases.flatMap((base) =>
    path.basename(base) === 'runs' && path.basename(path.dirname(base)) === '.manticore'
      ? [path.join(path.dirname(base), 'sweeps')]
      : [base],
  );
  const found = new Map<string, ListedSweep>();
  for (const folder of folders) {
    for (const name of await foldersIn(folder)) {
      const sweep = await sweepAt(path.join(folder, name));
      if (sweep) found.set(sweep.dir, sweep);
    }
  }
  return [...found.values()].sort((a, b) =>
    b.manifest.startedAt.localeCompare(a.manifest.startedAt),
  );
}

/** The sweep that is meant: a path, an id, or the beginning of an id that fits one only; `undefined`: none of them. */
export async function findSweep(
  reference: string,
  bases: readonly string[],
): Promise<ListedSweep | undefined> {
  const byPath = await sweepAt(path.resolve(reference));
  if (byPath || reference === '' || reference === 'latest') return byPath;
  const sweeps = await listSweeps(bases);
  const exact = sweeps.find(
    ({ dir, manifest }) => manifest.id === reference || path.basename(dir) === reference,
  );
  const begun = sweeps.filter(({ manifest }) => manifest.id.startsWith(reference));
  return exact ?? (begun.length === 1 ? begun[0] : undefined);
}

/** The folder that a sweep's report goes into. @throws RunError `not-a-sweep` */
export async function sweepResultFolder(dir: string): Promise<string> {
  const folder = path.join(dir, 'result');
  await mkdir(folder, { recursive: true });
  if (!(await lstat(folder)).isDirectory()) throw notASweep(dir);
  return folder;
}
