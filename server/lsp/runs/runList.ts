/**
 * The list of runs, kept up with the disk. While nothing runs this is a look at the runtime folder every two seconds;
 * folders are read again when they change. Active runs are followed by their logs' sizes.
 */
import { watch, type FSWatcher } from 'node:fs';
import path from 'node:path';
import type { RunListEntry, RunLists } from '../../contract/runViews';
import { logName } from '../../runs/logLines';
import type { ListedRun } from '../../runs/listRuns';
import { RunRecord } from '../../runs/runRecord';
import { stateOf } from '../../runs/runState';
import { runtimeFolderPaths } from '../../runs/runtimeFolder';
import type { RunsHost } from '../runsInterface';
import { Catalog, samePath, stampOf, sweepsFolders } from './catalog';
import type { Records } from './records';
import { entryOf, isActive, unlessUnreadable } from './runEntry';
import { SweepList } from './sweepList';

const idleMs = 2_000;
const activeMs = 500;
const rescanMs = 60_000;
const maximumWatchers = 64;
/** Asking whether a process lives is one read on Linux, and a program to start elsewhere. */
const livenessMs = process.platform === 'linux' ? 900 : 5_000;

interface Known {
  readonly run: ListedRun;
  readonly log: string | undefined;
  readonly entry: RunListEntry;
  readonly checkedAt: number;
}

export class RunList {
  readonly catalog: Catalog;
  readonly sweeps = new SweepList((dir) => this.get(dir));
  #runs = new Map<string, ListedRun>();
  readonly #known = new Map<string, Known>();
  readonly #watchers = new Map<string, { readonly watcher: FSWatcher; readonly inode: string }>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #rescan = true;
  #scannedAt = 0;
  #runtimeStamp = '';
  #disposed = false;
  #first: Promise<void> | undefined;

  /**
   * @param changed called when something else was found than before
   */
  constructor(
    private readonly host: RunsHost,
    private readonly records: Records,
    private readonly changed: () => void,
  ) {
    this.catalog = new Catalog(host);
  }

