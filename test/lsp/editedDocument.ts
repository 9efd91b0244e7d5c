/** A config open in the server, as an editor keeps it. */
import assert from 'node:assert/strict';
import { TextDocument } from 'vscode-languageserver-textdocument';
import type {
  Diagnostic,
  Position,
  Range,
  TextDocumentContentChangeEvent,
  TextEdit,
} from 'vscode-languageserver-protocol';
import type { Session } from './session';

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
