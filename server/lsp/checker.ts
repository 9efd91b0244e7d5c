/**
 * Checks open configs as they change. A text is checked once for all who ask: diagnostics, hovers, hints. What a slow
 * disk hasn't told yet is left out at first, and the config is checked again when it comes.
 */
import type { Connection, Disposable } from 'vscode-languageserver';
import { Emitter } from 'vscode-languageserver';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { checkConfig, type CheckedConfig } from '../language/checkConfig';
import type { ModelReader } from '../models/modelReader';
import { diagnosticOf } from './diagnostics';
import type { DiskClient } from './disk/diskClient';
import { directReader, refusingReader, silentReader, withoutHub } from './disk/diskReader';
import { HeaderMemory, type HeaderSession } from './disk/headerMemory';
import type { ConfigDocuments } from './documents';
import type { Place } from './watching';
import type { ConfigPlace, Workspace } from './workspace';

/** Milliseconds from a change to its check, in which further changes join. */
export const DEBOUNCE = 10;
/** Milliseconds that a check waits for answers of the disk that were never had. */
const PATIENCE = 20;

/** A config checked as it stood at one version. */
export interface Snapshot {
  readonly uri: string;
  readonly version: number;
  readonly place: ConfigPlace;
  /** Of the checked text; never changes. */
  readonly lines: TextDocument;
  readonly checked: CheckedConfig;
}

/** What is kept of an open config. */
interface Checked {
  /** The latest check, of `version`. */
  version: number;
  snapshot: Promise<Snapshot> | undefined;
  /** What that check asked of the disk. */
  session: HeaderSession | undefined;
  timer: NodeJS.Timeout | undefined;
  /** What the client was last sent, and by which of the checks. */
  published: string | undefined;
  publishedBy: number;
}

export class Checker {
  private readonly configs = new Map<string, Checked>();
  private readonly memory: HeaderMemory;
  private readonly checkedEmitter = new Emitter<Snapshot>();
  private checks = 0;

  constructor(
    private readonly connection: Connection,
    private readonly documents: ConfigDocuments,
    private readonly workspace: Workspace,
    private readonly disk: DiskClient,
    private readonly failed: (doing: string, error: unknown) => void,
  ) {
    this.memory = new HeaderMemory(
      disk,
      (question) => this.askAgain(question),
      (question) => [...this.configs.values()].some(({ session }) => session?.asked.has(question)),
    );
    documents.onChange((document) => this.schedule(document.uri, DEBOUNCE));
    documents.onClose((uri) => this.forget(uri));
    workspace.onTrusted(() => this.checkAll());
    workspace.onFolders(() => this.checkAll());
  }

  /** Called after diagnostics of a config were sent. */
  onChecked(listener: (snapshot: Snapshot) => void): Disposable {
    return this.checkedEmitter.event(listener);
  }

  /** An open config checked as it stands now, with what is known of the disk; `undefined` when it isn't open. */
  async snapshot(uri: string): Promise<Snapshot | undefined> {
    const document = this.documents.get(uri);
    if (!document) return undefined;
    const kept = this.keptOf(uri);
    if (kept.snapshot && kept.version === document.version) return kept.snapshot;
    kept.version = document.version;
    const place = this.workspace.placeOf(uri);
    const snapshot = this.check(document, place, this.typingReader(kept, place));
    kept.snapshot = snapshot;
    snapshot.catch(() => {
      if (kept.snapshot === snapshot) kept.snapshot = undefined;
    });
    return snapshot;
  }

  /** The disk as it is, for a config at this place. */
  readerFor(place: ConfigPlace): ModelReader {
    return guarded(place, () => directReader(this.disk, place.within));
  }

  /** The disk has changed: what configs ask of it is looked up again. */
  refresh(): void {
    this.memory.refresh();
  }

  /** Files and folders that open configs ask about. */
  places(): readonly Place[] {
    return [...this.configs.values()].flatMap(({ session }) => session?.places() ?? []);
  }

  dispose(): void {
    for (const uri of [...this.configs.keys()]) this.forget(uri);
  }

  private keptOf(uri: string): Checked {
    const known = this.configs.get(uri);
    if (known) return known;
    const kept: Checked = {
      version: -1,
      snapshot: undefined,
      session: undefined,
      timer: undefined,
      published: undefined,
      publishedBy: -1,
    };
    this.configs.set(uri, kept);
    return kept;
  }

  private typingReader(kept: Checked, place: ConfigPlace): ModelReader {
    kept.session = undefined;
    return guarded(place, () => {
      kept.session = this.memory.session({ within: place.within, patience: PATIENCE });
      return kept.session.reader;
    });
  }

  private async check(
    { uri, version, text }: { uri: string; version: number; text: string },
    place: ConfigPlace,
    reader: ModelReader,
  ): Promise<Snapshot> {
    const { name, base } = place;
    const checked = await checkConfig(text, { name, base, reader });
    const lines = TextDocument.create(uri, 'manticore', version, text);
    return { uri, version, place, lines, checked };
  }

  private askAgain(question: string): void {
    for (const [uri, kept] of this.configs) {
      if (kept.session?.asked.has(question)) this.checkAgain(uri, kept);
    }
  }

  private checkAll(): void {
    for (const [uri, kept] of this.configs) this.checkAgain(uri, kept);
  }

  private checkAgain(uri: string, kept: Checked): void {
    kept.snapshot = undefined;
    this.schedule(uri, DEBOUNCE);
  }

  /** Changes that follow join the one that is waiting, so that steady typing never puts off its check. */
  private schedule(uri: string, delay: number): void {
    const kept = this.keptOf(uri);
    kept.timer ??= setTimeout(() => {
      kept.timer = undefined;
      this.publish(uri).catch((error: unknown) => this.failed(`checking ${uri}`, error));
    }, delay);
  }

  private async publish(uri: string): Promise<void> {
    const kept = this.keptOf(uri);
    const number = this.checks++;
    const snapshot = await this.snapshot(uri);
    if (!snapshot || this.configs.get(uri) !== kept) return;
    // An edit since then has its own check; a later check of this text knew more.
    if (this.documents.get(uri)?.version !== snapshot.version || number < kept.publishedBy) return;
    kept.publishedBy = number;
    const { problems } = snapshot.checked;
    const diagnostics = problems.map((problem) => diagnosticOf(problem, snapshot.lines));
    const text = JSON.stringify([snapshot.version, diagnostics]);
    if (text !== kept.published) {
      kept.published = text;
      await this.connection.sendDiagnostics({ uri, version: snapshot.version, diagnostics });
    }
    this.checkedEmitter.fire(snapshot);
  }

  private forget(uri: string): void {
    const kept = this.configs.get(uri);
    if (!kept) return;
    clearTimeout(kept.timer);
    this.configs.delete(uri);
    void this.connection.sendDiagnostics({ uri, diagnostics: [] });
  }
}

/** The reader that a place may have. */
function guarded({ reads, within }: ConfigPlace, disk: () => ModelReader): ModelReader {
  switch (reads) {
    case 'nothing':
      return silentReader;
    case 'refused':
      return refusingReader;
    case 'disk':
      return within === undefined ? disk() : withoutHub(disk());
  }
}
