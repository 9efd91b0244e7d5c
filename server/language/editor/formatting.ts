/** Formatting. */
import type { TextEdit } from '../../contract/problem';
import { readDocument } from '../configDocument';
import { parseConfig } from '../parseConfig';
import { applied, merged } from './textEdits';

export function formatConfig(text: string): readonly TextEdit[] {
  const document = readDocument(text);
  if (document.problems.some(({ severity }) => severity === 'error')) return [];
  const edits: TextEdit[] = [];
  for (const { index, 0: blanks } of text.matchAll(/[ \t]+(?=\r?\n|$)/g)) {
    edits.push({ span: { start: index, end: index + blanks.length }, text: '' });
  }
  const found = merged(edits);
  const after = parseConfig(applied(text, found));
  const same = JSON.stringify(after.document.data) === JSON.stringify(document.data);
  return same ? found : [];
}
