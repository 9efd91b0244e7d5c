/** How a text is laid out, from the `yaml` package's tokens, and how it should be. */
import type { CST } from 'yaml';
import type { TextEdit } from '../../contract/problem';
import { lineStartOf } from './caret';

export interface Layout {
  /** By the start of a line: the columns of what begins in it, as they are and as they should be, outermost first. */
  readonly columns: ReadonlyMap<number, readonly { readonly old: number; readonly new: number }[]>;
  /** By the start of a line that goes on with a value: by how many columns it moves. */
  readonly shifts: ReadonlyMap<number, number>;
  /** Starts of lines that end inside a text, where blanks can count. */
  readonly kept: ReadonlySet<number>;
  /** Starts of lines of block scalars, where blank lines have an indentation too. */
  readonly literal: ReadonlySet<number>;
  /** Blanks between two words of a line that should be others. */
  readonly gaps: readonly TextEdit[];
  /** Where the last block scalar ends. */
  readonly lastLiteralEnd: number;
}

const STEP = 2;

interface Piece {
  readonly type: CST.SourceToken['type'] | CST.Token['type'];
  readonly start: number;
  readonly end: number;
}

export class LayoutReader {
  private readonly columns = new Map<number, { old: number; new: number }[]>();
  private readonly shifts = new Map<number, number>();
  private readonly kept = new Set<number>();
  private readonly literal = new Set<number>();
  private readonly gaps: TextEdit[] = [];
  private lastLiteralEnd = 0;

  constructor(private readonly text: string) {}

  get layout(): Layout {
    const { columns, shifts, kept, literal, gaps, lastLiteralEnd } = this;
    return { columns, shifts, kept, literal, gaps, lastLiteralEnd };
  }

  /** A token of the text's top level. */
  token(token: CST.Token): void {
    if (token.type === 'document' && token.value) this.value(token.value, 0, 0);
  }

  /** @param target column of its keys or dashes, @param shift of the line that it begins in */
  private value(token: CST.Token, target: number, shift: number): void {
    if (token.type === 'block-map') for (const item of token.items) this.pair(item, target);
    else if (token.type === 'block-seq') for (const item of token.items) this.item(item, target);
    else if (token.type === 'flow-collection') this.flow(token, shift);
    else if (token.type === 'block-scalar') this.blockScalar(token, shift);
    else if (isFlowScalar(token)) this.longScalar(token, shift);
  }

  private pair(item: CST.BlockMap['items'][number], target: number): void {
    const first = firstWord(item.start) ?? item.key;
    const offset = first?.offset;
    const shift = offset === undefined ? 0 : this.column(offset, target);
    if (item.key) this.value(item.key, target, shift);
    if (!item.sep) return;
    const colon = item.sep.find(({ type }) => type === 'map-value-ind');
    if (!colon) return;
    if (item.key && item.key.type !== 'alias') this.gap(endOf(item.key), colon.offset, '');
    const rest = item.sep.slice(item.sep.indexOf(colon) + 1);
    this.behind(colon.offset + 1, rest, item.value, target, shift);
  }

  private item(item: CST.BlockSequence['items'][number], target: number): void {
    const dash = item.start.find(({ type }) => type === 'seq-item-ind');
    if (!dash) return;
    const shift = this.column(dash.offset, target);
    const rest = item.start.slice(item.start.indexOf(dash) + 1);
    this.behind(dash.offset + 1, rest, item.value, target, shift);
  }

  /** What stands behind a colon or a dash, in its line or below. */
  private behind(
    mark: number,
    rest: readonly CST.SourceToken[],
    value: CST.Token | undefined,
    target: number,
    shift: number,
  ): void {
    const next = rest.find(({ type }) => !isBlank(type)) ?? value;
    if (next && next.type !== 'newline' && next.type !== 'comment') {
      this.gap(mark, startOf(next), ' ');
    }
    if (!value) return;
    const first = firstWord(rest) ?? value;
    const isBelow = this.text.slice(mark, startOf(first)).includes('\n');
    const isBlock = first.type === 'block-map' || first.type === 'block-seq';
    const below = isBelow && !isBlock ? this.column(startOf(first), target + STEP) : shift;
    this.value(value, target + STEP, below);
  }

  /** Says where a word should stand if it begins its line, or what it is aligned with if it doesn't; returns how its line moves. */
  private column(offset: number, target: number): number {
    const line = lineStartOf(this.text, offset);
    const old = offset - line;
    const known = this.columns.get(line);
    if (known) {
      known.push({ old, new: target });
      return known[0]!.new - known[0]!.old;
    }
    if (/\S/.test(this.text.slice(line, offset))) return 0;
    this.columns.set(line, [{ old, new: target }]);
    return target - old;
  }

  private gap(start: number, end: number, wanted: string): void {
    const written = this.text.slice(start, end);
    if (written !== wanted && /^[ \t]*$/.test(written)) {
      this.gaps.push({ span: { start, end }, text: wanted });
    }
  }

