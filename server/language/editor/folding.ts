/** What can be folded: mappings and lists over several lines, and comments of several lines. */
import type { TextSpan } from '../../contract/problem';
import type { CheckedConfig } from '../checkConfig';
import { entriesOf } from './entries';

export interface FoldingSpan {
  readonly span: TextSpan;
  readonly kind: 'region' | 'comment';
}

/** In the order of the text; each begins in the line that stays visible. */
export function foldingSpans(checked: CheckedConfig): readonly FoldingSpan[] {
  const { text } = checked.document;
  const regions = entriesOf(checked.document).flatMap(({ span, key, through }) =>
    key && !through && hasLineEnd(text, span) ? [{ span, kind: 'region' as const }] : [],
  );
  return [...regions, ...commentBlocks(text)].sort((a, b) => a.span.start - b.span.start);
}

const hasLineEnd = (text: string, { start, end }: TextSpan) =>
  /[\r\n]/.test(text.slice(start, end));

/** Runs of two or more lines that are nothing but comments. */
function commentBlocks(text: string): readonly FoldingSpan[] {
  const found: FoldingSpan[] = [];
  const block = /^[ \t]*#[^\r\n]*(?:(?:\r\n|\r|\n)[ \t]*#[^\r\n]*)+/gm;
  for (const { index, 0: lines } of text.matchAll(block)) {
    const indent = /^[ \t]*/.exec(lines)![0].length;
    found.push({ span: { start: index + indent, end: index + lines.length }, kind: 'comment' });
  }
  return found;
}
