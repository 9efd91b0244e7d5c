/**
 * `checkpoints/step-000300/`: filled in a temporary folder, synced, sealed with a manifest, renamed. A checkpoint that is
 * there is whole, or is found out by its manifest; the newest two are kept.
 */
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { checkpointDamage, sealCheckpoint } from './checkpointManifest';
import { identityOf, ownIdentity } from './processIdentity';
import { exists, systemCode } from '../files/systemErrors';
import { unsafeFile, withDiskFull } from './runErrors';
import { syncFolder } from '../files/atomicFile';

const folderName = 'checkpoints';
const kept = 2;

export interface Checkpoint {
  /** Steps over all jobs of the run. */
  readonly step: number;
  /** Absolute. */
  readonly dir: string;
  /** As the `checkpoint` event has it: relative to the run folder, with `/`. */
  readonly path: string;
}

export interface LatestCheckpoint {
  readonly checkpoint: Checkpoint | undefined;
  /** One sentence for every newer checkpoint that couldn't be believed. */
  readonly warnings: readonly string[];
}

export class CheckpointStore {
  private constructor(
    readonly dir: string,
    private readonly folder: string,
    private readonly asideSuffix: string,
  ) {}

  /**
   * The store of a run folder, for the one process that writes there. What a dead process left half-done is removed;
   * a checkpoint that it was replacing is put back.
   * @throws RunError `unsafe-file` when `checkpoints` is a link
   */
  static async open(dir: string): Promise<CheckpointStore> {
    const folder = path.join(dir, folderName);
    await mkdir(folder, { recursive: true });
    if (!(await lstat(folder)).isDirectory()) throw unsafeFile(folder, 'it is not a folder');
    const own = await ownIdentity();
    const store = new CheckpointStore(dir, folder, `${own.pid}-${fileSafe(own.startTime)}`);
    await store.#clean();
    return store;
  }

  /**
   * Writes a checkpoint. `step` counts over all jobs of the run, so that no two have the same name; `fill` puts the
   * files into the folder that it gets. Later checkpoints belong to a superseded past and go, as do all but two.
   * @throws RunError `disk-full`; what `fill` throws. The checkpoints before are then untouched
   */
  async write(step: number, fill: (dir: string) => Promise<void>): Promise<Checkpoint> {
    const checkpoint = this.#checkpoint(step);
    const temporary = this.#aside('temp', step);
    try {
      await mkdir(temporary);
      await fill(temporary);
      await sealCheckpoint(temporary, step);
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw withDiskFull(error, checkpoint.dir);
    }
    await this.#replace(temporary, checkpoint);
    await this.#prune(step);
    return checkpoint;
  }

  /** The newest checkpoint whose every byte is as it was written. */
  async latest(): Promise<LatestCheckpoint> {
    return latestCheckpoint(this.dir);
  }

  async #replace(temporary: string, checkpoint: Checkpoint): Promise<void> {
    const old = this.#aside('old', checkpoint.step);
    try {
      await rename(checkpoint.dir, old);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
    }
    await rename(temporary, checkpoint.dir);
    await syncFolder(this.folder);
    await rm(old, { recursive: true, force: true });
  }

  async #prune(step: number): Promise<void> {
    const steps = await stepsIn(this.folder);
    const past = steps.filter((each) => each <= step);
    const doomed = [...steps.filter((each) => each > step), ...past.slice(0, -kept)];
    for (const each of doomed) {
      await rm(this.#checkpoint(each).dir, { recursive: true, force: true });
    }
  }

  /** Mends what a killed process left between two renames. */
  async #clean(): Promise<void> {
    for (const name of await readdir(this.folder)) {
      const match = /^(temp|old)-(\d+)-(\d+)-([0-9A-Za-z-]+)-[0-9a-f]{8}$/.exec(name);
      if (match === null) continue;
      const [, kind, label, pid, startTime] = match;
      if (await isAliveByName(Number(pid), startTime!)) continue;
      const leftover = path.join(this.folder, name);
      const target = this.#checkpoint(Number(label)).dir;
      if (kind === 'old' && !(await exists(target))) await rename(leftover, target);
      else await rm(leftover, { recursive: true, force: true });
    }
  }

  #checkpoint(step: number): Checkpoint {
    return checkpointAt(this.dir, step);
  }

  #aside(kind: 'temp' | 'old', step: number): string {
    const unique = randomBytes(4).toString('hex');
    return path.join(this.folder, `${kind}-${step}-${this.asideSuffix}-${unique}`);
  }
}

/** As `CheckpointStore.latest`, for readers: changes nothing. */
export async function latestCheckpoint(dir: string): Promise<LatestCheckpoint> {
  const folder = path.join(dir, folderName);
  const warnings: string[] = [];
  if (!(await exists(folder))) return { checkpoint: undefined, warnings };
  if (!(await lstat(folder)).isDirectory()) throw unsafeFile(folder, 'it is not a folder');
  for (const step of (await stepsIn(folder)).reverse()) {
    const checkpoint = checkpointAt(dir, step);
    const damage = await checkpointDamage(checkpoint.dir, step);
    if (damage === undefined) return { checkpoint, warnings };
    warnings.push(`Checkpoint ${checkpoint.path} is not used: ${damage}.`);
  }
  return { checkpoint: undefined, warnings };
}

function checkpointAt(dir: string, step: number): Checkpoint {
  const name = `step-${String(step).padStart(6, '0')}`;
  return { step, dir: path.join(dir, folderName, name), path: `${folderName}/${name}` };
}

/** Steps that have a checkpoint, ascending, whole or not. */
async function stepsIn(folder: string): Promise<number[]> {
  const steps = (await readdir(folder))
    .map((name) => /^step-(\d{6,15})$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .filter((digits) => digits.length === 6 || !digits.startsWith('0'));
  return steps.map(Number).sort((a, b) => a - b);
}

const fileSafe = (text: string): string => text.replace(/[^0-9A-Za-z]/g, '-');

async function isAliveByName(pid: number, startTime: string): Promise<boolean> {
  const current = await identityOf(pid);
  return current !== undefined && fileSafe(current.startTime) === startTime;
}
