/** The real server (`dist/lsp.js`) over standard input and output, as an editor talks to it. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { TextDocument } from 'vscode-languageserver-textdocument';
import {
  createProtocolConnection,
  StreamMessageReader,
  StreamMessageWriter,
  type ClientCapabilities,
  type Diagnostic,
  type FileSystemWatcher,
  type InitializeResult,
  type Position,
  type ProtocolConnection,
  type Range,
  type RegistrationParams,
  type TextDocumentContentChangeEvent,
  type TextEdit,
} from 'vscode-languageserver-protocol/node';
import type { ServerNotifications } from '../../server/contract/editor';
import { unmarkCaret } from './caret';

export const SERVER = path.resolve('dist/lsp.js');

/** Longest wait for what must come; only a failing test waits that long. */
const PATIENCE = 30_000;

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

export class EditedDocument {
  version = 1;

  constructor(
    private readonly session: Session,
    readonly uri: string,
    public text: string,
    readonly caret: number | undefined,
  ) {}

  private get lines(): TextDocument {
    return TextDocument.create(this.uri, 'manticore', this.version, this.text);
  }

  get position(): Position {
    assert.ok(this.caret !== undefined, 'mark the caret in the text');
    return this.positionAt(this.caret);
  }

  get textDocument(): { readonly uri: string } {
    return { uri: this.uri };
  }

  positionAt(offset: number): Position {
    return this.lines.positionAt(offset);
  }

  /** The text that a range covers. */
  at(range: Range): string {
    return this.lines.getText(range);
  }

  /** The range of a piece of text, at its first place. */
  rangeOf(piece: string): Range {
    const start = this.text.indexOf(piece);
    assert.ok(start >= 0, `${piece} is not in the text`);
    return { start: this.positionAt(start), end: this.positionAt(start + piece.length) };
  }

  /** A request about this document, at the caret where it has one. */
  async request<T>(method: string, params: object = {}): Promise<T> {
    const position = this.caret === undefined ? {} : { position: this.position };
    return this.session.connection.sendRequest(method, {
      textDocument: this.textDocument,
      ...position,
      ...params,
    });
  }

  /** Sends edits one after the other, as one change; each is meant for the text that the one before it left. */
  async change(edits: readonly { readonly range: Range; readonly text: string }[]): Promise<void> {
    const contentChanges: TextDocumentContentChangeEvent[] = [];
    for (const { range, text } of edits) {
      contentChanges.push({ range, text });
      this.text = TextDocument.applyEdits(this.lines, [{ range, newText: text }]);
    }
    this.version++;
    await this.session.connection.sendNotification('textDocument/didChange', {
      textDocument: { uri: this.uri, version: this.version },
      contentChanges,
    });
  }

  /** Replaces a piece of the text. */
  async replace(piece: string, text: string): Promise<void> {
    await this.change([{ range: this.rangeOf(piece), text }]);
  }

  async close(): Promise<void> {
    await this.session.connection.sendNotification('textDocument/didClose', {
      textDocument: this.textDocument,
    });
  }

  /** The text after edits that the server made for it. */
  applied(edits: readonly TextEdit[]): string {
    return TextDocument.applyEdits(this.lines, [...edits]);
  }

  /** What is published for the text as it is, `undefined` before that. */
  get diagnostics(): readonly Diagnostic[] | undefined {
    const published = this.session.published.get(this.uri);
    return published?.version === this.version ? published.diagnostics : undefined;
  }

  /** Diagnostics of the text as it is, once they meet a condition. */
  async diagnosticsWhere(
    isMet: (diagnostics: readonly Diagnostic[]) => boolean,
  ): Promise<readonly Diagnostic[]> {
    await this.session.until(
      () => this.diagnostics !== undefined && isMet(this.diagnostics),
      () => `such diagnostics for version ${this.version}; the last: ${this.shown()}`,
    );
    return this.diagnostics!;
  }

  /** Waits until exactly these codes are published, in the order of the text. */
  async expectCodes(...codes: readonly string[]): Promise<readonly Diagnostic[]> {
    return this.diagnosticsWhere(
      (diagnostics) =>
        JSON.stringify(diagnostics.map(({ code }) => code)) === JSON.stringify(codes),
    );
  }

  private shown(): string {
    const published = this.session.published.get(this.uri);
    return JSON.stringify({ version: published?.version, diagnostics: published?.diagnostics });
  }
}
