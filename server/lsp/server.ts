/** The language server put together: a connection, the open configs, the features, the runs. */
import {
  createConnection,
  ProposedFeatures,
  type ClientCapabilities,
  type Connection,
  type InitializeParams,
} from 'vscode-languageserver/node';
import { z } from 'zod';
import type { ClientNotifications } from '../contract/editor';
import { capabilities } from './capabilities';
import { Checker } from './checker';
import type { LanguageContext } from './context';
import { DiskClient } from './disk/diskClient';
import { ConfigDocuments } from './documents';
import { registerEditorRequests } from './editorRequests';
import { registerCodeActions } from './features/codeActions';
import { registerCodeLenses } from './features/codeLenses';
import { registerCompletion } from './features/completion';
import { registerFormatting } from './features/formatting';
import { registerHover } from './features/hover';
import { registerInlayHints } from './features/inlayHints';
import { registerLinks } from './features/links';
import { registerNames } from './features/names';
import { registerOutline } from './features/outline';
import { registerSemanticTokens } from './features/semanticTokens';
import { Liveness } from './liveness';
import { registerRuns } from './runs/registerRuns';
import { runsHostOf } from './runsHost';
import { Settings } from './settings';
import { Watching } from './watching';
import { Workspace } from './workspace';

const TRUSTED: keyof ClientNotifications = 'manticore/trusted';

/** Without a word about trust there is none. */
const serverOptions = z.object({ trusted: z.boolean() }).catch({ trusted: false });

/** @param entry the bundle that this runs in */
export function startServer(entry: string): void {
  const connection = createConnection(ProposedFeatures.all);
  const failed = (doing: string, error: unknown) => {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    connection.console.error(`${doing}: ${what}`);
  };
  surviveBugs(failed);
  let client: ClientCapabilities = {};
  const workspace = new Workspace();
  const documents = new ConfigDocuments();
  const settings = new Settings(connection, () => client.workspace?.configuration === true);
  const disk = new DiskClient(entry, (message) => connection.console.warn(message));
  const checker = new Checker(connection, documents, workspace, disk, failed);
  const context: LanguageContext = {
    ...{ connection, documents, workspace, checker, settings, disk, failed },
    runs: registerRuns(
      connection,
      runsHostOf({ connection, documents, workspace, settings, checker }),
    ),
    client: () => client,
  };
  registerFeatures(context);
  const liveness = new Liveness(context);
  const watching = new Watching(context);

  connection.onInitialize((params) => {
    client = params.capabilities;
    workspace.setFolders(foldersOf(params));
    if (serverOptions.parse(params.initializationOptions).trusted) workspace.trust();
    return { capabilities, serverInfo: { name: 'manticore' } };
  });
  connection.onInitialized(() => {
    followFolders(connection, workspace, client);
    const canRegister = client.workspace?.didChangeConfiguration?.dynamicRegistration === true;
    settings.start(canRegister).catch((error: unknown) => failed('reading settings', error));
  });
  connection.onNotification(TRUSTED, () => workspace.trust());
  connection.onShutdown(async () => {
    liveness.dispose();
    watching.dispose();
    checker.dispose();
    disk.dispose();
    await context.runs.dispose();
  });
  documents.listen(connection);
  connection.listen();
}

function registerFeatures(context: LanguageContext): void {
  registerCompletion(context);
  registerHover(context);
  registerNames(context);
  registerOutline(context);
  registerFormatting(context);
  registerSemanticTokens(context);
  registerInlayHints(context);
  registerCodeActions(context);
  registerCodeLenses(context);
  registerLinks(context);
  registerEditorRequests(context);
}

function foldersOf({ workspaceFolders }: InitializeParams): readonly string[] {
  return (workspaceFolders ?? []).map(({ uri }) => uri);
}

function followFolders(
  connection: Connection,
  workspace: Workspace,
  client: ClientCapabilities,
): void {
  if (!client.workspace?.workspaceFolders) return;
  connection.workspace.onDidChangeWorkspaceFolders(async () => {
    const folders = await connection.workspace.getWorkspaceFolders();
    workspace.setFolders((folders ?? []).map(({ uri }) => uri));
  });
}

/** What a dead client leaves behind: nothing can be said to it any more. */
const GONE: ReadonlySet<string> = new Set([
  'EPIPE',
  'ERR_STREAM_DESTROYED',
  'ERR_IPC_CHANNEL_CLOSED',
]);

/** A bug is logged and costs one answer, not the server; without its client the server ends. */
function surviveBugs(failed: (doing: string, error: unknown) => void): void {
  const survive = (error: unknown) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (GONE.has(code)) process.exit(1);
    failed('internal error', error);
  };
  process.on('uncaughtException', survive);
  process.on('unhandledRejection', survive);
}
