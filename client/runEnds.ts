/** What is told when a run ends by itself: a headline, or a reason and the way on. */
import { commands, window } from 'vscode';
import type { RunListEntry } from '../server/contract/runViews';
import { tellSweepEnd } from './commands/sweeps';
import { DisposableList, type Disposable } from './disposables';
import type { Extension } from './extension';
import { ended } from './runs/runChanges';
import { endSentence } from './runs/runText';
import { messageText, plainText } from './text/escape';

interface Button {
  readonly title: string;
  readonly command: string;
}

const buttons = {
  report: { title: 'Open Report', command: 'manticore.openReport' },
  generate: { title: 'Generate', command: 'manticore.generateText' },
  resume: { title: 'Resume', command: 'manticore.resumeSearch' },
  log: { title: 'Show Log', command: 'manticore.showRunLog' },
} as const;

export function tellEnds(extension: Extension): Disposable {
  const failed = (error: unknown): void => extension.log.error(String(error));
  const sweeps = extension.runs.onDidEndSweeps((all) => {
    for (const sweep of all) tellSweepEnd(extension, sweep).catch(failed);
  });
  const runs = extension.runs.onDidChangeStates((changes) => {
    for (const { run, was } of changes) {
      extension.log.info(
        `Run ${plainText(run.name)}: ${was ?? 'new'} → ${run.state}${engineNote(run)}`,
      );
    }
    for (const run of ended(changes)) {
      // Of many runs the sweep's end is news.
      if (extension.runs.sweepOf(run.dir) !== undefined) continue;
      tellEnd(extension, run).catch(failed);
    }
  });
  const both = new DisposableList();
  both.add(sweeps);
  both.add(runs);
  return both;
}

const engineNote = (run: RunListEntry): string =>
  run.engine === '' ? '.' : ` on ${plainText(run.engine)}.`;

async function tellEnd(extension: Extension, run: RunListEntry): Promise<void> {
  const sentence = endSentence(run);
  switch (run.state) {
    case 'done': {
      const told = await headline(extension, run);
      return offer(run, window.showInformationMessage, told ?? sentence, [
        buttons.report,
        buttons.generate,
      ]);
    }
    case 'stopped':
      return offer(run, window.showInformationMessage, sentence, [buttons.report, buttons.resume]);
    case 'failed':
    case 'lost':
      extension.log.error(sentence);
      return offer(run, window.showErrorMessage, sentence, [
        buttons.resume,
        buttons.log,
        buttons.report,
      ]);
    case 'starting':
    case 'running':
    case 'paused':
      return;
  }
}

/** The report's first sentence; `undefined` where it can't be made. */
async function headline(extension: Extension, run: RunListEntry): Promise<string | undefined> {
  try {
    const outcome = await extension.server.request('manticore/buildReport', { dir: run.dir });
    return outcome.ok ? messageText(outcome.value.headline, 600) : undefined;
  } catch (error) {
    extension.log.warn(`The report of ${plainText(run.name)} could not be made: ${String(error)}`);
    return undefined;
  }
}

async function offer(
  run: RunListEntry,
  show: (message: string, ...items: string[]) => Thenable<string | undefined>,
  message: string,
  offered: readonly Button[],
): Promise<void> {
  const chosen = await show(message, ...offered.map(({ title }) => title));
  const button = offered.find(({ title }) => title === chosen);
  if (button !== undefined) await commands.executeCommand(button.command, run.dir);
}
