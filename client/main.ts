/** The extension host's entry: starts the language client without waiting for it, registers commands and views. */
import { Uri, window, workspace, type ExtensionContext } from 'vscode';
import { registerCommands } from './commands/register';
import { showPendingQuickstart } from './commands/quickstart';
import { ContextKeys } from './contextKeys';
import { BlockDecorations } from './decorations';
import { DisposableList } from './disposables';
import type { Extension } from './extension';
import { runPanelCommand, savePicture } from './panel/actions';
import { Panels } from './panel/panels';
import { Reports } from './reports';
import { tellEnds } from './runEnds';
import { RunProgressBars } from './runProgress';
import { RunList } from './runs/runList';
import { RunTree, sweepNode } from './runs/runTree';
import { ServerConnection } from './server';
import { StatusBar } from './statusBar';
import { TextDocuments } from './textDocuments';

const owned = new DisposableList();
let server: ServerConnection | undefined;

export function activate(context: ExtensionContext): void {
  const began = performance.now();
  const log = owned.add(window.createOutputChannel('Manticore', { log: true }));
  const { extensionUri } = context;
  server = new ServerConnection(Uri.joinPath(extensionUri, 'dist', 'lsp.js').fsPath, log);
  const runs = owned.add(new RunList(server, log));
  const connection = server;
  const icons = {
    light: Uri.joinPath(extensionUri, 'media', 'weights-light.svg'),
    dark: Uri.joinPath(extensionUri, 'media', 'weights-dark.svg'),
  };
  const panels = owned.add(
    new Panels({
      server,
      log,
      extensionUri,
      isTrusted: () => workspace.isTrusted,
      runCommand: (command, dir) =>
        logged(log, runPanelCommand({ server: connection, runs }, command, dir)),
      save: (request, dir) => logged(log, savePicture(request, dir)),
    }),
  );
  const tree = owned.add(new RunTree(runs));
  const view = owned.add(
    window.createTreeView('manticore.runs', { treeDataProvider: tree, showCollapseAll: true }),
  );
  const extension: Extension = {
    context,
    log,
    server,
    runs,
    panels,
    reports: owned.add(new Reports({ server, log, storage: context.globalStorageUri, icons })),
    texts: owned.add(new TextDocuments()),
    revealSweep: async (dir) => {
      const sweep = runs.findSweep(dir);
      if (sweep) await view.reveal(sweepNode(sweep), { select: true, focus: false, expand: true });
    },
  };
  owned.add(registerCommands(extension));
  owned.add(new StatusBar(runs, server));
  owned.add(new RunProgressBars(runs));
  owned.add(new ContextKeys(runs, log));
  owned.add(new BlockDecorations(server, extensionUri));
  owned.add(tellEnds(extension));
  // After activation: a process that starts takes longer than all of this.
  setImmediate(() => connection.start());
  logged(log, showPendingQuickstart(context));
  log.info(`Activated in ${(performance.now() - began).toFixed(0)} ms.`);
}

/** What nobody waits for must not fail unseen. */
function logged(log: Extension['log'], work: Promise<void>): void {
  work.catch((error: unknown) => {
    log.error(String(error));
    void window.showErrorMessage('Manticore could not do that. The log has the details.');
  });
}

/** Ends the language server, never a search: that is a process of its own. */
export async function deactivate(): Promise<void> {
  // The log last: what the server's end makes others say still finds it.
  await server?.stop();
  server = undefined;
  owned.dispose();
}
