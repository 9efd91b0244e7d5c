/** New Hybrid Config: models that are at hand, picked from a list, become a config that checks clean. */
import { homedir } from 'node:os';
import { Range, Uri, WorkspaceEdit, window, workspace, type QuickPickItem } from 'vscode';
import type { ModelChoice } from '../../server/contract/editor';
import type { Extension } from '../extension';
import { escapeIcons } from '../text/escape';
import { formatCount } from '../text/quantities';
import { askHubModel } from './askHubModel';
import { exists, freePath } from './files';
import { tellError } from './tell';

export async function newConfig(extension: Extension, argument: unknown): Promise<void> {
  const folder = await chooseFolder(argument);
  if (folder === undefined) return;
  const models = await extension.server.request('manticore/models', { folder: folder.fsPath });
  if (!models.ok) {
    await tellError(models.error);
    return;
  }
  const sources = await chooseModels(models.value);
  if (sources === undefined) return;
  const text = await extension.server.request('manticore/newConfig', {
    folder: folder.fsPath,
    sources,
  });
  if (!text.ok) {
    await tellError(text.error);
    return;
  }
  await openAsNew(folder, text.value);
}

/** The folder that sources are relative to: the explorer's, the only one of the workspace, the chosen one, or home. */
async function chooseFolder(argument: unknown): Promise<Uri | undefined> {
  if (argument instanceof Uri && argument.scheme === 'file') return argument;
  const folders = (workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
  if (folders.length === 0) return Uri.file(homedir());
  const active = window.activeTextEditor?.document.uri;
  const around = active === undefined ? undefined : workspace.getWorkspaceFolder(active);
  if (around?.uri.scheme === 'file') return around.uri;
  if (folders.length === 1) return folders[0]?.uri;
  return (await window.showWorkspaceFolderPick({ placeHolder: 'Where does the config go?' }))?.uri;
}

async function chooseModels(
  models: readonly ModelChoice[],
): Promise<readonly string[] | undefined> {
  type Choice = QuickPickItem & { source: string | undefined };
  const items: Choice[] = models.map(({ source, label, family, layers, parameters }) => ({
    label: escapeIcons(label),
    description: `${escapeIcons(family)} · ${layers} layers · ${formatCount(parameters)} parameters`,
    detail: escapeIcons(source),
    source,
  }));
  items.push({
    label: '$(cloud-download) Another model of the Hugging Face hub…',
    detail: 'one that was downloaded before: a config follows from its shapes',
    source: undefined,
  });
  const chosen = await window.showQuickPick(items, {
    title: 'New Hybrid Config',
    placeHolder: 'Which models? Two or more make a hybrid.',
    canPickMany: true,
    matchOnDescription: true,
    matchOnDetail: true,
  });
  if (chosen === undefined || chosen.length === 0) return undefined;
  const sources = chosen.flatMap(({ source }) => (source === undefined ? [] : [source]));
  if (sources.length === chosen.length) return sources;
  const typed = await askHubModel('New Hybrid Config', 'EleutherAI/pythia-160m');
  return typed === undefined ? undefined : [...sources, typed];
}

/** A new file with a free name in the workspace; elsewhere an unsaved document, for the user to put where it belongs. */
async function openAsNew(folder: Uri, text: string): Promise<void> {
  const file = await freePath(folder, 'hybrid', '.manticore.yaml');
  const inWorkspace = workspace.getWorkspaceFolder(file) !== undefined;
  if (!inWorkspace) {
    const document = await workspace.openTextDocument({ language: 'manticore', content: text });
    await window.showTextDocument(document);
    return;
  }
  const edit = new WorkspaceEdit();
  edit.createFile(file, { overwrite: false, contents: Buffer.from(text, 'utf8') });
  if ((await workspace.applyEdit(edit)) && (await exists(file))) {
    const editor = await window.showTextDocument(file);
    editor.revealRange(new Range(0, 0, 0, 0));
    return;
  }
  // A folder that can't be written to still gets its text, to be saved elsewhere.
  await window.showTextDocument(
    await workspace.openTextDocument({ language: 'manticore', content: text }),
  );
}
