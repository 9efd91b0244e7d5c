/** Taking parts out of a mapping or list and putting others in, in the style in which it is written, comments kept. */
import { isMap, isSeq } from 'yaml';
import type { Node } from 'yaml';
import type { TextEdit, TextSpan } from '../../contract/problem';
import { lineEndOf, lineStartOf } from './caret';
import { spanOfNode, type Entry } from './entries';
import { eolOf } from './textEdits';

export interface EditedText {
  readonly text: string;
  readonly comments: readonly TextSpan[];
}

export interface Insertion {
  /** Place of the part that it follows; -1: before all. */
  readonly after: number;
  /** Without the dash of a list. */
  readonly text: string;
}

/** @param parts entries of the collection, all of them, in order; `undefined` where the style is one that isn't edited */
export function editCollection(
  whole: EditedText,
  node: Node,
  parts: readonly Entry[],
  removed: ReadonlySet<number>,
  insertions: readonly Insertion[],
): readonly TextEdit[] | undefined {
  if (!isMap(node) && !isSeq(node)) return undefined;
  return node.flow === true
    ? editFlow(whole, node, parts, removed, insertions)
    : editBlock(whole, parts, removed, insertions, isSeq(node));
}

function editFlow(
  whole: EditedText,
  node: Node,
  parts: readonly Entry[],
  removed: ReadonlySet<number>,
  insertions: readonly Insertion[],
): readonly TextEdit[] {
  const { text } = whole;
  const { start, end } = spanOfNode(node, text);
  const isKept = (index: number) => !removed.has(index);
  const kept = parts.flatMap((_, index) => (isKept(index) ? [index] : []));
  if (kept.length === 0) {
    const pad = isMap(node) && insertions.length > 0 ? ' ' : '';
    const content = insertions.map((insertion) => insertion.text).join(', ');
    const span = { start: start + 1, end: end - 1 };
    return [{ span, text: pad + content + keptComments(whole, span) + pad }];
  }
  const edits: TextEdit[] = [];
  for (let from = 0; from < parts.length; from++) {
    if (isKept(from)) continue;
    let to = from;
    while (to + 1 < parts.length && !isKept(to + 1)) to++;
    const next = parts[to + 1];
    const span = next
      ? { start: parts[from]!.span.start, end: next.span.start }
      : { start: parts[from - 1]!.span.end, end: parts[to]!.span.end };
    edits.push({ span, text: keptComments(whole, span) });
    from = to;
  }
  for (const { after, text: inserted } of insertions) {
    const before = kept.filter((index) => index <= after).at(-1);
    const at = before === undefined ? parts[kept[0]!]!.span.start : parts[before]!.span.end;
    edits.push({
      span: { start: at, end: at },
      text: before === undefined ? `${inserted}, ` : `, ${inserted}`,
    });
  }
  return edits;
}

/** Comments of a part of a flow collection that goes, each still in a line of its own. */
export function keptComments({ text, comments }: EditedText, span: TextSpan): string {
  const eol = eolOf(text);
  const indent = ' '.repeat(span.start - lineStartOf(text, span.start));
  return comments
    .filter(({ start, end }) => span.start <= start && end <= span.end)
    .map(({ start, end }) => ` ${text.slice(start, end)}${eol}${indent}`)
    .join('');
}

function editBlock(
  whole: EditedText,
  parts: readonly Entry[],
  removed: ReadonlySet<number>,
  insertions: readonly Insertion[],
  isList: boolean,
): readonly TextEdit[] | undefined {
  const { text } = whole;
  const eol = eolOf(text);
  const starts = parts.map(({ span }) => startInLine(text, span.start, isList));
  const [first] = starts;
  if (first === undefined || starts.includes(undefined)) return undefined;
  const indent = text.slice(lineStartOf(text, first), first);
  const mark = isList ? '- ' : '';
  const edits = [...removed].map((index) =>
    lineDeletion(whole, { start: starts[index]!, end: parts[index]!.span.end }),
  );
  const kept = parts.flatMap((_, index) => (removed.has(index) ? [] : [index]));
  for (const { after, text: inserted } of insertions) {
    const before = kept.filter((index) => index <= after).at(-1);
    const following = kept[0] ?? 0;
    const at =
      before === undefined
        ? lineStartOf(text, starts[following]!)
        : nextLine(text, parts[before]!.span.end);
    edits.push({ span: { start: at, end: at }, text: `${indent}${mark}${inserted}${eol}` });
  }
  return edits;
}

/** Where a part begins, its dash included; `undefined` unless only blanks stand before it in its line. */
function startInLine(text: string, offset: number, isList: boolean): number | undefined {
  const lineStart = lineStartOf(text, offset);
  const before = text.slice(lineStart, offset);
  const match = (isList ? /^( *)-[ \t]+$/ : /^( *)$/).exec(before);
  return match ? lineStart + match[1]!.length : undefined;
}

/** Takes whole lines away; a comment in them stays, in a line of its own. */
export function lineDeletion({ text, comments }: EditedText, span: TextSpan): TextEdit {
  const start = lineStartOf(text, span.start);
  const lineEnd = lineEndOf(text, span.end);
  const end = nextLine(text, span.end);
  const indent = text.slice(start, span.start);
  const eol = eolOf(text);
  const kept = comments
    .filter((comment) => span.start <= comment.start && comment.end <= lineEnd)
    .map((comment) => `${indent}${text.slice(comment.start, comment.end)}${eol}`);
  return { span: { start, end }, text: kept.join('') };
}

/** Where the line behind that of `offset` begins; the text's end in its last line. */
export function nextLine(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end < 0 ? text.length : end + 1;
}
