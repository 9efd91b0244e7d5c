/** The real server (`dist/lsp.js`) over standard input and output, as an editor talks to it. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  createProtocolConnection,
  StreamMessageReader,
  StreamMessageWriter,
  type ClientCapabilities,
  type Diagnostic,
  type FileSystemWatcher,
  type InitializeResult,
  type ProtocolConnection,
  type RegistrationParams,
} from 'vscode-languageserver-protocol/node';
import type { ServerNotifications } from '../../server/contract/editor';
import { unmarkCaret } from './caret';
import { EditedDocument } from './editedDocument';

export const SERVER = path.resolve('dist/lsp.js');

/** Longest wait for what must come; only a failing test waits that long. */
const PATIENCE = 120_000;

export interface SessionOptions {
  /** Absolute paths of workspace folders. */
  readonly folders?: readonly string[];
  readonly trusted?: boolean;
  /** The section `manticore`. */
  readonly settings?: unknown;
  readonly environment?: Readonly<Record<string, string>>;
  readonly capabilities?: ClientCapabilities;
}

/** What VS Code says that it can do, as far as it matters here. */
export const editorCapabilities: ClientCapabilities = {
  workspace: {
    configuration: true,
    workspaceFolders: true,
    workspaceEdit: { documentChanges: true },
    didChangeConfiguration: { dynamicRegistration: true },
    didChangeWatchedFiles: { dynamicRegistration: true, relativePatternSupport: true },
    inlayHint: { refreshSupport: true },
    codeLens: { refreshSupport: true },
  },
  textDocument: {
    completion: { completionItem: { snippetSupport: true } },
    publishDiagnostics: { versionSupport: true },
    documentSymbol: { hierarchicalDocumentSymbolSupport: true },
  },
};

const OWN_NOTIFICATIONS: readonly (keyof ServerNotifications)[] = [
  'manticore/blockWeights',
  'manticore/runs',
  'manticore/runEvents',
  'manticore/jobProgress',
];

interface Waiting {
  readonly isMet: () => boolean;
  readonly resolve: () => void;
}

export class Session {
  readonly connection: ProtocolConnection;
  /** Of each document, what was last published. */
  readonly published = new Map<
    string,
    { version: number | undefined; diagnostics: Diagnostic[] }
  >();
  /** Times that diagnostics were published. */
  publications = 0;
  /** Errors that the server logged or wrote. */
  readonly errors: string[] = [];
  /** Notifications of the server beyond the protocol, by method. */
  readonly notified = new Map<string, unknown[]>();
  /** Requests of the server that ask for a refresh, by method. */
  readonly refreshed = new Map<string, number>();
  watchers: readonly FileSystemWatcher[] = [];
  settings: unknown;
  initialized!: InitializeResult;
  private readonly waiting = new Set<Waiting>();
  private nextDocument = 1;

  private constructor(
    readonly process: ChildProcessWithoutNullStreams,
    readonly options: SessionOptions,
  ) {
    this.settings = options.settings;
    this.connection = createProtocolConnection(
      new StreamMessageReader(process.stdout),
      new StreamMessageWriter(process.stdin),
    );
  }

  static async start(options: SessionOptions = {}): Promise<Session> {
    const child = spawn(process.execPath, [SERVER, '--stdio'], {
      env: { ...process.env, ...options.environment },
    });
    const session = new Session(child, options);
    session.listen();
    const folders = options.folders ?? [];
    session.initialized = await session.connection.sendRequest('initialize', {
      processId: process.pid,
      rootUri: null,
      capabilities: options.capabilities ?? editorCapabilities,
      workspaceFolders: folders.map((folder) => ({
        uri: pathToFileURL(folder).href,
        name: path.basename(folder),
      })),
      initializationOptions: { trusted: options.trusted ?? true },
    });
    await session.connection.sendNotification('initialized', {});
    return session;
  }

