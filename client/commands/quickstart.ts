/** Open Quickstart: the packaged example laid into a folder of the user's, where it can run and be changed. */
import { homedir } from 'node:os';
import { sep } from 'node:path';
import {
  Uri,
  commands,
  window,
  workspace,
  type ExtensionContext,
  type QuickPickItem,
} from 'vscode';
import type { Extension } from '../extension';
import { escapeIcons, messageText } from '../text/escape';
import { exists, freePath } from './files';

const folderName = 'manticore-quickstart';
const configName = 'quickstart.manticore.yaml';
/** What the quickstart is made of, in the extension's `examples`. */
const parts = [configName, 'models', 'data'];

interface Target {
  readonly folder: Uri;
  /** It lies there already, and is only opened. */
  readonly present: boolean;
}

const pendingKey = 'quickstart.opened';

export async function openQuickstart(extension: Extension): Promise<void> {
  const target = await chooseTarget();
  if (target === undefined) return;
  if (!target.present && !(await lay(extension.context.extensionUri, target.folder))) return;
  const config = Uri.joinPath(target.folder, configName);
  if (workspace.getWorkspaceFolder(config) !== undefined) {
    await window.showTextDocument(config);
    return;
  }
  await openElsewhere(extension.context, target.folder, config);
}

/** Where it goes; `present` where it lies there already and is only opened. */
async function chooseTarget(): Promise<Target | undefined> {
  const home = Uri.file(homedir());
  const local = (workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
  type Choice = QuickPickItem & { folder: Uri | undefined };
  const items: Choice[] = [
    ...(await Promise.all(
      local.map(async ({ name, uri }) =>
        choice(`$(root-folder) In ${escapeIcons(name)}`, await folderIn(uri)),
      ),
    )),
    choice('$(home) In your home folder', Uri.joinPath(home, folderName)),
    { label: '$(folder-opened) In another folder…', folder: undefined },
  ];
  const chosen = await window.showQuickPick(items, {
    title: 'Open Quickstart',
    placeHolder: 'Where should the config, its two tiny models and its text go?',
    matchOnDescription: true,
  });
  if (chosen === undefined) return undefined;
  const folder = chosen.folder ?? (await askFolder(local[0]?.uri ?? home));
  if (folder === undefined) return undefined;
  return (await isFree(folder)) ? { folder, present: false } : whenPresent(folder);
}

const choice = (label: string, folder: Uri) => ({
  label,
  description: escapeIcons(folder.fsPath + sep),
  folder,
});

/** An empty folder itself, or one that has the quickstart already; else a new one in it. */
async function folderIn(parent: Uri): Promise<Uri> {
  const itself = (await isFree(parent)) || (await exists(Uri.joinPath(parent, configName)));
  return itself ? parent : Uri.joinPath(parent, folderName);
}

/** Not there, or a folder with nothing in it. */
async function isFree(folder: Uri): Promise<boolean> {
  if (!(await exists(folder))) return true;
  try {
    return (await workspace.fs.readDirectory(folder)).length === 0;
  } catch {
    // A file, or a folder that can't be looked into: something is there.
    return false;
  }
}

async function askFolder(defaultUri: Uri): Promise<Uri | undefined> {
  const chosen = await window.showOpenDialog({
    title: 'Folder for the quickstart',
    openLabel: 'Put It Here',
    canSelectFiles: false,
    canSelectFolders: true,
    defaultUri,
  });
  return chosen?.[0] && folderIn(chosen[0]);
}

async function whenPresent(folder: Uri): Promise<Target | undefined> {
  const another = await freePath(Uri.joinPath(folder, '..'), folderName);
  const whole = await exists(Uri.joinPath(folder, configName));
  const items: (QuickPickItem & Target)[] = [
    ...(whole
      ? [{ label: '$(go-to-file) Open the one that is there', folder, present: true }]
      : []),
    { ...choice('$(new-folder) Make another', another), present: false },
  ];
  return window.showQuickPick(items, {
    title: 'Open Quickstart',
    placeHolder: `${folder.fsPath} is there already. Nothing is written over.`,
  });
}

/** Copies the example; answers whether it is whole. */
async function lay(extensionUri: Uri, folder: Uri): Promise<boolean> {
  const examples = Uri.joinPath(extensionUri, 'examples');
  try {
    await workspace.fs.createDirectory(folder);
    for (const part of parts) {
      await workspace.fs.copy(Uri.joinPath(examples, part), Uri.joinPath(folder, part), {
        overwrite: false,
      });
    }
    return true;
  } catch {
    // Read-only or full, as a rule; the file system's own words differ, the way out doesn't.
    await window.showErrorMessage(
      messageText(
        `The quickstart could not be written to ${folder.fsPath}. Choose a folder that you can write to.`,
        800,
      ),
    );
    return false;
  }
}

/** Its folder becomes the window's, or another window's; the config is opened there. */
async function openElsewhere(context: ExtensionContext, folder: Uri, config: Uri): Promise<void> {
  const hasWorkspace = (workspace.workspaceFolders ?? []).length > 0;
  if (hasWorkspace) {
    await window.showTextDocument(config);
    const here = 'Open Folder';
    const beside = 'Open in New Window';
    const chosen = await window.showInformationMessage(
      messageText(`The quickstart lies in ${folder.fsPath}, outside this workspace.`, 800),
      here,
      beside,
    );
    if (chosen === undefined) return;
    await context.globalState.update(pendingKey, config.toString());
    await commands.executeCommand('vscode.openFolder', folder, {
      forceNewWindow: chosen === beside,
    });
    return;
  }
  await context.globalState.update(pendingKey, config.toString());
  await commands.executeCommand('vscode.openFolder', folder);
}

/** In the window that a quickstart was opened in: shows its config, once. */
export async function showPendingQuickstart(context: ExtensionContext): Promise<void> {
  const pending = context.globalState.get<unknown>(pendingKey);
  if (typeof pending !== 'string') return;
  const config = Uri.parse(pending, true);
  if (workspace.getWorkspaceFolder(config) === undefined) return;
  await context.globalState.update(pendingKey, undefined);
  if (await exists(config)) await window.showTextDocument(config);
}
