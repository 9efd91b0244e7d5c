/** Run, stop, pause, resume: a search's life from the editor. Never a modal; the search never depends on this window. */
import type { Uri } from 'vscode';
import {
  DiagnosticSeverity,
  ProgressLocation,
  Range,
  commands,
  languages,
  window,
  workspace,
  type Diagnostic,
  type TextDocument,
} from 'vscode';
import type { ControlRequest } from '../../server/contract/control';
import type { UserError } from '../../server/contract/editor';
import type { RunRef } from '../../server/contract/runViews';
import { setting, type Extension } from '../extension';
import { isActive } from '../runs/runText';
import { messageText } from '../text/escape';
import { chooseConfig, chooseRun } from './choose';
import { cancellable } from './cancel';
import { control } from './control';
import { resumeAt } from './resumeAt';
import { sweepStarted } from './sweeps';
import { mayRun, tellError } from './tell';

/** Run Manticore Search: saves the config, starts it, and shows its weights. */
export async function runSearch(extension: Extension, argument: unknown): Promise<void> {
  if (!(await mayRun('Running a search'))) return;
  const uri = await chooseConfig(argument, 'Run Manticore Search');
  const saved = uri === undefined ? undefined : await savedConfig(uri);
  if (saved === undefined) return;
  if (await showErrors(saved)) return;
  const started = await start(extension, saved, false);
  if (started === undefined) return;
  if (started.cells === undefined) return runStarted(extension, started);
  extension.log.info(`Sweep ${started.id} of ${started.cells} runs started in ${started.dir}.`);
  await sweepStarted(extension, started.dir);
}

/** The document on this machine's disk, saved; `undefined` and a sentence where it can't be. */
async function savedConfig(uri: Uri): Promise<TextDocument | undefined> {
  let document = await openDocument(uri);
  if (document === undefined) return undefined;
  if (document.isUntitled) {
    const target = await workspace.save(document.uri);
    if (target === undefined) return undefined;
    document = await workspace.openTextDocument(target);
  } else if (!(await isSaved(document))) {
    await window.showErrorMessage(
      'The config could not be saved, so it was not run. Check that its file can be written, or save it elsewhere.',
    );
    return undefined;
  }
  if (document.uri.scheme !== 'file') {
    await window.showErrorMessage(
      'Only a config on this machine’s disk can be run. Save a copy into a local folder, beside its models and data.',
    );
    return undefined;
  }
  return document;
}

/** How long auto save may take to end what it has begun, in milliseconds. */
const AUTO_SAVE_ENDS = 2_000;

/** Saves it where that is due. `save` answers no as well where auto save is at it: then that is waited for. */
async function isSaved(document: TextDocument): Promise<boolean> {
  const isClean = (): boolean => !document.isDirty;
  if (isClean() || (await document.save()) || isClean()) return true;
  return new Promise((resolve) => {
    const end = (): void => {
      listener.dispose();
      clearTimeout(timer);
      resolve(isClean());
    };
    const timer = setTimeout(end, AUTO_SAVE_ENDS);
    const listener = workspace.onDidSaveTextDocument((saved) => {
      if (saved === document) end();
    });
  });
}

async function openDocument(uri: Uri): Promise<TextDocument | undefined> {
  try {
    return await workspace.openTextDocument(uri);
  } catch {
    // Whatever the reason (deleted, not text, no permission): the path says which file it is about.
    await window.showErrorMessage(
      messageText(
        `The config ${uri.fsPath} can’t be opened. Check that it is there and can be read.`,
      ),
    );
    return undefined;
  }
}

function errorsOf(uri: Uri): readonly Diagnostic[] {
  return languages
    .getDiagnostics(uri)
    .filter(({ severity }) => severity === DiagnosticSeverity.Error)
    .toSorted((a, b) => a.range.start.compareTo(b.range.start));
}

/** Shows the first error, with the cursor on it, and the Problems view; answers whether there is one. */
async function showErrors(document: TextDocument): Promise<boolean> {
  const errors = errorsOf(document.uri);
  const first = errors[0];
  if (first === undefined) return false;
  const { start } = first.range;
  await tellNotRun(
    errors.length === 1 ? 'an error' : `${errors.length} errors`,
    `Line ${start.line + 1}: ${first.message}`,
  );
  await window.showTextDocument(document, { selection: new Range(start, start) });
  return true;
}

