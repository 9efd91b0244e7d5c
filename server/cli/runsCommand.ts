/** `manticore runs`: which runs there are. */
import path from 'node:path';
import { listRuns, runBases, summarize, type RunSummary } from '../runs/listRuns';
import { listSweeps, type ListedSweep } from '../runs/sweepFolder';
import { exitCode, type Io } from './io';

/**
 * Lists the runs seen from a folder (default the working folder), and those running anywhere. With `--json`: one array.
 */
export async function runRuns(folder: string | undefined, io: Io): Promise<number> {
  const workingFolder = folder ?? process.cwd();
  const bases = await runBases(workingFolder);
  const listed = await listRuns(bases);
  const sweeps = await listSweeps(bases);
  const runs: RunSummary[] = [];
  for (const run of listed) {
    if (io.signal.aborted) return exitCode.stopped;
    runs.push(await summarize(run));
  }
  if (io.json) {
    const asSweep = ({ dir, manifest: { id, config, startedAt, cells } }: ListedSweep) => ({
      ...{ id, dir, config, startedAt, kind: 'sweep', cells: cells.length },
      done: cells.filter(({ state }) => state === 'done').length,
    });
    io.out(`${JSON.stringify([...sweeps.map(asSweep), ...runs.map(asJson)])}\n`);
    return exitCode.done;
  }
  if (sweeps.length > 0) io.out(`${sweepTable(sweeps, workingFolder)}\n\n`);
  if (runs.length === 0) {
    io.err(`No runs below ${workingFolder}. Start one with \`manticore search CONFIG\`.\n`);
  } else {
    io.out(`${table(runs, workingFolder)}\n`);
  }
  return exitCode.done;
}

function asJson(run: RunSummary): Record<string, unknown> {
  return {
    id: run.id,
    dir: run.dir,
    config: run.manifest.config,
    state: run.state,
    stage: run.stage ?? null,
    bestValidationLoss: run.bestValidationLoss ?? null,
    startedAt: run.manifest.startedAt,
    ...(run.manifest.sweep === undefined ? {} : { sweep: run.manifest.sweep }),
  };
}

function sweepTable(sweeps: readonly ListedSweep[], workingFolder: string): string {
  return aligned([
    ['SWEEP', 'DONE', 'STARTED', 'FOLDER'],
    ...sweeps.map(({ dir, manifest: { id, startedAt, cells } }) => [
      id,
      `${cells.filter(({ state }) => state === 'done').length} of ${cells.length}`,
      startedAt.slice(0, 19).replace('T', ' '),
      path.relative(workingFolder, dir) || '.',
    ]),
  ]);
}

function table(runs: readonly RunSummary[], workingFolder: string): string {
  return aligned([
    ['ID', 'STATE', 'STAGE', 'BEST VALIDATION LOSS', 'STARTED', 'FOLDER'],
    ...runs.map((run) => [
      run.id,
      run.state,
      run.stage ?? '–',
      run.bestValidationLoss?.toFixed(4) ?? '–',
      run.manifest.startedAt.slice(0, 19).replace('T', ' '),
      path.relative(workingFolder, run.dir) || '.',
    ]),
  ]);
}

function aligned(lines: readonly (readonly string[])[]): string {
  const rows = lines.map((row) => row.map(printable));
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Text from a file, without what a terminal would obey. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}|\p{Bidi_Control}/gu, '�');
}
