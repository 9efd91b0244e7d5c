/** Where the caret stands in a config, half-typed or whole: before a key, a value, or an item of a list. */
import type { TextSpan } from '../../contract/problem';
import type { Path } from '../configDocument';
import { samePath } from './entries';
import { closeDeeper, structureOf, valuePath, type Frame, type Structure } from './structure';

export interface Caret {
  /**
   * `key`: a key of the mapping at `path` (or, where nothing is written there yet, also a value in a line of its own);
   * `value`: the value at `path`; `item`: an item of the list at `path`.
   */
  readonly role: 'key' | 'value' | 'item';
  readonly path: Path;
  readonly inFlow: boolean;
  /** The word around the caret, quotes left out: what a completion replaces. */
  readonly word: TextSpan;
  /** The word up to the caret. */
  readonly prefix: string;
  /** The quote that the word stands in, or nothing. */
  readonly quote: '' | '"' | "'";
  /** Other keys of the same mapping, or other items of the same list. */
  readonly siblings: readonly string[];
  /** Column of the word. */
  readonly column: number;
  /** A colon stands behind the word, or could stand only behind the quote: a key brings none. */
  readonly hasColon: boolean;
  /** The role is `key`, and nothing is written in the mapping yet. */
  readonly isNew: boolean;
}

/** `undefined` where nothing can be written: in comments, behind a whole value, in a column that fits nothing. */
export function caretAt(text: string, offset: number): Caret | undefined {
  const before = structureOf(wordsBefore(text.slice(0, offset)));
  const word = wordAt(text, offset, before);
  // A lone carriage return ends a line for an editor, and is a letter for YAML.
  if (!word || /[\r\n]/.test(text.slice(word.span.start, word.span.end))) return undefined;
  const place = placeOf(text, offset, before, word);
  if (!place) return undefined;
  const whole = structureOf(text);
  const siblings = siblingsOf(whole, place, word.span.start - word.quote.length);
  if (!siblings) return undefined;
  const lineStart = lineStartOf(text, offset);
  const rest = text.slice(word.span.end + word.quote.length);
  return {
    ...place,
    word: word.span,
    prefix: text.slice(word.span.start, offset),
    quote: word.quote,
    siblings,
    column: word.span.start - word.quote.length - lineStart,
    hasColon: word.quote !== '' || /^[ \t]*:(?:\s|$)/.test(rest),
  };
}

/** The colon of `hf:` (or of a drive) at the very end would read as that of a key: one more letter keeps it a word. */
function wordsBefore(text: string): string {
  return /(?:^|[\s"'[{,])(?:hf|[A-Za-z]):$/.test(text.slice(-4)) ? `${text}x` : text;
}

interface Word {
  readonly span: TextSpan;
  readonly quote: Caret['quote'];
}

function wordAt(text: string, offset: number, { last, open }: Structure): Word | undefined {
  const inFlow = open.at(-1)?.inFlow === true;
  switch (last.kind) {
    case 'comment':
    case 'other':
      return undefined;
    case 'quoted': {
      const quote = last.source[0] as '"' | "'";
      const isClosed = last.source.length > 1 && last.source.endsWith(quote);
      if (isClosed || last.source.includes('\n')) return undefined;
      const rest = text.slice(offset);
      const end = offset + new RegExp(`^[^${quote}\\r\\n]*`).exec(rest)![0].length;
      return { span: { start: last.start + 1, end }, quote };
    }
    case 'scalar':
      return plainWord(text, last.start, offset, inFlow);
    case 'blank':
    case 'lineEnd':
    case 'mark':
    case 'none':
      return plainWord(text, offset, offset, inFlow);
  }
}

function plainWord(text: string, start: number, offset: number, inFlow: boolean): Word {
  const rest = text.slice(offset, lineEndOf(text, offset));
  const pattern = inFlow ? /^(?:(?!:(?:[\s,\]}]|$)|\s)[^,[\]{}])*/ : /^(?:(?!:(?:\s|$))\S)*/;
  return { span: { start, end: offset + pattern.exec(rest)![0].length }, quote: '' };
}

