/** The sweeps beside the runs: read again where `sweep.json` changed, with each cell's run as the list of runs has it. */
import path from 'node:path';
import type { RunListEntry, SweepListEntry } from '../../contract/runViews';
import type { CellState, SweepState } from '../../contract/sweep';
import { systemCode } from '../../files/systemErrors';
import { endOf } from '../../commands/sweep/sweepEnd';
import { readDocument } from '../../language/configDocument';
import { axesOf, cellCount, settingsOf } from '../../language/sweep';
import { settingsText } from '../../report/sweep/axes';
import { foldersIn } from '../../runs/listRuns';
import { RunError } from '../../runs/runErrors';
import { readConfigSnapshot } from '../../runs/runFolder';
import { findPublication } from '../../runs/runtimeFolder';
import { runParents, sweepAt, sweepName, type ListedSweep } from '../../runs/sweepFolder';
import { samePath, stampOf } from './catalog';
import { isActive } from './runEntry';

/** Most sweeps that are shown, the newest first. */
const MAX_SWEEPS = 500;

interface Known {
  readonly stamp: string;
  readonly sweep: ListedSweep;
  /** Of each cell; none where its config can't be read as this grid. */
  readonly names: readonly string[];
  readonly isWorkedOn: boolean;
}

export class SweepList {
  readonly #known = new Map<string, Known>();
  /** Folders of sweeps that were started here, wherever they lie. */
  readonly #named = new Set<string>();
  #entries: readonly SweepListEntry[] = [];

  /** @param runAt a run of the list, by its folder */
  constructor(private readonly runAt: (dir: string) => RunListEntry | undefined) {}

  /** Newest first. */
  get entries(): readonly SweepListEntry[] {
    return this.#entries;
  }

  name(dir: string): void {
    this.#named.add(dir);
  }

  /** The sweep of a config that goes on, else its newest. */
  sweepOf(configPath: string): SweepListEntry | undefined {
    const own = this.#entries.filter((entry) => samePath(entry.config, configPath));
    return own.find(({ state }) => state === 'running') ?? own[0];
  }

  /** Looks for sweeps that came and went. @param folders whose entries may be sweeps */
  async scan(folders: readonly string[]): Promise<void> {
    const found = new Set<string>();
    for (const folder of folders) {
      for (const name of await foldersIn(folder)) await this.#take(path.join(folder, name), found);
    }
    for (const dir of this.#named) await this.#take(dir, found);
    for (const dir of this.#known.keys()) if (!found.has(dir)) this.#known.delete(dir);
  }

  /** Looks at those again that a process works on. */
  async again(): Promise<void> {
    for (const [dir, { isWorkedOn }] of this.#known) {
      if (!isWorkedOn) continue;
      const found = new Set<string>();
      await this.#take(dir, found);
      if (!found.has(dir)) this.#known.delete(dir);
    }
  }

  async #take(folder: string, found: Set<string>): Promise<void> {
    const stamp = await stampOf(path.join(folder, sweepName));
    if (stamp === undefined) return;
    const known = this.#known.get(folder);
    const sweep = known?.stamp === stamp ? known.sweep : await sweepAt(folder);
    if (sweep === undefined || found.has(sweep.dir)) return;
    const before = known ?? this.#known.get(sweep.dir);
    const names = before?.names ?? (await namesOf(sweep));
    const isWorkedOn = (await findPublication(sweep.dir)) !== undefined;
    this.#known.set(sweep.dir, { stamp, sweep, names, isWorkedOn });
    found.add(sweep.dir);
  }

  /** Makes the entries of what was found, with the runs as they are known now. */
  tell(): void {
    this.#entries = [...this.#known.values()]
      .sort((a, b) => b.sweep.manifest.startedAt.localeCompare(a.sweep.manifest.startedAt))
      .slice(0, MAX_SWEEPS)
      .map((known) => this.#entryOf(known));
  }

  #entryOf({ sweep: { dir, manifest }, names, isWorkedOn }: Known): SweepListEntry {
    const { id, config, startedAt } = manifest;
    const cells = manifest.cells.map((record, index) => {
      const run = this.#runOf(dir, record);
      return {
        cell: index + 1,
        name: names[index] ?? '',
        state: stateOf(record.state, run, isWorkedOn),
        run: run?.dir,
        message: record.message,
      };
    });
    const state: SweepState = isWorkedOn ? 'running' : endOf(cells.map((cell) => cell.state));
    return { id, dir, name: path.basename(dir), config, startedAt, state, cells };
  }

  #runOf(
    dir: string,
    { run, folder }: ListedSweep['manifest']['cells'][number],
  ): RunListEntry | undefined {
    if (run === undefined || folder === undefined) return undefined;
    return runParents(dir)
      .map((parent) => this.runAt(path.join(parent, folder)))
      .find((entry) => entry?.id === run);
  }
}

/** The run knows best; one that is gone goes on no more, but one that was just made is not listed yet. */
function stateOf(
  recorded: CellState,
  run: RunListEntry | undefined,
  isWorkedOn: boolean,
): CellState {
  if (run !== undefined) return run.state;
  return recorded !== 'waiting' && isActive(recorded) && !isWorkedOn ? 'lost' : recorded;
}

async function namesOf({ dir, manifest }: ListedSweep): Promise<readonly string[]> {
  try {
    const axes = axesOf(readDocument(await readConfigSnapshot(dir)));
    if (cellCount(axes) !== manifest.cells.length) return [];
    return manifest.cells.map((_, index) => settingsText(settingsOf(axes, index)).slice(0, 300));
  } catch (error) {
    if (!(error instanceof RunError) && systemCode(error) === undefined) throw error;
    return [];
  }
}
