/** Which run folders there are: below the workspace, beside open configs, in the runs folder, and those started here. */
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { systemCode } from '../../files/systemErrors';
import { foldersIn, runAt, type ListedRun } from '../../runs/listRuns';
import { manifestName } from '../../runs/runFolder';
import { listPublications } from '../../runs/runtimeFolder';
import { isInside } from '../../weights/modelFiles';
import type { RunsHost } from '../runsInterface';
import { runsFolderFor } from './settings';

const maximumCandidates = 20_000;

const runsBeside = (folder: string): string => path.join(folder, '.manticore', 'runs');

/** Folders whose entries may be sweeps, from those of runs: beside `.manticore/runs`, or the same (`--out`). */
export const sweepsFolders = (folders: readonly string[]): readonly string[] =>
  folders.map((folder) =>
    path.basename(folder) === 'runs' && path.basename(path.dirname(folder)) === '.manticore'
      ? path.join(path.dirname(folder), 'sweeps')
      : folder,
  );

export class Catalog {
  readonly #known = new Map<string, { readonly stamp: string; readonly run: ListedRun }>();
  /** Folders of runs that were started or opened here, wherever they lie. */
  readonly #named = new Set<string>();

  constructor(
    private readonly host: Pick<RunsHost, 'workspaceFolders' | 'openConfigs' | 'settings'>,
  ) {}

  name(dir: string): void {
    this.#named.add(dir);
  }

  /** Folders whose entries are run folders: what is worth watching. */
  runsFolders(): string[] {
    const folders = this.host.workspaceFolders().map(runsBeside);
    for (const config of this.host.openConfigs()) {
      folders.push(runsFolderFor(config, this.host) ?? runsBeside(path.dirname(config)));
      folders.push(runsBeside(path.dirname(config)));
    }
    for (const folder of this.host.workspaceFolders()) {
      folders.push(runsFolderFor(path.join(folder, 'config'), this.host) ?? runsBeside(folder));
    }
    return [...new Set(folders)];
  }

  /** Every run to show, by folder (links resolved). */
  async scan(): Promise<Map<string, ListedRun>> {
    const runs = new Map<string, ListedRun>();
    for (const candidate of await this.#candidates()) {
      const run = await this.#runAt(candidate);
      if (run !== undefined) runs.set(run.dir, run);
    }
    for (const { record } of await listPublications()) {
      if (runs.has(record.runDir)) continue;
      const run = await this.#runAt(record.runDir);
      if (run !== undefined && this.#isOfHere(run)) runs.set(run.dir, run);
    }
    return runs;
  }

  /** One run, read again where its `run.json` changed; `undefined` once it is gone. */
  async again(dir: string): Promise<ListedRun | undefined> {
    return this.#runAt(dir);
  }

  /** A run that goes on somewhere else is shown when it is of something that is open here. */
  #isOfHere({ dir, manifest }: ListedRun): boolean {
    const { config } = manifest;
    return (
      this.host.openConfigs().some((open) => samePath(open, config)) ||
      this.host
        .workspaceFolders()
        .some((folder) => folder === dir || isInside(folder, dir) || isInside(folder, config))
    );
  }

  /** Folders whose entries may be runs. */
  async bases(): Promise<ReadonlySet<string>> {
    const bases = new Set(this.runsFolders());
    for (const folder of this.host.workspaceFolders()) {
      // `--out runs` in a terminal makes run folders two levels down.
      for (const name of await foldersIn(folder)) {
        if (name.startsWith('.') || name === 'node_modules') continue;
        bases.add(path.join(folder, name)).add(runsBeside(path.join(folder, name)));
      }
    }
    return bases;
  }

  async #candidates(): Promise<Set<string>> {
    const candidates = new Set<string>(this.#named);
    for (const base of await this.bases()) {
      for (const name of await foldersIn(base)) {
        if (candidates.size >= maximumCandidates) return candidates;
        candidates.add(path.join(base, name));
      }
    }
    return candidates;
  }

  async #runAt(folder: string): Promise<ListedRun | undefined> {
    const stamp = await stampOf(path.join(folder, manifestName));
    if (stamp === undefined) {
      this.#known.delete(folder);
      return undefined;
    }
    const known = this.#known.get(folder);
    if (known?.stamp === stamp) return known.run;
    const run = await runAt(folder);
    if (run !== undefined) this.#known.set(folder, { stamp, run });
    return run;
  }
}

/** Paths of configs, as a run folder and the editor spell them. */
export function samePath(left: string, right: string): boolean {
  const [a, b] = [path.resolve(left), path.resolve(right)];
  return process.platform === 'win32' ? a.toLowerCase() === b.toLowerCase() : a === b;
}

/** Tells one state of a file from another; `undefined` when there is none. */
export async function stampOf(file: string): Promise<string | undefined> {
  try {
    const { ino, size, mtimeMs } = await lstat(file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return undefined;
  }
}