  /** Newest first. */
  get entries(): readonly RunListEntry[] {
    return [...this.#runs.keys()].flatMap((dir) => this.#known.get(dir)?.entry ?? []);
  }

  /** Runs and sweeps, as the client is told. */
  get all(): RunLists {
    return { runs: this.entries, sweeps: this.sweeps.entries };
  }

  get(dir: string): RunListEntry | undefined {
    return this.#known.get(dir)?.entry;
  }

  isActive(dir: string): boolean {
    const entry = this.get(dir);
    return entry !== undefined && isActive(entry.state);
  }

  /** The run of a config that goes on, else its newest. */
  runOf(configPath: string): RunListEntry | undefined {
    const own = this.entries.filter((entry) => samePath(entry.config, configPath));
    return own.find(({ state }) => isActive(state)) ?? own[0];
  }

  /** Begins to look, once; resolves when the first look is done. */
  start(): Promise<void> {
    this.#first ??= this.look();
    return this.#first;
  }

  /** Something may have changed: looks at once. @param folders whether folders may have come or gone */
  look(folders = true): Promise<void> {
    if (this.#disposed || !this.host.isTrusted()) return Promise.resolve();
    if (folders) this.#rescan = true;
    clearTimeout(this.#timer);
    this.#looking = this.#looking
      .then(() => this.#look())
      .catch((error: unknown) => {
        this.host.log(`The list of runs could not be read: ${String(error)}`);
      })
      .finally(() => this.#schedule());
    return this.#looking;
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
    for (const { watcher } of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #schedule(): void {
    if (this.#disposed) return;
    clearTimeout(this.#timer);
    const active =
      this.entries.some(({ state }) => isActive(state)) ||
      this.sweeps.entries.some(({ state }) => state === 'running');
    this.#timer = setTimeout(() => void this.look(false), active ? activeMs : idleMs);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    if (this.#disposed) return;
    const before = JSON.stringify(this.all);
    const runtime = (await Promise.all(runtimeFolderPaths().map(stampOf))).join();
    const overdue = Date.now() - this.#scannedAt > rescanMs;
    // Sweeps first: of one that nobody works on any more, no run is then seen as it was before it ended.
    if (this.#rescan || overdue || runtime !== this.#runtimeStamp) {
      this.#runtimeStamp = runtime;
      this.#rescan = false;
      this.#scannedAt = Date.now();
      await this.sweeps.scan(sweepsFolders([...(await this.catalog.bases())]));
      await this.#scan();
    } else {
      await this.sweeps.again();
      for (const [dir, { entry }] of this.#known) {
        if (isActive(entry.state)) await this.#again(dir);
      }
    }
    this.sweeps.tell();
    if (JSON.stringify(this.all) !== before) this.changed();
  }

  async #scan(): Promise<void> {
    const runs = await this.catalog.scan();
    this.#runs = new Map([...runs].sort(([, left], [, right]) => newestFirst(left, right)));
    for (const dir of this.#known.keys()) {
      if (!this.#runs.has(dir)) this.#forget(dir);
    }
    await this.#watchFolders();
    let told = Date.now();
    for (const run of this.#runs.values()) {
      if (this.#disposed) return;
      await this.#take(run, true);
      // A long list grows before the reader's eyes.
      if (Date.now() - told > activeMs) {
        told = Date.now();
        this.changed();
      }
    }
  }

  /** Looks at one run again; it leaves the list once its folder is gone. */
  async #again(dir: string): Promise<void> {
    const run = await this.catalog.again(dir);
    if (run !== undefined) {
      this.#runs.set(dir, run);
      await this.#take(run, false);
      return;
    }
    this.#runs.delete(dir);
    this.#forget(dir);
  }

  #forget(dir: string): void {
    this.#known.delete(dir);
    this.records.forget(dir);
  }

  async #take(run: ListedRun, scanning: boolean): Promise<void> {
    const known = this.#known.get(run.dir);
    const log = await stampOf(path.join(run.dir, logName));
    const isWritten = known?.run.manifest === run.manifest;
    const isSame = isWritten && known.log === log;
    // An ended one that somebody takes up again is seen by the runtime folder, which leads to a scan.
    if (isSame && !scanning && !isActive(known.entry.state)) return;
    const isFresh =
      isWritten &&
      isActive(run.manifest.state) &&
      isActive(known.entry.state) &&
      Date.now() - known.checkedAt < livenessMs;
    if (isSame && isFresh) return;
    const state = isFresh ? known.entry.state : await stateOf(run.dir, run.manifest);
    const checkedAt = isFresh ? known.checkedAt : Date.now();
    if (isSame && state === known.entry.state) {
      this.#known.set(run.dir, { ...known, checkedAt });
      return;
    }
    const followed = isActive(state);
    const record = await unlessUnreadable(
      followed ? this.records.get(run.dir) : refreshed(run.dir),
    );
    const plan = followed ? await this.records.plan(run.dir) : undefined;
    const entry = await unlessUnreadable(entryOf({ run, state, record, plan }));
    if (entry !== undefined) this.#known.set(run.dir, { run, log, entry, checkedAt });
  }

  async #watchFolders(): Promise<void> {
    const runsFolders = this.catalog.runsFolders();
    const wanted = new Set(
      [...runsFolders, ...sweepsFolders(runsFolders)].slice(0, maximumWatchers),
    );
    for (const [folder, { watcher, inode }] of this.#watchers) {
      // One that was deleted and made again is another folder.
      if (wanted.has(folder) && (await inodeOf(folder)) === inode) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of wanted) {
      if (this.#disposed || this.#watchers.has(folder)) continue;
      const inode = await inodeOf(folder);
      if (inode !== undefined) this.#watchFolder(folder, inode);
    }
  }

  /** A folder that can't be watched, or isn't there yet, is read again now and then. */
  #watchFolder(folder: string, inode: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => {
        this.#rescan = true;
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => void this.look(), 200);
        this.#timer.unref();
      });
      watcher.on('error', () => {
        watcher.close();
        this.#watchers.delete(folder);
      });
      this.#watchers.set(folder, { watcher, inode });
    } catch {
      this.#watchers.delete(folder);
    }
  }
}

/** What tells a folder from one of the same name before; `undefined` when there is none. */
const inodeOf = async (folder: string): Promise<string | undefined> =>
  (await stampOf(folder))?.split(' ')[0];

/** For one look: an ended run's record is not kept. */
async function refreshed(dir: string): Promise<RunRecord> {
  const record = new RunRecord(dir);
  await record.refresh();
  return record;
}

function newestFirst(left: ListedRun, right: ListedRun): number {
  const [a, b] = [left, right].map(({ manifest }) => Date.parse(manifest.startedAt));
  if (a !== b && !Number.isNaN(a! - b!)) return b! - a!;
  return path.basename(right.dir).localeCompare(path.basename(left.dir), 'en', { numeric: true });
}
