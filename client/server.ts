/** The language server's process and what is said to it: started once, restarted by the library when it crashes. */
import {
  EventEmitter,
  workspace,
  type CancellationToken,
  type Event,
  type LogOutputChannel,
} from 'vscode';
import type * as languageClient from 'vscode-languageclient/node';
import type {
  DocumentSelector,
  LanguageClient,
  LanguageClientOptions,
} from 'vscode-languageclient/node';
import type {
  ClientNotifications,
  EditorRequests,
  ServerNotifications,
  ServerOptions,
} from '../server/contract/editor';
import { DisposableList, type Disposable } from './disposables';

/** Documents that the server sees: on disk, unsaved, and of the workspace's own file system. Not `git:` and its like. */
function documentSelector(): DocumentSelector {
  const schemes = new Set(['file', 'untitled']);
  for (const folder of workspace.workspaceFolders ?? []) schemes.add(folder.uri.scheme);
  return [...schemes].map((scheme) => ({ scheme, language: 'manticore' }));
}

type ClientLibrary = typeof languageClient;

export class ServerConnection implements Disposable {
  private client: LanguageClient | undefined;
  /** The same, for what may be asked before it is there. */
  private readonly made: Promise<LanguageClient>;
  private readonly owned = new DisposableList();
  private readonly emitters = new Map<keyof ServerNotifications, EventEmitter<never>>();
  private readonly started = this.owned.add(new EventEmitter<void>());
  private readonly stateChanged = this.owned.add(
    new EventEmitter<'starting' | 'running' | 'stopped'>(),
  );
  private make: (library: ClientLibrary) => void = () => undefined;

  /** The server listens, for the first time or again after a crash or restart: what was watched must be asked for anew. */
  readonly onDidStart: Event<void> = this.started.event;
  readonly onDidChangeState: Event<'starting' | 'running' | 'stopped'> = this.stateChanged.event;

  constructor(
    private readonly serverModule: string,
    private readonly log: LogOutputChannel,
  ) {
    this.made = new Promise((resolve) => {
      this.make = (library) => {
        this.client ??= this.clientOf(library);
        resolve(this.client);
      };
    });
    this.owned.add(
      workspace.onDidGrantWorkspaceTrust(() => this.notify('manticore/trusted', null)),
    );
  }

  private clientOf({
    LanguageClient: Client,
    State,
    TransportKind,
  }: ClientLibrary): LanguageClient {
    const options: LanguageClientOptions = {
      documentSelector: documentSelector(),
      outputChannel: this.log,
      // A function: a server that starts again after trust was granted must know.
      initializationOptions: (): ServerOptions => ({ trusted: workspace.isTrusted }),
      // Six starts in a row, then it stays down until "Restart Language Server".
      connectionOptions: { maxRestartCount: 5 },
      diagnosticCollectionName: 'manticore',
    };
    const node = {
      module: this.serverModule,
      transport: TransportKind.ipc,
      // Each check leaves garbage, of which the default would keep tens of megabytes while nobody types.
      options: { execArgv: ['--max-semi-space-size=2'] },
    };
    const client = new Client(
      'manticore',
      'Manticore',
      { run: node, debug: { ...node, options: { execArgv: ['--nolazy', '--inspect=0'] } } },
      options,
    );
    const names = new Map([
      [State.Starting, 'starting'],
      [State.Running, 'running'],
      [State.Stopped, 'stopped'],
      [State.StartFailed, 'stopped'],
    ] as const);
    this.owned.add(
      client.onDidChangeState(({ newState }) => this.stateIs(names.get(newState) ?? 'stopped')),
    );
    return client;
  }

  /** Begins to start the server; nobody waits for it. Its library is loaded now, and not while the editor activates. */
  start(): void {
    this.startClient().catch((error: unknown) => {
      this.log.error('The language server did not start.', String(error));
    });
  }

  private async startClient(): Promise<void> {
    this.make(await import('vscode-languageclient/node'));
    // Who listens already is registered before the server says its first word.
    await (await this.made).start();
  }

  /** Ends the server and starts it again. Searches go on: they are processes of their own. */
  async restart(): Promise<void> {
    if (this.client?.needsStop()) await this.client.restart();
    else await this.startClient();
  }

  /** @throws what the server threw (a bug), a cancellation, or that the server is gone. */
  async request<M extends keyof EditorRequests>(
    method: M,
    params: EditorRequests[M][0],
    token?: CancellationToken,
  ): Promise<EditorRequests[M][1]> {
    const client = await this.made;
    return token === undefined
      ? client.sendRequest<EditorRequests[M][1]>(method, params)
      : client.sendRequest<EditorRequests[M][1]>(method, params, token);
  }

  /** Any number of listeners: the library itself keeps one handler a method, so this hands on what that one gets. */
  onNotification<M extends keyof ServerNotifications>(
    method: M,
    listener: (params: ServerNotifications[M]) => void,
  ): Disposable {
    let emitter = this.emitters.get(method) as EventEmitter<ServerNotifications[M]> | undefined;
    if (emitter === undefined) {
      const created = this.owned.add(new EventEmitter<ServerNotifications[M]>());
      this.emitters.set(method, created as EventEmitter<never>);
      this.whenMade((client) =>
        this.owned.add(
          client.onNotification(method, (params: ServerNotifications[M]) => created.fire(params)),
        ),
      );
      emitter = created;
    }
    return emitter.event(listener);
  }

  private whenMade(act: (client: LanguageClient) => void): void {
    this.made.then(act).catch((error: unknown) => this.log.error(String(error)));
  }

  private notify<M extends keyof ClientNotifications>(
    method: M,
    params: ClientNotifications[M],
  ): void {
    if (!this.client?.isRunning()) return;
    this.client.sendNotification(method, params).catch((error: unknown) => {
      this.log.warn(`${method} was not sent: ${String(error)}`);
    });
  }

  private stateIs(state: 'starting' | 'running' | 'stopped'): void {
    if (state === 'running') {
      this.log.info('The language server listens.');
      // Trust that was granted while it started.
      if (workspace.isTrusted) this.notify('manticore/trusted', null);
    }
    this.stateChanged.fire(state);
    if (state === 'running') this.started.fire();
  }

  /** Resolves when the server has ended. */
  async stop(): Promise<void> {
    this.owned.dispose();
    await this.client?.dispose();
  }

  dispose(): void {
    this.stop().catch((error: unknown) => {
      this.log.warn(`The language server did not end by itself: ${String(error)}`);
    });
  }
}