type Place = Pick<Caret, 'role' | 'path' | 'inFlow' | 'isNew'> & { readonly column: number };

function placeOf(
  text: string,
  offset: number,
  before: Structure,
  { span, quote }: Word,
): Place | undefined {
  const top = before.open.at(-1);
  const start = span.start - quote.length;
  const column = start - lineStartOf(text, offset);
  if (top?.inFlow) return flowPlace(top, before, column);
  const inLine = text.slice(lineStartOf(text, start), start);
  if (/^[ \t]*(?:-[ \t]+)*-?$/.test(inLine)) {
    return blockPlace([...before.open], column, inLine.includes('-'));
  }
  const isAfterKey = top?.kind === 'map' && top.key !== undefined && !top.hasValue;
  if (!isAfterKey || !isBehindKey(inLine)) return undefined;
  return { role: 'value', path: valuePath(top), inFlow: false, isNew: false, column };
}

function flowPlace(top: Frame, { last }: Structure, column: number): Place | undefined {
  const place = { inFlow: true, isNew: false, column };
  const isWord = last.kind === 'scalar' || last.kind === 'quoted';
  if (top.hasValue && !isWord) return undefined;
  if (top.kind === 'list') return { ...place, role: 'item', path: top.path };
  if (top.key === undefined) return { ...place, role: 'key', path: top.path };
  return { ...place, role: 'value', path: valuePath(top) };
}

/** Whether a line so far ends with a colon, or with an anchor or a tag. */
function isBehindKey(inLine: string): boolean {
  const written = inLine.trimEnd();
  const lastBlank = Math.max(written.lastIndexOf(' '), written.lastIndexOf('\t'));
  return written.endsWith(':') || /[&!]/.test(written.charAt(lastBlank + 1));
}

/** A word that begins its line: its column tells what it belongs to. */
function blockPlace(open: Frame[], column: number, afterDash: boolean): Place | undefined {
  const deepest = open.length;
  closeDeeper(open, column);
  const place = { inFlow: false, isNew: false, column };
  const top = open.at(-1);
  if (!top) return { ...place, role: 'key', path: [], isNew: deepest === 0 };
  if (top.kind === 'list') {
    if (top.column < column) {
      return afterDash && !top.hasValue ? { ...place, role: 'item', path: top.path } : undefined;
    }
    const parent = open.at(-2);
    const isAligned = parent?.kind === 'map' && parent.column === column;
    return isAligned ? { ...place, role: 'key', path: parent.path } : undefined;
  }
  if (top.column === column) return { ...place, role: 'key', path: top.path };
  const isFree = top.key !== undefined && !top.hasValue && open.length === deepest;
  return isFree ? { ...place, role: 'key', path: valuePath(top), isNew: true } : undefined;
}

/** `undefined` where keys of the same mapping stand in another column. */
function siblingsOf(
  { keys, scalars }: Structure,
  { role, path, inFlow, column }: Place,
  at: number,
): readonly string[] | undefined {
  if (role === 'item') {
    return scalars
      .filter((scalar) => scalar.inList && samePath(scalar.path, path) && scalar.start !== at)
      .map(({ text }) => text);
  }
  if (role === 'value') return [];
  const others = keys.filter((key) => samePath(key.parent, path) && key.start !== at);
  if (inFlow) return others.map(({ name }) => name);
  // Deeper ones belong to the key that is being typed.
  const aligned = others.filter((key) => key.column <= column);
  return aligned.some((key) => key.column < column) ? undefined : aligned.map(({ name }) => name);
}

/** Lines end at `\n`; the `\r` before it belongs to their end. */
export function lineStartOf(text: string, offset: number): number {
  // A start below zero would count as zero, and find a line end at the very beginning.
  return offset <= 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1;
}

export function lineEndOf(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  if (end < 0) return text.length;
  return end > offset && text[end - 1] === '\r' ? end - 1 : end;
}
