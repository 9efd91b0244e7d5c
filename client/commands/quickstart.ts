/** Open Quickstart: the packaged example laid into a folder of the user's, where it can run and be changed. */
import { homedir } from 'node:os';
import {
  Uri,
  commands,
  window,
  workspace,
  type ExtensionContext,
  type QuickPickItem,
} from 'vscode';
import type { Extension } from '../extension';
import { exists, freePath } from './files';

const folderName = 'manticore-quickstart';
const configName = 'quickstart.manticore.yaml';
/** What the quickstart is made of, in the extension's `examples`. */
const parts = [configName, 'models', 'data'];
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
async function chooseTarget(): Promise<
  { readonly folder: Uri; readonly present: boolean } | undefined
> {
  const home = Uri.file(homedir());
  const local = (workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
  type Choice = QuickPickItem & { parent: Uri | undefined };
  const items: Choice[] = [
    ...local.map(({ name, uri }) => ({
      label: `$(root-folder) In ${name}`,
      description: Uri.joinPath(uri, folderName).fsPath,
      parent: uri,
    })),
    {
      label: '$(home) In your home folder',
      description: Uri.joinPath(home, folderName).fsPath,
      parent: home,
    },
    { label: '$(folder-opened) In another folder…', parent: undefined },
  ];
  const chosen = await window.showQuickPick(items, {
    title: 'Open Quickstart',
    placeHolder: 'Where should the config, its two tiny models and its text go?',
  });
  if (chosen === undefined) return undefined;
  const parent = chosen.parent ?? (await askParent(local[0]?.uri ?? home));
  if (parent === undefined) return undefined;
  const folder = Uri.joinPath(parent, folderName);
  if (!(await exists(folder))) return { folder, present: false };
  return whenPresent(parent, folder);
}

async function askParent(defaultUri: Uri): Promise<Uri | undefined> {
  const chosen = await window.showOpenDialog({
    title: 'Folder for the quickstart',
    openLabel: 'Put It Here',
    canSelectFiles: false,
    canSelectFolders: true,
    defaultUri,
  });
  return chosen?.[0];
}

async function whenPresent(
  parent: Uri,
  folder: Uri,
): Promise<{ readonly folder: Uri; readonly present: boolean } | undefined> {
  const another = await freePath(parent, folderName);
  const whole = await exists(Uri.joinPath(folder, configName));
  type Choice = QuickPickItem & { folder: Uri; present: boolean };
  const items: Choice[] = [
    ...(whole
      ? [{ label: '$(go-to-file) Open the one that is there', folder, present: true }]
      : []),
    {
      label: '$(new-folder) Make another',
      description: another.fsPath,
      folder: another,
      present: false,
    },
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
      `The quickstart could not be written to ${folder.fsPath}. Choose a folder that you can write to.`,
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
      `The quickstart lies in ${folder.fsPath}, outside this workspace.`,
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
