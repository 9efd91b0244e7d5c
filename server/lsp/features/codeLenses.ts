/** Above a config's first line: run it, or go on with its newest run. */
import type { CodeLens, CodeLensParams, Command } from 'vscode-languageserver';
import type { EditorCommands } from '../../contract/editor';
import type { RunListEntry, SweepListEntry } from '../../contract/runViews';
import { aboutConfig } from '../answering';
import type { Snapshot } from '../checker';
import type { LanguageContext } from '../context';

export function registerCodeLenses(context: LanguageContext): void {
  context.connection.onCodeLens(
    aboutConfig<CodeLensParams, CodeLens[]>(context, 'code lenses', [], (snapshot) =>
      lensCommands(context, snapshot).map((command) => ({
        range: { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } },
        command,
      })),
    ),
  );
}

/** None where nothing can run: an untrusted workspace, a config that isn't on this machine's disk. */
export function lensCommands(
  { workspace, runs }: Pick<LanguageContext, 'workspace' | 'runs'>,
  { uri, place, checked }: Pick<Snapshot, 'uri' | 'place' | 'checked'>,
): readonly Command[] {
  if (!workspace.isTrusted || place.path === undefined) return [];
  if (checked.sweep !== undefined) {
    return sweepCommands(uri, checked.sweep.count, runs.sweepOf(place.path));
  }
  const run = runs.runOf(place.path);
  const start = command('$(play)\u00a0Run Manticore Search', 'manticore.runSearch', uri);
  return run ? commandsFor(run, start) : [start];
}

function sweepCommands(
  uri: string,
  count: number,
  sweep: SweepListEntry | undefined,
): readonly Command[] {
  const many = count === 1 ? '1 run' : `${count} runs`;
  const start = command(`$(play)\u00a0Run Sweep: ${many}`, 'manticore.runSearch', uri);
  if (sweep === undefined) return [start];
  const { dir, state, cells } = sweep;
  const done = cells.filter((cell) => cell.state === 'done').length;
  const report = command('$(graph)\u00a0Open Sweep Report', 'manticore.openSweepReport', dir);
  switch (state) {
    case 'running':
      return [
        command(
          `$(debug-stop)\u00a0Stop Sweep (${done} of ${cells.length} done)`,
          'manticore.stopSweep',
          dir,
        ),
        report,
      ];
    case 'stopped':
    case 'failed':
      return [
        start,
        command('$(debug-continue)\u00a0Resume Sweep', 'manticore.resumeSweep', dir),
        report,
      ];
    case 'done':
      return [start, report];
  }
}

function commandsFor({ dir, state }: RunListEntry, start: Command): readonly Command[] {
  const resume = command('$(debug-continue)\u00a0Resume', 'manticore.resumeSearch', dir);
  const open = command('$(graph)\u00a0Open Run', 'manticore.openWeights', dir);
  const stop = command('$(debug-stop)\u00a0Stop', 'manticore.stopSearch', dir);
  switch (state) {
    case 'starting':
    case 'running':
      return [stop, open];
    case 'paused':
      return [resume, stop, open];
    case 'stopped':
    case 'failed':
    case 'lost':
      return [start, resume, open];
    case 'done':
      return [start, open];
  }
}

function command<C extends keyof EditorCommands>(
  title: string,
  id: C,
  ...args: EditorCommands[C]
): Command {
  return { title, command: id, arguments: [...args] };
}
