/** Which runs there are: below the folders at hand, and those that are running anywhere. */
import { lstat, readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Stage } from '../contract/events';
import type { RunManifest, RunState } from '../contract/run';
import { readManifest, manifestName } from './runFolder';
import { systemCode } from '../files/systemErrors';
import { runAmbiguous, RunError, runNotFound } from './runErrors';
import { RunIndex } from './runIndex';
import { stateOf } from './runState';
import { listPublications } from './runtimeFolder';

const maximumEntries = 10_000;

export interface ListedRun {
  readonly id: string;
  /** Absolute. */
  readonly dir: string;
  readonly manifest: RunManifest;
}

export interface RunSummary extends ListedRun {
  readonly state: RunState;
  /** Where it is, or ended. */
  readonly stage: Stage | undefined;
  /** Lowest validation loss of the hybrid (of any subject, where the hybrid has none), nats. */
  readonly bestValidationLoss: number | undefined;
}

/**
 * Folders that may hold runs, seen from a working folder: itself (for `--out`), its `.manticore/runs`, those of the
 * folders above, and those of the folders right below.
 */
export async function runBases(workingFolder: string): Promise<string[]> {
  const here = path.resolve(workingFolder);
  const bases = [here, path.join(here, '.manticore', 'runs')];
  for (let folder = here; path.dirname(folder) !== folder; folder = path.dirname(folder)) {
    bases.push(path.join(path.dirname(folder), '.manticore', 'runs'));
  }
  for (const name of await foldersIn(here)) {
    if (name.startsWith('.') || name === 'node_modules') continue;
    bases.push(path.join(here, name), path.join(here, name, '.manticore', 'runs'));
  }
  return bases;
}

/** Every run right below these folders, and every running one, newest first; what isn't a run is passed over. */
export async function listRuns(baseDirs: readonly string[]): Promise<ListedRun[]> {
  const candidates = (await listPublications()).map(({ record }) => record.runDir);
  for (const base of baseDirs) {
    for (const name of await foldersIn(base)) candidates.push(path.join(base, name));
  }
  const runs = new Map<string, ListedRun>();
  for (const candidate of candidates) {
    const run = await runAt(candidate);
    if (run !== undefined) runs.set(run.dir, run);
  }
  return [...runs.values()].sort(newestFirst);
}

/** What a list shows of a run. */
export async function summarize(run: ListedRun): Promise<RunSummary> {
  const state = await stateOf(run.dir, run.manifest);
  try {
    const index = await RunIndex.open(run.dir);
    const bestValidationLoss = bestLoss(index);
    return { ...run, state, stage: index.lastWhere?.stage, bestValidationLoss };
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    return { ...run, state, stage: undefined, bestValidationLoss: undefined };
  }
}

/** Lowest validation loss of the hybrid (of any subject, where the hybrid has none), nats. */
export function bestLoss(index: RunIndex): number | undefined {
  // Pretraining and a program's tasks are evaluated on data of their own.
  const scored = index.wheres.filter(({ stage }) => stage !== 'projectors' && stage !== 'program');
  const hybrids = scored.filter((where) => where.subject === 'hybrid');
  const lossesOf = (wheres: typeof index.wheres): number[] =>
    wheres
      .flatMap((where) => index.evaluations(where))
      .filter((point) => point.split === 'validation' && !Number.isNaN(point.loss))
      .map((point) => point.loss);
  const own = lossesOf(hybrids);
  const losses = own.length > 0 ? own : lossesOf(scored);
  return losses.length === 0 ? undefined : losses.reduce((a, b) => Math.min(a, b));
}

/**
 * The run that is meant: a path, `latest`, an id, or the beginning of an id or of a folder's name that fits one only.
 * @throws RunError `run-not-found`, `run-ambiguous`
 */
export async function findRun(reference: string, baseDirs: readonly string[]): Promise<ListedRun> {
  const byPath = await runAt(path.resolve(reference));
  if (byPath !== undefined) return byPath;
  const runs = await listRuns(baseDirs);
  if (reference === 'latest') {
    if (runs[0] !== undefined) return runs[0];
    throw runNotFound(reference);
  }
  const exact = runs.filter((run) => run.id === reference || path.basename(run.dir) === reference);
  const begun = runs.filter(
    (run) => run.id.startsWith(reference) || path.basename(run.dir).startsWith(reference),
  );
  const matches = reference === '' ? [] : exact.length > 0 ? exact : begun;
  if (matches.length > 1)
    throw runAmbiguous(
      reference,
      matches.map((run) => run.dir),
    );
  if (matches[0] === undefined) throw runNotFound(reference);
  return matches[0];
}

/** The run that a folder is; `undefined` for one that is none, or can't be read. */
export async function runAt(folder: string): Promise<ListedRun | undefined> {
  try {
    const dir = await realpath(folder);
    if (!(await lstat(path.join(dir, manifestName))).isFile()) return undefined;
    const manifest = await readManifest(dir);
    return { id: manifest.id, dir, manifest };
  } catch (error) {
    if (error instanceof RunError || systemCode(error) !== undefined) return undefined;
    throw error;
  }
}

function newestFirst(a: ListedRun, b: ListedRun): number {
  const [left, right] = [Date.parse(a.manifest.startedAt), Date.parse(b.manifest.startedAt)];
  if (left !== right && !Number.isNaN(left - right)) return right - left;
  return path.basename(b.dir).localeCompare(path.basename(a.dir), 'en', { numeric: true });
}

/** Names of the folders right below (no links); none when it can't be read. */
export async function foldersIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory())
      .slice(0, maximumEntries)
      .map((entry) => entry.name);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return [];
  }
}