async function tellNotRun(errors: string, first: string): Promise<void> {
  void window.showWarningMessage(
    messageText(`The config has ${errors}, so it was not run. ${first}`, 800),
  );
  await commands.executeCommand('workbench.actions.view.problems');
}

/** `cells`: runs of the sweep, where it is one. */
type Started = RunRef & { readonly cells?: number };

async function start(
  extension: Extension,
  document: TextDocument,
  besides: boolean,
): Promise<Started | undefined> {
  const outcome = await window.withProgress(
    {
      location: ProgressLocation.Notification,
      title: 'Manticore: starting the search',
      cancellable: true,
    },
    async (_progress, token) =>
      cancellable(
        extension.server.request(
          'manticore/startSearch',
          { uri: document.uri.toString(), besides },
          token,
        ),
        token,
      ),
  );
  if (outcome === undefined) return undefined;
  if (outcome.ok) return outcome.value;
  return startRefused(extension, document, outcome.error);
}

async function startRefused(
  extension: Extension,
  document: TextDocument,
  error: UserError,
): Promise<Started | undefined> {
  if (error.code === 'another-run') return askBesides(extension, document, error);
  if (error.code === 'config-errors') {
    // The server checks by itself: what it found, the editor may not have been told yet.
    if (!(await showErrors(document))) await tellNotRun('errors', error.message);
    return undefined;
  }
  const log = 'Show Log';
  if ((await tellError(error, log)) === log) extension.log.show();
  return undefined;
}

/** Two searches at once are the user's choice: they share the machine. */
async function askBesides(
  extension: Extension,
  document: TextDocument,
  error: UserError,
): Promise<Started | undefined> {
  const anyway = 'Start Anyway';
  const show = 'Show the Running One';
  // One of another window or of the command line is not in this window's list.
  const running = extension.runs.runs.find(({ state }) => isActive(state));
  const buttons = running === undefined ? [anyway] : [anyway, show];
  const text = messageText(`${error.message} ${error.hint}`, 800);
  const chosen = await window.showWarningMessage(text, ...buttons);
  if (chosen === anyway) return start(extension, document, true);
  if (chosen === show && running !== undefined) {
    extension.panels.show(running.dir, running.name, false);
  }
  return undefined;
}

async function runStarted(extension: Extension, run: RunRef): Promise<void> {
  extension.log.info(`Search ${run.id} started in ${run.dir}.`);
  await extension.runs.refresh();
  if (!setting('openWeightsOnRun', true)) return;
  const name = extension.runs.find(run.dir)?.name ?? run.id;
  extension.panels.show(run.dir, name, true);
}

/** Resume Search: a paused run goes on, an ended one starts again at its last checkpoint. */
export async function resumeSearch(extension: Extension, argument: unknown): Promise<void> {
  if (!(await mayRun('Resuming a search'))) return;
  const run = await chooseRun(extension, argument, 'resumable', 'Resume Search');
  if (run === undefined) return;
  const resumed = await resumeAt(extension, run);
  if (resumed !== undefined) await runStarted(extension, resumed);
}

async function controlChosen(
  extension: Extension,
  argument: unknown,
  what: { readonly need: 'active' | 'running'; readonly title: string; readonly doing: string },
  request: ControlRequest,
): Promise<void> {
  if (!(await mayRun('Controlling a search'))) return;
  const run = await chooseRun(extension, argument, what.need, what.title);
  if (run !== undefined) await control(extension, run.dir, request, `${what.doing} ${run.name}`);
}

/** Ends at the next step boundary, without a checkpoint. */
export async function stopSearch(extension: Extension, argument: unknown): Promise<void> {
  await controlChosen(
    extension,
    argument,
    { need: 'active', title: 'Stop Search', doing: 'Stopping' },
    { action: 'stop', checkpoint: false },
  );
}

/** Writes a checkpoint at the next step boundary, then ends. */
export async function checkpointAndStop(extension: Extension, argument: unknown): Promise<void> {
  await controlChosen(
    extension,
    argument,
    { need: 'active', title: 'Checkpoint and Stop', doing: 'Checkpointing and stopping' },
    { action: 'stop', checkpoint: true },
  );
}

export async function pauseSearch(extension: Extension, argument: unknown): Promise<void> {
  await controlChosen(
    extension,
    argument,
    { need: 'running', title: 'Pause Search', doing: 'Pausing' },
    { action: 'pause' },
  );
}
