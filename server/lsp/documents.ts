/** The open configs, as the client edits them. */
import type { Connection, Disposable } from 'vscode-languageserver';
import { Emitter, TextDocuments } from 'vscode-languageserver';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { isConfig, pathOf } from './workspace';

/** A config as it stands in the editor. */
export interface ConfigText {
  readonly uri: string;
  readonly version: number;
  readonly text: string;
}

export class ConfigDocuments {
  private readonly all = new TextDocuments(TextDocument);
  private readonly changed = new Emitter<ConfigText>();
  private readonly closed = new Emitter<string>();
  private readonly opened = new Emitter<string>();

  constructor() {
    this.all.onDidOpen(({ document }) => {
      if (isOurs(document)) this.opened.fire(document.uri);
    });
    this.all.onDidChangeContent(({ document }) => {
      if (isOurs(document)) this.changed.fire(textOf(document));
    });
    this.all.onDidClose(({ document }) => {
      if (isOurs(document)) this.closed.fire(document.uri);
    });
  }

  listen(connection: Connection): Disposable {
    return this.all.listen(connection);
  }

  /** `undefined` when it isn't open, or no config. */
  get(uri: string): ConfigText | undefined {
    const document = this.all.get(uri);
    return document && isOurs(document) ? textOf(document) : undefined;
  }

  get uris(): readonly string[] {
    return this.all.keys().filter((uri) => this.get(uri) !== undefined);
  }

  /** Absolute paths of those that are files on this machine. */
  get paths(): readonly string[] {
    return this.uris.flatMap((uri) => pathOf(uri) ?? []);
  }

  onOpen(listener: (uri: string) => void): Disposable {
    return this.opened.event(listener);
  }

  /** Opened or edited. */
  onChange(listener: (text: ConfigText) => void): Disposable {
    return this.changed.event(listener);
  }

  onClose(listener: (uri: string) => void): Disposable {
    return this.closed.event(listener);
  }
}

const isOurs = ({ uri, languageId }: TextDocument) => isConfig(uri, languageId);

function textOf(document: TextDocument): ConfigText {
  return { uri: document.uri, version: document.version, text: document.getText() };
}
