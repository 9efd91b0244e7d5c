/** Documents of the open folder, and what the language server says of them, asked as VS Code asks. */
import assert from 'node:assert/strict';
import {
  Range,
  Uri,
  WorkspaceEdit,
  commands,
  languages,
  window,
  workspace,
  type Diagnostic,
  type Position,
  type TextDocument,
} from 'vscode';
import { eventually } from '../waiting';

export const extensionId = 'manticore.manticore';

/** A file of the open folder. */
export function inFolder(name: string): Uri {
  const folder = workspace.workspaceFolders?.[0];
  assert.ok(folder, 'a folder is open');
  return Uri.joinPath(folder.uri, name);
}

/** Opens a config, and shows it. */
export async function shown(uri: Uri): Promise<TextDocument> {
  const document = await workspace.openTextDocument(uri);
  await window.showTextDocument(document);
  return document;
}

/** Where `text` begins, which the document must hold. */
export function placeOf(document: TextDocument, text: string): Position {
  const at = document.getText().indexOf(text);
  assert.ok(at >= 0, `the document holds ${text}`);
  return document.positionAt(at);
}

/** Replaces text in the editor, as typing would. */
export async function replace(document: TextDocument, from: string, to: string): Promise<void> {
  const start = placeOf(document, from);
  const end = document.positionAt(document.offsetAt(start) + from.length);
  const edit = new WorkspaceEdit();
  edit.replace(document.uri, new Range(start, end), to);
  assert.ok(await workspace.applyEdit(edit), 'the edit is made');
}

/** The diagnostics of a document once they satisfy `wanted`. */
export async function diagnosticsWhen(
  uri: Uri,
  what: string,
  wanted: (diagnostics: readonly Diagnostic[]) => boolean,
): Promise<readonly Diagnostic[]> {
  return eventually(
    what,
    () => {
      const found = languages.getDiagnostics(uri).filter(({ source }) => source === 'manticore');
      return wanted(found) ? found : undefined;
    },
    { everyMs: 20 },
  );
}

/** A diagnostic's code, however it was sent. */
export function codeOf({ code }: Diagnostic): string {
  return String(typeof code === 'object' ? code.value : code);
}

/** What a provider command answers once it answers anything. */
export async function provided<T>(command: string, ...args: readonly unknown[]): Promise<T[]> {
  return eventually(
    command,
    async () => {
      const found = await commands.executeCommand<T[] | undefined>(command, ...args);
      return found !== undefined && found.length > 0 ? found : undefined;
    },
    { limitMs: 60_000 },
  );
}
