/**
 * What a text says by its columns and brackets, however half-typed: the `yaml` package's words, put into mappings and
 * lists without asking that the whole be YAML. Completion needs the place of the caret in texts that no parser takes.
 */
import { CST, Lexer } from 'yaml';
import type { Path } from '../configDocument';

/** A mapping or list that is still open. */
export interface Frame {
  readonly kind: 'map' | 'list';
  readonly inFlow: boolean;
  /** Column of its keys or dashes; in flow style of its bracket. */
  readonly column: number;
  readonly path: Path;
  /** The key whose value is expected or was read; in a list the item's place. */
  readonly key: string | undefined;
  /** Something stands behind the key or dash. */
  readonly hasValue: boolean;
}

export interface KeyPlace {
  /** Of the mapping that it is a key of. */
  readonly parent: Path;
  readonly name: string;
  readonly start: number;
  readonly column: number;
  readonly inFlow: boolean;
}

export interface ScalarPlace {
  /** Of the value, or of the list for an item. */
  readonly path: Path;
  readonly inList: boolean;
  readonly text: string;
  readonly start: number;
}

/** The last word of a text. */
export interface LastWord {
  readonly kind: 'none' | 'blank' | 'lineEnd' | 'comment' | 'scalar' | 'quoted' | 'mark' | 'other';
  readonly start: number;
  readonly source: string;
}

export interface Structure {
  readonly open: readonly Frame[];
  readonly keys: readonly KeyPlace[];
  readonly scalars: readonly ScalarPlace[];
  readonly last: LastWord;
}

export function structureOf(text: string): Structure {
  const reader = new StructureReader();
  let scalarNext = false;
  for (const token of new Lexer().lex(text)) {
    if (!scalarNext && token === CST.SCALAR) {
      scalarNext = true;
      continue;
    }
    reader.read(token, scalarNext ? 'scalar' : CST.tokenType(token));
    scalarNext = false;
  }
  return reader.structure();
}

interface OpenFrame extends Frame {
  key: string | undefined;
  hasValue: boolean;
  index: number;
}

interface Pending {
  readonly text: string;
  readonly start: number;
  readonly column: number;
}

type TokenType = ReturnType<typeof CST.tokenType>;

class StructureReader {
  private readonly open: OpenFrame[] = [];
  private readonly keys: KeyPlace[] = [];
  private readonly scalars: ScalarPlace[] = [];
  private offset = 0;
  private lineStart = 0;
  private pending: Pending | undefined;
  private inBlockScalar = false;
  private last: LastWord = { kind: 'none', start: 0, source: '' };

  structure(): Structure {
    // A scalar that ends the text may still grow into a key.
    if (this.last.kind !== 'scalar' && this.last.kind !== 'quoted') this.settle();
    const { open, keys, scalars, last } = this;
    return { open: [...open], keys, scalars, last };
  }

  read(source: string, type: TokenType): void {
    const start = this.offset;
    if (type === 'doc-mode' || type === 'flow-error-end') {
      if (type === 'flow-error-end') this.closeFlow();
      return;
    }
    this.offset += source.length;
    this.word(source, type, start);
  }

  private word(source: string, type: TokenType, start: number): void {
    const kind = kindOf(type);
    this.last = { kind, start, source };
    if (kind === 'blank' || kind === 'comment') return;
    if (kind === 'lineEnd') {
      this.settle();
      this.lineStart = this.offset;
      return;
    }
    if (type === 'seq-item-ind') this.dash(start - this.lineStart);
    else if (type === 'map-value-ind') this.colon();
    else if (type === 'doc-start' || type === 'doc-end') this.open.length = 0;
    else if (type === 'block-scalar-header') this.blockScalar();
    else if (this.inBlockScalar) this.inside(source);
    else if (kind === 'scalar' || kind === 'quoted' || type === 'alias') this.scalar(source, start);
    else this.bracket(type, start);
  }

  /** A scalar in several lines counts as one a line: only so is a half-typed key above another told from it. */
  private scalar(source: string, start: number): void {
    this.settle();
    const isPlain = !source.startsWith('"') && !source.startsWith("'");
    const lines = isPlain && source.includes('\n') ? source.split(/(?<=\n)/) : [source];
    let at = start;
    lines.forEach((line, index) => {
      if (index > 0) {
        this.settle();
        this.lineStart = at;
      }
      const indent = index > 0 ? /^[ \t]*/.exec(line)![0].length : 0;
      const text = line.slice(indent).trimEnd();
      this.pending = { text, start: at + indent, column: at + indent - this.lineStart };
      if (index > 0) this.last = { kind: 'scalar', start: at + indent, source: line.slice(indent) };
      at += line.length;
    });
    const lineBreak = source.lastIndexOf('\n');
    if (!isPlain && lineBreak >= 0) this.lineStart = start + lineBreak + 1;
  }

  private blockScalar(): void {
    this.markValue();
    this.inBlockScalar = true;
  }

  /** The text of a block scalar takes whole lines. */
  private inside(source: string): void {
    this.inBlockScalar = false;
    const isWhole = source.endsWith('\n');
    this.last = { kind: isWhole ? 'lineEnd' : 'other', start: this.offset - source.length, source };
    this.lineStart = isWhole
      ? this.offset
      : this.offset - source.length + source.lastIndexOf('\n') + 1;
  }

