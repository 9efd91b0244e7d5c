/** What the panel's buttons and its save dialogs do. */
import { Range, Uri, ViewColumn, WorkspaceEdit, commands, window, workspace } from 'vscode';
import type { ServerConnection } from '../server';
import type { RunList } from '../runs/runList';
import { configOfRun } from '../commands/show';
import { tellError } from '../commands/tell';
import { messageText, safeFileName } from '../text/escape';
import type { PanelCommand, SaveRequest } from './weightsPanel';

/** The command behind each button, but for the one that writes. */
const commandOf: Readonly<Record<Exclude<PanelCommand, 'writeToConfig'>, string>> = {
  stop: 'manticore.stopSearch',
  checkpointAndStop: 'manticore.checkpointAndStop',
  pause: 'manticore.pauseSearch',
  resume: 'manticore.resumeSearch',
  openReport: 'manticore.openReport',
  openConfig: 'manticore.openConfig',
  showLog: 'manticore.showRunLog',
  generate: 'manticore.generateText',
};

export interface PanelActionsHost {
  readonly server: ServerConnection;
  readonly runs: RunList;
}

export async function runPanelCommand(
  host: PanelActionsHost,
  command: PanelCommand,
  dir: string,
): Promise<void> {
  if (command === 'writeToConfig') await writeToConfig(host, dir);
  else await commands.executeCommand(commandOf[command], dir);
}

/** Makes the config's pins and prunings those of the run: an edit in an editor, undoable, not saved. */
async function writeToConfig(host: PanelActionsHost, dir: string): Promise<void> {
  const uri = await configOfRun(host, dir);
  if (uri === undefined) {
    await window.showErrorMessage(
      'The config that this run began with is not where it was, so nothing was written. Open it and try again.',
    );
    return;
  }
  const document = await workspace.openTextDocument(uri);
  const outcome = await host.server.request('manticore/mixtureEdit', { uri: uri.toString(), dir });
  if (!outcome.ok) {
    await tellError(outcome.error);
    return;
  }
  const { version, changes } = outcome.value;
  if (version !== null && version !== document.version) {
    await window.showWarningMessage(
      'The config was changed meanwhile, so nothing was written. Try again.',
    );
    return;
  }
  const column = window.visibleTextEditors.find(
    (editor) => editor.document === document,
  )?.viewColumn;
  const editor = await window.showTextDocument(document, column ?? ViewColumn.One);
  if (changes.length === 0) {
    await window.showInformationMessage('The config already says what this run’s blocks are.');
    return;
  }
  const edit = new WorkspaceEdit();
  for (const { range, newText } of changes) {
    const { start, end } = range;
    edit.replace(uri, new Range(start.line, start.character, end.line, end.character), newText);
  }
  if (!(await workspace.applyEdit(edit))) {
    await window.showErrorMessage(
      'The editor refused the change. Check that the config can be edited.',
    );
    return;
  }
  const first = changes[0];
  if (first !== undefined)
    editor.revealRange(new Range(first.range.start.line, 0, first.range.start.line, 0));
}

const formatNames = { svg: 'SVG', png: 'PNG', csv: 'CSV' } as const;

/** Asks where to, and writes what the panel drew. */
export async function savePicture(request: SaveRequest, dir: string): Promise<void> {
  const { format } = request;
  const stem = safeFileName(request.name.replace(/\.(svg|png|csv)$/iu, ''), 'weights');
  const folder = workspace.workspaceFolders?.[0]?.uri ?? Uri.file(dir);
  const target = await window.showSaveDialog({
    title: `Save ${formatNames[format]}`,
    defaultUri: Uri.joinPath(folder, `${stem}.${format}`),
    filters: { [formatNames[format]]: [format] },
  });
  if (target === undefined) return;
  const bytes = Buffer.from(request.data, format === 'png' ? 'base64' : 'utf8');
  try {
    await workspace.fs.writeFile(target, bytes);
  } catch {
    // Read-only, full, gone: the editor's own words differ by file system, the way out is the same.
    await window.showErrorMessage(
      messageText(`${target.fsPath} could not be written. Choose another folder.`),
    );
    return;
  }
  const open = 'Open';
  const chosen = await window.showInformationMessage(messageText(`Saved ${target.fsPath}.`), open);
  if (chosen === open) await commands.executeCommand('vscode.open', target);
}
