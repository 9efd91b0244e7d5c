/** A sweep folder, understood: its grid, and the run of each cell that can be believed to be that cell's. */
import path from 'node:path';
import type { CellState, Setting, SweepAxis } from '../../contract/sweep';
import { systemCode } from '../../files/systemErrors';
import { readDocument, type ConfigDocument } from '../../language/configDocument';
import { axesOf, cellCount, cellName, cellText, MAX_CELLS, settingsOf } from '../../language/sweep';
import { foldersIn, runAt, type ListedRun } from '../../runs/listRuns';
import { RunError } from '../../runs/runErrors';
import { readConfigSnapshot } from '../../runs/runFolder';
import { stateOf } from '../../runs/runState';
import {
  notASweep,
  readSweepManifest,
  runParents,
  type SweepManifest,
} from '../../runs/sweepFolder';

export interface SweepCell {
  /** From 1. */
  readonly cell: number;
  readonly settings: readonly Setting[];
  readonly name: string;
  /** The config of the cell; `undefined` where the settings can't be put into the sweep's config. */
  readonly text: string | undefined;
  readonly run: ListedRun | undefined;
  readonly state: CellState;
  readonly message: string | undefined;
}

export interface OpenSweep {
  readonly dir: string;
  readonly manifest: SweepManifest;
  readonly axes: readonly SweepAxis[];
  readonly cells: readonly SweepCell[];
}

/** @throws RunError `not-a-sweep`, also where the grid of its config has another size */
export async function openSweep(dir: string): Promise<OpenSweep> {
  const manifest = await readSweepManifest(dir);
  const document = await snapshotOf(dir);
  const axes = axesOf(document);
  if (cellCount(axes) !== manifest.cells.length || manifest.cells.length > MAX_CELLS) {
    throw notASweep(dir);
  }
  const unknown = manifest.cells.some(({ run }) => run === undefined);
  const orphans = unknown ? await runsOf(dir, manifest.id) : new Map<number, ListedRun>();
  const cells: SweepCell[] = [];
  for (const [index, record] of manifest.cells.entries()) {
    const settings = settingsOf(axes, index);
    const made = cellText(document, settings);
    const text = 'text' in made ? made.text : undefined;
    const cell = index + 1;
    const named = await recordedRun(dir, record);
    const run = await ownRun(named ?? orphans.get(cell), text);
    const gone = record.state === 'failed' ? 'failed' : 'waiting';
    const state = run ? await stateOf(run.dir, run.manifest) : gone;
    const name = cellName(settings);
    cells.push({ cell, settings, name, text, run, state, message: record.message });
  }
  return { dir, manifest, axes, cells };
}

async function snapshotOf(dir: string): Promise<ConfigDocument> {
  try {
    return readDocument(await readConfigSnapshot(dir));
  } catch (error) {
    if (!(error instanceof RunError) && systemCode(error) === undefined) throw error;
    throw notASweep(dir);
  }
}

/** The run that `sweep.json` names: in the places of this sweep's runs only, and by its id too. */
async function recordedRun(
  dir: string,
  { run, folder }: SweepManifest['cells'][number],
): Promise<ListedRun | undefined> {
  if (run === undefined || folder === undefined) return undefined;
  for (const parent of runParents(dir)) {
    const found = await runAt(path.join(parent, folder));
    if (found?.id === run) return found;
  }
  return undefined;
}

/** Runs that say they are this sweep's: one that was made just before its sweep was killed stands in no `sweep.json`. */
async function runsOf(dir: string, id: string): Promise<Map<number, ListedRun>> {
  const runs = new Map<number, ListedRun>();
  for (const parent of runParents(dir)) {
    for (const name of await foldersIn(parent)) {
      const run = await runAt(path.join(parent, name));
      if (run?.manifest.sweep?.id === id) runs.set(run.manifest.sweep.cell, run);
    }
  }
  return runs;
}

/** A run whose config is the cell's, threads left aside: any other says nothing of the cell. */
async function ownRun(
  run: ListedRun | undefined,
  text: string | undefined,
): Promise<ListedRun | undefined> {
  if (run === undefined || text === undefined) return undefined;
  try {
    const snapshot = await readConfigSnapshot(run.dir);
    return sayOf(snapshot) === sayOf(text) ? run : undefined;
  } catch (error) {
    if (!(error instanceof RunError) && systemCode(error) === undefined) throw error;
    return undefined;
  }
}

/** What a config says, as text; how many threads compute it changes no result. */
function sayOf(text: string): string {
  const { data } = readDocument(text);
  if (typeof data !== 'object' || data === null) return '';
  const { engine, ...rest } = data as Record<string, unknown>;
  const isMapping = typeof engine === 'object' && engine !== null;
  const written = Object.entries(isMapping ? engine : { name: engine ?? 'auto' });
  const counts = written.filter(
    ([key, value]) => key !== 'threads' && !(key === 'name' && value === 'auto'),
  );
  return JSON.stringify([rest, counts]);
}