  private bracket(type: TokenType, start: number): void {
    this.settle();
    if (type === 'flow-map-start' || type === 'flow-seq-start') {
      const path = this.pathHere();
      this.markValue();
      const kind = type === 'flow-map-start' ? 'map' : 'list';
      const column = start - this.lineStart;
      this.push({ kind, inFlow: true, column, path });
    } else if (type === 'flow-map-end' || type === 'flow-seq-end') {
      if (this.open.at(-1)?.inFlow) this.open.pop();
    } else if (type === 'comma') {
      const frame = this.open.at(-1);
      if (frame?.inFlow) this.next(frame);
    }
  }

  private next(frame: OpenFrame): void {
    frame.index++;
    frame.key = frame.kind === 'list' ? String(frame.index) : undefined;
    frame.hasValue = false;
  }

  private dash(column: number): void {
    this.settle();
    if (this.open.at(-1)?.inFlow) return;
    closeDeeper(this.open, column);
    const top = this.open.at(-1);
    if (top?.kind === 'list' && top.column === column) {
      this.next(top);
      return;
    }
    const path = this.pathHere();
    this.markValue();
    this.push({ kind: 'list', inFlow: false, column, path });
  }

  private colon(): void {
    const key = this.pending;
    this.pending = undefined;
    if (!key) return;
    const name = unquoted(key.text);
    const frame = this.open.at(-1)?.inFlow ? this.open.at(-1) : this.blockMapAt(key.column);
    if (frame?.kind !== 'map') return;
    frame.key = name;
    frame.hasValue = false;
    const { path: parent, inFlow } = frame;
    this.keys.push({ parent, name, start: key.start, column: key.column, inFlow });
  }

  private blockMapAt(column: number): OpenFrame {
    closeDeeper(this.open, column);
    if (this.open.at(-1)?.kind === 'list' && this.open.at(-1)!.column === column) this.open.pop();
    const top = this.open.at(-1);
    if (top?.kind === 'map' && top.column === column) return top;
    const path = this.pathHere();
    this.markValue();
    return this.push({ kind: 'map', inFlow: false, column, path });
  }

  /** What was read and is no key is a value; in a flow mapping it may be a key without one. */
  private settle(): void {
    const { pending } = this;
    if (!pending) return;
    this.pending = undefined;
    const frame = this.open.at(-1);
    if (!frame) return;
    const text = unquoted(pending.text);
    if (frame.kind === 'map' && frame.inFlow && frame.key === undefined) {
      const { path: parent } = frame;
      const { start, column } = pending;
      this.keys.push({ parent, name: text, start, column, inFlow: true });
      frame.hasValue = true;
      return;
    }
    const inList = frame.kind === 'list';
    const path = inList ? frame.path : this.pathHere();
    if (pending.column > frame.column || frame.inFlow) {
      this.scalars.push({ path, inList, text, start: pending.start });
      frame.hasValue = true;
    }
  }

  private closeFlow(): void {
    this.settle();
    while (this.open.at(-1)?.inFlow) this.open.pop();
  }

  private markValue(): void {
    const top = this.open.at(-1);
    if (top) top.hasValue = true;
  }

  private push(frame: Omit<Frame, 'key' | 'hasValue'>): OpenFrame {
    const key = frame.kind === 'list' ? '0' : undefined;
    const opened: OpenFrame = { ...frame, key, hasValue: false, index: 0 };
    // No text that nests deeper is read: the language itself needs 5.
    if (this.open.length < MAX_OPEN) this.open.push(opened);
    return opened;
  }

  /** Path of the value that comes next. */
  private pathHere(): Path {
    const top = this.open.at(-1);
    return top ? valuePath(top) : [];
  }
}

const MAX_OPEN = 64;

/** Path of what stands behind the frame's key or dash. */
export function valuePath(frame: Frame): Path {
  return frame.key === undefined ? frame.path : [...frame.path, frame.key];
}

/** Takes away the block mappings and lists that a word in this column ends. */
export function closeDeeper(open: Frame[], column: number): void {
  for (let top = open.at(-1); top && !top.inFlow && top.column > column; top = open.at(-1)) {
    open.pop();
  }
}

const KINDS: Partial<Record<NonNullable<TokenType>, LastWord['kind']>> = {
  space: 'blank',
  newline: 'lineEnd',
  comment: 'comment',
  'directive-line': 'comment',
  scalar: 'scalar',
  'single-quoted-scalar': 'quoted',
  'double-quoted-scalar': 'quoted',
  'map-value-ind': 'mark',
  'seq-item-ind': 'mark',
  'explicit-key-ind': 'mark',
  comma: 'mark',
  'flow-map-start': 'mark',
  'flow-seq-start': 'mark',
};

function kindOf(type: TokenType): LastWord['kind'] {
  return (type === null ? undefined : KINDS[type]) ?? 'other';
}

function unquoted(text: string): string {
  const quote = text[0];
  if (quote !== '"' && quote !== "'") return text;
  return text.length > 1 && text.endsWith(quote) ? text.slice(1, -1) : text;
}
