/** `manticore runs`: which runs there are. */
import path from 'node:path';
import { listRuns, runBases, summarize, type RunSummary } from '../runs/listRuns';
import { exitCode, type Io } from './io';

/**
 * Lists the runs seen from a folder (default the working folder), and those running anywhere. With `--json`: one array.
 */
export async function runRuns(folder: string | undefined, io: Io): Promise<number> {
  const workingFolder = folder ?? process.cwd();
  const listed = await listRuns(await runBases(workingFolder));
  const runs: RunSummary[] = [];
  for (const run of listed) {
    if (io.signal.aborted) return exitCode.stopped;
    runs.push(await summarize(run));
  }
  if (io.json) {
    io.out(`${JSON.stringify(runs.map(asJson))}\n`);
  } else if (runs.length === 0) {
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
  };
}

function table(runs: readonly RunSummary[], workingFolder: string): string {
  const rows = [
    ['ID', 'STATE', 'STAGE', 'BEST VALIDATION LOSS', 'STARTED', 'FOLDER'],
    ...runs.map((run) => [
      run.id,
      run.state,
      run.stage ?? '–',
      run.bestValidationLoss?.toFixed(4) ?? '–',
      run.manifest.startedAt.slice(0, 19).replace('T', ' '),
      path.relative(workingFolder, run.dir) || '.',
    ]),
  ].map((row) => row.map(printable));
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
