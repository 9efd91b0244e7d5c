/**
 * Formatting: two spaces a level, one space behind colons, commas and dashes, none at the ends of lines. Words, their order
 * and style, comments and blank lines stay; only blanks between them change.
 */
import { Parser } from 'yaml';
import type { TextEdit } from '../../contract/problem';
import { parseConfig, type ParsedConfig } from '../parseConfig';
import { applied, commentSpans, eolOf, merged } from './textEdits';
import { LayoutReader, type Layout } from './layout';

/**
 * Small edits in text order; none for text that is no YAML. Formatting twice changes nothing more, and never what a check
 * finds.
 */
export function formatConfig(text: string): readonly TextEdit[] {
  const before = parseConfig(text);
  if (!isWhole(before)) return [];
  const reader = new LayoutReader(text);
  for (const token of new Parser().parse(text)) reader.token(token);
  const edits = merged([
    ...lineEdits(text, reader.layout),
    ...reader.layout.gaps,
    ...atEnd(text, reader.layout),
  ]);
  return edits.length > 0 && saysTheSame(before, parseConfig(applied(text, edits))) ? edits : [];
}

function isWhole({ document: { yaml, problems } }: ParsedConfig): boolean {
  return yaml !== undefined && yaml.errors.length === 0 && !problems.some(isOfSyntax);
}

const isOfSyntax = ({ code }: { readonly code: string }) =>
  ['yaml-syntax', 'tab-indent', 'several-documents'].includes(code);

/** Whether both texts hold the same data, comments and problems. */
function saysTheSame(before: ParsedConfig, after: ParsedConfig): boolean {
  const codes = ({ problems }: ParsedConfig) => problems.map(({ code }) => code).join();
  const comments = ({ document: { text } }: ParsedConfig) =>
    commentSpans(text).map(({ start, end }) => text.slice(start, end).trimEnd());
  return (
    codes(before) === codes(after) &&
    JSON.stringify(before.document.data) === JSON.stringify(after.document.data) &&
    comments(before).join('\n') === comments(after).join('\n')
  );
}

interface Line {
  readonly start: number;
  /** Its line end left out. */
  readonly end: number;
}

function linesOf(text: string): readonly Line[] {
  const lines: Line[] = [];
  let start = 0;
  for (const { index, 0: eol } of text.matchAll(/\r?\n/g)) {
    lines.push({ start, end: index });
    start = index + eol.length;
  }
  return [...lines, { start, end: text.length }];
}

/** A column as it is written, and as it will be. */
interface Column {
  readonly old: number;
  readonly new: number;
}

function lineEdits(text: string, layout: Layout): readonly TextEdit[] {
  const lines = linesOf(text);
  const edits: TextEdit[] = [];
  const nexts = nextColumns(lines, layout);
  let open: Column[] = [];
  lines.forEach((line, index) => {
    const columns = layout.columns.get(line.start);
    const shift = layout.shifts.get(line.start);
    const content = text.slice(line.start, line.end);
    const indent = /^[ \t]*/.exec(content)![0].length;
    if (!layout.kept.has(line.start)) edits.push(...withoutTrail(line, content));
    if (columns?.[0]) {
      edits.push(...indented(text, line, indent, columns[0].new));
      for (const column of columns) {
        open = [...open.filter(({ old }) => old < column.old), column];
      }
    } else if (shift !== undefined) {
      edits.push(...shifted(line, content, shift, layout.literal.has(line.start)));
    } else if (content[indent] === '#') {
      edits.push(...indented(text, line, indent, commentColumn(indent, open, nexts[index])));
    }
  });
  return edits;
}

/** For each line the first column of the next line with an entry. */
function nextColumns(lines: readonly Line[], { columns }: Layout): readonly (Column | undefined)[] {
  const result = new Array<Column | undefined>(lines.length);
  let next: Column | undefined;
  for (let index = lines.length - 1; index >= 0; index--) {
    result[index] = next;
    next = columns.get(lines[index]!.start)?.[0] ?? next;
  }
  return result;
}

/** A comment moves with the entries it is aligned with: the next one, else one that is still open. */
function commentColumn(column: number, open: readonly Column[], next: Column | undefined): number {
  if (next?.old === column) return next.new;
  const before = [...open, ...(next ? [next] : [])].filter(({ old }) => old <= column);
  const nearest = before.reduce<Column | undefined>(
    (best, candidate) => (best && best.old > candidate.old ? best : candidate),
    undefined,
  );
  const exact = open.find(({ old }) => old === column);
  return (exact ?? nearest)?.new ?? 0;
}

function indented(text: string, line: Line, indent: number, wanted: number): readonly TextEdit[] {
  const span = { start: line.start, end: line.start + indent };
  const blanks = ' '.repeat(wanted);
  return text.slice(span.start, span.end) === blanks ? [] : [{ span, text: blanks }];
}

/** Lines inside a value move as its first line does. */
function shifted(line: Line, content: string, by: number, isLiteral: boolean): readonly TextEdit[] {
  const isBlank = content.trim() === '';
  if (by === 0 || content === '' || (isBlank && !isLiteral)) return [];
  const { start } = line;
  if (by > 0) return [{ span: { start, end: start }, text: ' '.repeat(by) }];
  const most = /^ */.exec(content)![0].length;
  return [{ span: { start, end: start + Math.min(-by, most) }, text: '' }];
}

function withoutTrail(line: Line, content: string): readonly TextEdit[] {
  const trail = content.length - withoutBlanks(content, ' \t').length;
  return trail === 0 ? [] : [{ span: { start: line.end - trail, end: line.end }, text: '' }];
}

/** One line end behind the last word. */
function atEnd(text: string, { lastLiteralEnd }: Layout): readonly TextEdit[] {
  const content = withoutBlanks(text, ' \t\r\n');
  if (content === '' || lastLiteralEnd >= text.length) return [];
  const eol = eolOf(text);
  const rest = text.slice(content.length);
  if (/^[ \t]*\r?\n$/.test(rest)) return [];
  const trail = /^[ \t]*/.exec(rest)![0].length;
  if (trail === rest.length) {
    return [{ span: { start: text.length, end: text.length }, text: eol }];
  }
  const start = content.length + trail;
  return [{ span: { start, end: text.length }, text: eol }];
}

/** Without those of `blanks` that stand at the end. */
function withoutBlanks(text: string, blanks: string): string {
  let end = text.length;
  while (end > 0 && blanks.includes(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}
