/** Edits of a text, and the comments that none of them may lose. */
import { CST, Lexer } from 'yaml';
import type { TextEdit, TextSpan } from '../../contract/problem';

/** In text order; neighbours become one edit, in which what is inserted stands first. */
export function merged(edits: readonly TextEdit[]): readonly TextEdit[] {
  const sorted = edits
    .filter(({ span, text }) => span.end > span.start || text !== '')
    .sort((a, b) => a.span.start - b.span.start || a.span.end - b.span.end);
  const result: TextEdit[] = [];
  for (const edit of sorted) {
    const last = result.at(-1);
    if (last && edit.span.start <= last.span.end) {
      const end = Math.max(last.span.end, edit.span.end);
      result[result.length - 1] = {
        span: { start: last.span.start, end },
        text: last.text + edit.text,
      };
    } else {
      result.push(edit);
    }
  }
  return result;
}

/** @param edits as `merged` gives them */
export function applied(text: string, edits: readonly TextEdit[]): string {
  const pieces: string[] = [];
  let at = 0;
  for (const { span, text: piece } of edits) {
    pieces.push(text.slice(at, span.start), piece);
    at = span.end;
  }
  pieces.push(text.slice(at));
  return pieces.join('');
}

/** The one edit that turns `before` into `after`, as short as it can be; none where they are the same. */
export function difference(before: string, after: string): readonly TextEdit[] {
  if (before === after) return [];
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) start++;
  let same = 0;
  while (
    same < most - start &&
    before[before.length - 1 - same] === after[after.length - 1 - same]
  ) {
    same++;
  }
  const span = { start, end: before.length - same };
  return [{ span, text: after.slice(start, after.length - same) }];
}

/** Where comments stand, from `#` to the end of their line. */
export function commentSpans(text: string): readonly TextSpan[] {
  const found: TextSpan[] = [];
  let start = 0;
  let scalarNext = false;
  for (const token of new Lexer().lex(text)) {
    if (scalarNext) {
      scalarNext = false;
    } else if (token === CST.SCALAR) {
      scalarNext = true;
      continue;
    } else {
      const type = CST.tokenType(token);
      if (type === 'doc-mode' || type === 'flow-error-end') continue;
      if (type === 'comment') found.push({ start, end: start + token.length });
    }
    start += token.length;
  }
  return found;
}

export function eolOf(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}
