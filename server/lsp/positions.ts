/** Offsets of the language ⇔ positions of the protocol; both count UTF-16 code units. */
import type { Range, TextEdit as ProtocolEdit } from 'vscode-languageserver';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import type { TextEdit, TextSpan } from '../contract/problem';

export function rangeOf(lines: TextDocument, span: TextSpan): Range {
  return { start: lines.positionAt(span.start), end: lines.positionAt(span.end) };
}

export function spanOf(lines: TextDocument, range: Range): TextSpan {
  const start = lines.offsetAt(range.start);
  return { start, end: Math.max(start, lines.offsetAt(range.end)) };
}

export function editOf(lines: TextDocument, edit: TextEdit): ProtocolEdit {
  return { range: rangeOf(lines, edit.span), newText: edit.text };
}

/** Whether two spans touch: an empty one does at its edges. */
export function touches(a: TextSpan, b: TextSpan): boolean {
  return a.start <= b.end && b.start <= a.end;
}
