/** Edits of the language as the protocol's, tied to the version they were made for where the client can hold that. */
import type { WorkspaceEdit } from 'vscode-languageserver';
import type { TextEdit } from '../contract/problem';
import type { Snapshot } from './checker';
import type { LanguageContext } from './context';
import { editOf } from './positions';

export function workspaceEdit(
  context: LanguageContext,
  { uri, version, lines }: Snapshot,
  edits: readonly TextEdit[],
): WorkspaceEdit {
  const made = edits.map((edit) => editOf(lines, edit));
  return context.client().workspace?.workspaceEdit?.documentChanges
    ? { documentChanges: [{ textDocument: { uri, version }, edits: made }] }
    : { changes: { [uri]: made } };
}