  private longScalar(token: CST.FlowScalar, shift: number): void {
    const end = token.offset + token.source.length;
    for (const line of this.linesInside(token.offset, end)) this.shifts.set(line, shift);
    const first = lineStartOf(this.text, token.offset);
    const lines = [first, ...this.linesInside(token.offset, end)];
    // In its last line blanks behind the text count no more.
    for (const line of lines.slice(0, -1)) this.kept.add(line);
  }

  private blockScalar(token: CST.BlockScalar, shift: number): void {
    const header = token.props.at(-1);
    const start = header ? startOf(header) : token.offset;
    const content = this.text.indexOf('\n', start) + 1;
    const end = contentEnd(token);
    if (content === 0) return;
    for (let line = content; line < end; line = this.next(line)) {
      this.shifts.set(line, shift);
      this.kept.add(line);
      this.literal.add(line);
    }
    this.lastLiteralEnd = Math.max(this.lastLiteralEnd, end);
  }

  private flow(token: CST.FlowCollection, shift: number): void {
    const pieces: Piece[] = [];
    this.pieces(token, pieces, shift);
    const last = pieces.at(-1);
    if (!last) return;
    for (const line of this.linesInside(token.offset, last.end)) {
      if (!this.shifts.has(line)) this.shifts.set(line, shift);
    }
    for (let index = 1; index < pieces.length; index++) {
      const before = pieces[index - 1]!;
      const after = pieces[index]!;
      const wanted = flowGap(before.type, after.type);
      if (wanted !== undefined) this.gap(before.end, after.start, wanted);
    }
  }

  /** The words of a flow collection, in order. */
  private pieces(token: CST.FlowCollection, pieces: Piece[], shift: number): void {
    const add = (word: CST.SourceToken | CST.Token | null | undefined) => {
      if (!word || isBlank(word.type)) return;
      if (word.type === 'flow-collection') this.pieces(word, pieces, shift);
      else if ('source' in word) {
        pieces.push({ type: word.type, start: word.offset, end: word.offset + word.source.length });
        if (isFlowScalar(word)) this.longScalar(word, shift);
      }
      // An implicit pair of a list stands as a mapping of its own.
      else if (word.type === 'block-map') word.items.forEach(addItem);
      if (isFlowScalar(word)) word.end?.forEach(add);
    };
    const addItem = (item: CST.CollectionItem) => {
      item.start.forEach(add);
      add(item.key);
      item.sep?.forEach(add);
      add(item.value);
    };
    add(token.start);
    token.items.forEach(addItem);
    token.end.forEach(add);
  }

  /** Starts of the lines that begin behind `from` and before `to`. */
  private linesInside(from: number, to: number): readonly number[] {
    const lines: number[] = [];
    for (let line = this.next(from); line < to && line > from; line = this.next(line)) {
      lines.push(line);
    }
    return lines;
  }

  /** The start of the next line; the text's length behind the last. */
  private next(offset: number): number {
    const end = this.text.indexOf('\n', offset);
    return end < 0 ? this.text.length : end + 1;
  }
}

function firstWord(tokens: readonly CST.SourceToken[]): CST.SourceToken | undefined {
  return tokens.find(({ type }) => !isBlank(type) && type !== 'newline' && type !== 'comment');
}

const isBlank = (type: string) => type === 'space';

function isFlowScalar(token: CST.SourceToken | CST.Token): token is CST.FlowScalar {
  return ['scalar', 'single-quoted-scalar', 'double-quoted-scalar'].includes(token.type);
}

function startOf(token: CST.SourceToken | CST.Token): number {
  if (token.type === 'block-scalar') {
    const [first] = token.props;
    return first ? startOf(first) : token.offset;
  }
  return token.offset;
}

function endOf(token: CST.Token): number {
  return token.offset + ('source' in token ? token.source.length : 0);
}

function contentEnd(token: CST.BlockScalar): number {
  const header = token.props.at(-1);
  const start = Math.max(token.offset, header ? endOf(header) : 0);
  return start + token.source.length;
}

/** The blanks that should stand between two words; `undefined`: those that do. */
function flowGap(before: Piece['type'], after: Piece['type']): string | undefined {
  const isOpen = before === 'flow-map-start' || before === 'flow-seq-start';
  const isClose = after === 'flow-map-end' || after === 'flow-seq-end';
  if (after === 'comment' || after === 'newline' || before === 'newline') return undefined;
  if (isOpen && isClose) return '';
  if (before === 'map-value-ind' && (after === 'comma' || isClose)) return undefined;
  if (before === 'flow-map-start' || after === 'flow-map-end') return ' ';
  if (before === 'flow-seq-start' || after === 'flow-seq-end') return '';
  if (after === 'comma') return '';
  if (before === 'comma' || before === 'map-value-ind') return ' ';
  if (after === 'map-value-ind' && before !== 'alias') return '';
  return undefined;
}