  private listen(): void {
    const { connection, process: server } = this;
    server.stderr.on('data', (data: Buffer) => this.errors.push(data.toString()));
    connection.onNotification('textDocument/publishDiagnostics', (params) => {
      const { uri, version, diagnostics } = params as {
        uri: string;
        version?: number;
        diagnostics: Diagnostic[];
      };
      this.publications++;
      this.published.set(uri, { version, diagnostics });
      this.wake();
    });
    connection.onNotification('window/logMessage', (params) => {
      const { type, message } = params as { type: number; message: string };
      if (type === 1) this.errors.push(message);
    });
    for (const method of OWN_NOTIFICATIONS) {
      connection.onNotification(method, (params: unknown) => {
        this.notified.set(method, [...(this.notified.get(method) ?? []), params]);
        this.wake();
      });
    }
    connection.onRequest('workspace/configuration', () => [this.settings ?? null]);
    connection.onRequest('client/registerCapability', ({ registrations }: RegistrationParams) => {
      for (const { method, registerOptions } of registrations) {
        if (method !== 'workspace/didChangeWatchedFiles') continue;
        this.watchers = (registerOptions as { watchers: FileSystemWatcher[] }).watchers;
      }
      this.wake();
      return null;
    });
    connection.onRequest('client/unregisterCapability', () => null);
    for (const method of ['workspace/inlayHint/refresh', 'workspace/codeLens/refresh']) {
      connection.onRequest(method, () => {
        this.refreshed.set(method, (this.refreshed.get(method) ?? 0) + 1);
        this.wake();
        return null;
      });
    }
    connection.listen();
  }

  private wake(): void {
    for (const waiting of [...this.waiting]) {
      if (!waiting.isMet()) continue;
      this.waiting.delete(waiting);
      waiting.resolve();
    }
  }

  /** Resolves once what the server sent meets the condition. */
  async until(isMet: () => boolean, what: () => string): Promise<void> {
    if (isMet()) return;
    await new Promise<void>((resolve, reject) => {
      const waiting = {
        isMet,
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      const timer = setTimeout(() => {
        this.waiting.delete(waiting);
        const errors = this.errors.join('\n');
        reject(new Error(`The server never sent ${what()}\n${errors}`));
      }, PATIENCE);
      this.waiting.add(waiting);
    });
  }

  /** Opens a text; a `|` in it is the caret. */
  async open(
    marked: string,
    where: { readonly uri?: string; readonly file?: string } = {},
  ): Promise<EditedDocument> {
    const { text, caret } = unmarkCaret(marked);
    const folder = this.options.folders?.[0];
    const name = `config${this.nextDocument++}.manticore.yaml`;
    const file =
      where.file ?? (folder === undefined ? `/nowhere/${name}` : path.join(folder, name));
    const uri = where.uri ?? pathToFileURL(file).href;
    const document = new EditedDocument(this, uri, text, caret);
    await this.connection.sendNotification('textDocument/didOpen', {
      textDocument: { uri, languageId: 'manticore', version: 1, text },
    });
    return document;
  }

  /** Tells the server that files changed on disk. */
  async filesChanged(...files: readonly string[]): Promise<void> {
    await this.connection.sendNotification('workspace/didChangeWatchedFiles', {
      changes: files.map((file) => ({ uri: pathToFileURL(file).href, type: 2 })),
    });
  }

  async changeSettings(settings: unknown): Promise<void> {
    this.settings = settings;
    await this.connection.sendNotification('workspace/didChangeConfiguration', { settings: null });
  }

  /** Ends the server, and checks that it never failed. */
  async close(): Promise<void> {
    const exited = this.process.exitCode === null ? once(this.process, 'exit') : undefined;
    await this.connection.sendRequest('shutdown');
    await this.connection.sendNotification('exit');
    await exited;
    this.connection.dispose();
    assert.deepEqual(this.errors, []);
    assert.equal(this.process.exitCode, 0);
  }

  /** For when a test failed: only this process. */
  kill(): void {
    this.process.kill('SIGKILL');
  }
}
