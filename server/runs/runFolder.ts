/** The run folder: making one, and its `run.json`. Reading it trusts nothing. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Plan } from '../contract/plan';
import type { RunManifest, RunOfSweep } from '../contract/run';
import { systemCode } from '../files/systemErrors';
import { notARunFolder, RunError, runFolderRefused, withDiskFull } from './runErrors';
import { syncFolder } from '../files/atomicFile';
import { readInside, writeAtomic } from './safeFiles';

export const manifestName = 'run.json';
export const configName = 'config.manticore.yaml';
export const planName = 'plan.json';
const reserveName = '.reserve';
const reserveBytes = 256 * 1024;
const maximumManifestBytes = 256 * 1024;
const maximumConfigBytes = 4 * 1024 * 1024;
const maximumPlanBytes = 256 * 1024 * 1024;

const label = z.string().max(1024);
const manifestSchema = z.object({
  id: z.string().regex(/^[0-9A-Za-z][\w.-]{0,127}$/),
  config: z.string().max(16 * 1024),
  pid: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  startedAt: label,
  state: z.enum(['starting', 'running', 'paused', 'done', 'stopped', 'failed', 'lost']),
  engine: z.object({
    name: label,
    device: label,
    tier: label,
    threads: z.number().int().min(0),
    node: label,
  }),
  versions: z.record(label, label),
  sweep: z
    .object({
      id: z.string().max(128),
      cell: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
      cells: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
      name: label,
    })
    .optional(),
});

export interface NewRun {
  readonly configPath: string;
  /** The config as it stood when the run was asked for. */
  readonly configText: string;
  readonly plan: Plan;
  /** Folder to make the run folder in; default `.manticore/runs` beside the config. */
  readonly out?: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly sweep?: RunOfSweep;
  readonly now?: Date;
}

export interface RunFolder {
  readonly id: string;
  /** Absolute, links resolved. */
  readonly dir: string;
  /** SHA-256 of `plan.json`. */
  readonly planHash: string;
}

/**
 * Makes `<date-time>-<name>/` with the config's snapshot, `plan.json` and, last, `run.json` in state `starting`. Two made
 * in the same second get two folders. The engine is filled in by the compute process.
 * @throws RunError `run-folder-refused`, `disk-full`
 */
export async function createRunFolder(run: NewRun): Promise<RunFolder> {
  const now = run.now ?? new Date();
  const parent =
    run.out ?? path.join(path.dirname(path.resolve(run.configPath)), '.manticore', 'runs');
  const { sweep } = run;
  const cell = sweep && `-${String(sweep.cell).padStart(String(sweep.cells).length, '0')}`;
  const dir = await newFolderIn(parent, `${folderLabel(run.configPath, now)}${cell ?? ''}`);
  const id = randomBytes(6).toString('hex');
  const plan = `${JSON.stringify(run.plan, null, 1)}\n`;
  try {
    await writeAtomic(path.join(dir, configName), run.configText);
    await writeAtomic(path.join(dir, planName), plan);
    await holdReserve(dir);
    await writeManifest(dir, {
      id,
      config: path.resolve(run.configPath),
      pid: 0,
      startedAt: now.toISOString(),
      state: 'starting',
      engine: { name: '', device: '', tier: '', threads: 0, node: '' },
      versions: run.versions,
      ...(sweep === undefined ? {} : { sweep }),
    });
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw withDiskFull(error, dir);
  }
  await syncFolder(path.dirname(dir));
  return { id, dir, planHash: createHash('sha256').update(plan).digest('hex') };
}

/** A new folder with this name, or with a number behind it, in a folder that is made if need be. */
export async function newFolderIn(parent: string, name: string): Promise<string> {
  try {
    await mkdir(parent, { recursive: true });
    return await claimFolder(await realpath(parent), name);
  } catch (error) {
    const known = withDiskFull(error, parent);
    if (known !== error || systemCode(error) === undefined) throw known;
    throw runFolderRefused(path.resolve(parent), error);
  }
}

async function claimFolder(parent: string, name: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const dir = path.join(parent, attempt === 1 ? name : `${name}-${attempt}`);
    try {
      await mkdir(dir);
      return dir;
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
  }
}

/** `20261123-151200-quickstart`, UTC, from the config's file name; safe on every file system. */
export function folderLabel(configPath: string, now: Date): string {
  const stamp = now
    .toISOString()
    .replace(/[-:]/g, '')
    .replace('T', '-')
    .slice(0, 'yyyymmdd-hhmmss'.length);
  const base = path.basename(configPath).replace(/(\.manticore)?\.ya?ml$/i, '');
  const name = base
    .normalize('NFKD')
    .replace(/[^\w.-]+/g, '-')
    .replace(/^[-.]+/, '')
    .slice(0, 64)
    .replace(/[-.]+$/, '');
  return `${stamp}-${name === '' ? 'run' : name}`;
}

/** @throws RunError `not-a-run` when there is no `run.json` or it isn't valid */
export async function readManifest(dir: string): Promise<RunManifest> {
  try {
    const bytes = await readInside(dir, manifestName, maximumManifestBytes);
    const parsed = manifestSchema.safeParse(JSON.parse(bytes.toString('utf8')));
    if (parsed.success) return parsed.data;
  } catch (error) {
    const expected = error instanceof RunError || error instanceof SyntaxError;
    if (!expected && systemCode(error) === undefined) throw error;
  }
  throw notARunFolder(dir);
}

export async function writeManifest(dir: string, manifest: RunManifest): Promise<void> {
  await writeAtomic(path.join(dir, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** For the compute process alone: it owns `run.json` while it works. */
export async function updateManifest(
  dir: string,
  changes: Partial<RunManifest>,
): Promise<RunManifest> {
  const manifest = { ...(await readManifest(dir)), ...changes };
  await writeManifest(dir, manifest);
  return manifest;
}

/** The config as it stood when the run began. */
export async function readConfigSnapshot(dir: string): Promise<string> {
  return (await readInside(dir, configName, maximumConfigBytes)).toString('utf8');
}

/** `plan.json`, parsed but not checked, and its SHA-256: a resume compares that with the `started` event's. */
export async function readPlanFile(
  dir: string,
  maximumBytes = maximumPlanBytes,
): Promise<{ readonly plan: unknown; readonly planHash: string }> {
  const bytes = await readInside(dir, planName, maximumBytes);
  const plan: unknown = JSON.parse(bytes.toString('utf8'));
  return { plan, planHash: createHash('sha256').update(bytes).digest('hex') };
}

/**
 * Keeps a little of the disk, so that a full one still lets a run say how it ended.
 * @throws RunError `disk-full`
 */
export async function holdReserve(dir: string): Promise<void> {
  // Random bytes: a file system that compresses or leaves holes would keep nothing for zeros.
  let handle;
  try {
    handle = await open(path.join(dir, reserveName), 'wx');
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return;
    throw withDiskFull(error, dir);
  }
  try {
    await handle.writeFile(randomBytes(reserveBytes));
    await handle.sync();
  } catch (error) {
    await releaseReserve(dir);
    throw withDiskFull(error, dir);
  } finally {
    await handle.close();
  }
}

/** Gives it back: for the last event and `run.json` of a run that met a full disk, and at a good end. */
export async function releaseReserve(dir: string): Promise<void> {
  await rm(path.join(dir, reserveName), { force: true });
}
