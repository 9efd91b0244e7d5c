/** Open Weights, Open Report, Open Config, the logs, and a run's folder. */
import { Uri, commands, env, window, workspace } from 'vscode';
import type { Extension } from '../extension';
import { messageText } from '../text/escape';
import { isActive } from '../runs/runText';
import { isConfigName } from './arguments';
import { chooseRun } from './choose';
import { tellError } from './tell';

export async function openWeights(extension: Extension, argument: unknown): Promise<void> {
  const run = await chooseRun(extension, argument, 'any', 'Open Weights');
  if (run !== undefined) extension.panels.show(run.dir, run.name, false);
}

export async function openReport(extension: Extension, argument: unknown): Promise<void> {
  const run = await chooseRun(extension, argument, 'any', 'Open Report');
  if (run !== undefined) await extension.reports.show(run.dir, run.name);
}

/** The config that a run began with, where it still is. The path stands in the run's folder, so only a config's is followed. */
export async function configOfRun(
  extension: Pick<Extension, 'runs'>,
  dir: string,
): Promise<Uri | undefined> {
  const path = (extension.runs.find(dir) ?? extension.runs.findSweep(dir))?.config;
  if (path === undefined || !isConfigName(path)) return undefined;
  const uri = Uri.file(path);
  try {
    await workspace.fs.stat(uri);
    return uri;
  } catch {
    // Moved, deleted, or from another machine: there is none to open.
    return undefined;
  }
}

export async function openConfig(extension: Extension, argument: unknown): Promise<void> {
  const run = await chooseRun(extension, argument, 'any', 'Open Config');
  if (run === undefined) return;
  const uri = await configOfRun(extension, run.dir);
  if (uri !== undefined) {
    await window.showTextDocument(uri);
    return;
  }
  // The snapshot is what ran; it lies in the run's folder under one name.
  const snapshot = Uri.joinPath(Uri.file(run.dir), 'config.manticore.yaml');
  try {
    await window.showTextDocument(snapshot, { preview: true });
  } catch {
    await window.showErrorMessage(
      messageText(
        `The config of ${run.name} is neither where the run began nor in its folder. Put it back.`,
      ),
    );
  }
}

export function showLog(extension: Extension): Promise<void> {
  extension.log.show();
  return Promise.resolve();
}

/** What a run's process itself wrote: warnings, and why it ended. */
export async function showRunLog(extension: Extension, argument: unknown): Promise<void> {
  const run = await chooseRun(extension, argument, 'any', 'Show Log of a Run');
  if (run === undefined) return;
  const outcome = await extension.server.request('manticore/computeLog', { dir: run.dir });
  if (!outcome.ok) {
    await tellError(outcome.error);
    return;
  }
  const text =
    outcome.value.trim() === '' ? 'This run has written nothing to its log.\n' : outcome.value;
  await extension.texts.show(`${run.name}.log`, text);
}

export async function copyRunPath(extension: Extension, argument: unknown): Promise<void> {
  const run = await chooseRun(extension, argument, 'any', 'Copy Run Path');
  if (run !== undefined) await env.clipboard.writeText(run.dir);
}

export async function revealRunFolder(extension: Extension, argument: unknown): Promise<void> {
  const run = await chooseRun(extension, argument, 'any', 'Reveal Run Folder');
  if (run === undefined) return;
  const uri = Uri.file(run.dir);
  const inWorkspace = workspace.getWorkspaceFolder(uri) !== undefined;
  // On a remote machine there is no file manager; its files are in the explorer.
  const command = env.remoteName === undefined ? 'revealFileInOS' : 'revealInExplorer';
  if (env.remoteName !== undefined && !inWorkspace) {
    await env.clipboard.writeText(run.dir);
    await window.showInformationMessage(
      'The run’s folder lies outside the workspace. Its path is on the clipboard.',
    );
    return;
  }
  await commands.executeCommand(command, uri);
}

/** What the status bar offers: the actions of the run it shows. */
export async function showRunActions(extension: Extension, argument: unknown): Promise<void> {
  const run = await chooseRun(extension, argument, 'any', 'Manticore');
  if (run === undefined) return;
  const entry = extension.runs.find(run.dir);
  const active = entry !== undefined && isActive(entry.state);
  const paused = entry?.state === 'paused';
  const items: { label: string; command: string }[] = [
    { label: '$(table) Open Weights', command: 'manticore.openWeights' },
    ...(active
      ? [
          paused
            ? { label: '$(debug-continue) Resume Search', command: 'manticore.resumeSearch' }
            : { label: '$(debug-pause) Pause Search', command: 'manticore.pauseSearch' },
          { label: '$(save) Checkpoint and Stop', command: 'manticore.checkpointAndStop' },
          { label: '$(debug-stop) Stop Search', command: 'manticore.stopSearch' },
          { label: '$(pinned) Pin Block…', command: 'manticore.pinBlock' },
          { label: '$(trash) Prune Block…', command: 'manticore.pruneBlock' },
        ]
      : [{ label: '$(debug-continue) Resume Search', command: 'manticore.resumeSearch' }]),
    { label: '$(graph) Open Report', command: 'manticore.openReport' },
    { label: '$(file-code) Open Config', command: 'manticore.openConfig' },
    { label: '$(output) Show Log of the Run', command: 'manticore.showRunLog' },
  ];
  const chosen = await window.showQuickPick(items, { title: run.name, placeHolder: 'What to do?' });
  if (chosen !== undefined) await commands.executeCommand(chosen.command, run.dir);
}
