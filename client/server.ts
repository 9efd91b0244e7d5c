/** The language server's process and what is said to it: started once, restarted by the library when it crashes. */
import {
  EventEmitter,
  workspace,
  type CancellationToken,
  type Event,
  type LogOutputChannel,
} from 'vscode';
import {
  LanguageClient,
  State,
  TransportKind,
  type DocumentSelector,
  type LanguageClientOptions,
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

export class ServerConnection implements Disposable {
  private readonly client: LanguageClient;
  private readonly owned = new DisposableList();
  private readonly emitters = new Map<keyof ServerNotifications, EventEmitter<never>>();
  private readonly started = this.owned.add(new EventEmitter<void>());
  private readonly stateChanged = this.owned.add(
    new EventEmitter<'starting' | 'running' | 'stopped'>(),
  );

  /** The server listens, for the first time or again after a crash or restart: what was watched must be asked for anew. */
  readonly onDidStart: Event<void> = this.started.event;
  readonly onDidChangeState: Event<'starting' | 'running' | 'stopped'> = this.stateChanged.event;

  constructor(
    serverModule: string,
    private readonly log: LogOutputChannel,
  ) {
    const options: LanguageClientOptions = {
      documentSelector: documentSelector(),
      outputChannel: log,
      // A function: a server that starts again after trust was granted must know.
      initializationOptions: (): ServerOptions => ({ trusted: workspace.isTrusted }),
      // Six starts in a row, then it stays down until "Restart Language Server".
      connectionOptions: { maxRestartCount: 5 },
      diagnosticCollectionName: 'manticore',
    };
    const node = {
      module: serverModule,
      transport: TransportKind.ipc,
      // Each check leaves garbage, of which the defaults would keep tens of megabytes while nobody types.
      options: { execArgv: ['--max-semi-space-size=2', '--heap-growing-percent=50'] },
    };
    this.client = new LanguageClient(
      'manticore',
      'Manticore',
      { run: node, debug: { ...node, options: { execArgv: ['--nolazy', '--inspect=0'] } } },
      options,
    );
    this.owned.add(this.client.onDidChangeState(({ newState }) => this.stateIs(newState)));
    this.owned.add(
      workspace.onDidGrantWorkspaceTrust(() => this.notify('manticore/trusted', null)),
    );
  }

  /** Begins to start the server; nobody waits for it. */
  start(): void {
    this.client.start().catch((error: unknown) => {
      this.log.error('The language server did not start.', String(error));
    });
  }

  /** Ends the server and starts it again. Searches go on: they are processes of their own. */
  async restart(): Promise<void> {
    if (this.client.needsStop()) await this.client.restart();
    else await this.client.start();
  }

  /** @throws what the server threw (a bug), a cancellation, or that the server is gone. */
  async request<M extends keyof EditorRequests>(
    method: M,
    params: EditorRequests[M][0],
    token?: CancellationToken,
  ): Promise<EditorRequests[M][1]> {
    return token === undefined
      ? this.client.sendRequest<EditorRequests[M][1]>(method, params)
      : this.client.sendRequest<EditorRequests[M][1]>(method, params, token);
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
      this.owned.add(
        this.client.onNotification(method, (params: ServerNotifications[M]) =>
          created.fire(params),
        ),
      );
      emitter = created;
    }
    return emitter.event(listener);
  }

  private notify<M extends keyof ClientNotifications>(
    method: M,
    params: ClientNotifications[M],
  ): void {
    if (!this.client.isRunning()) return;
    this.client.sendNotification(method, params).catch((error: unknown) => {
      this.log.warn(`${method} was not sent: ${String(error)}`);
    });
  }

  private stateIs(state: State): void {
    switch (state) {
      case State.Starting:
        this.stateChanged.fire('starting');
        return;
      case State.Running:
        this.log.info('The language server listens.');
        // Trust that was granted while it started.
        if (workspace.isTrusted) this.notify('manticore/trusted', null);
        this.stateChanged.fire('running');
        this.started.fire();
        return;
      case State.Stopped:
      case State.StartFailed:
        this.stateChanged.fire('stopped');
        return;
    }
  }

  /** Resolves when the server has ended. */
  async stop(): Promise<void> {
    this.owned.dispose();
    await this.client.dispose();
  }

  dispose(): void {
    this.stop().catch((error: unknown) => {
      this.log.warn(`The language server did not end by itself: ${String(error)}`);
    });
  }
}
