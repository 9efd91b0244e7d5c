/** Every entry of a config with its place in the text, from the syntax tree: what outline, names, tokens and edits walk over. */
import { isAlias, isMap, isPair, isScalar, isSeq } from 'yaml';
import type { Alias, Node, ParsedNode, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import type { TextSpan } from '../../contract/problem';
import type { ConfigDocument, Path } from '../configDocument';

export interface Entry {
  readonly path: Path;
  /** `undefined` for items of a list and for the root. */
  readonly key: TextSpan | undefined;
  readonly keyNode: Scalar | undefined;
  /** Of the value's content, anchors and comments left out; empty, behind the key, where nothing is written. */
  readonly value: TextSpan;
  readonly node: Node | null;
  /** From the key (or item) to the end of its value, comments behind it left out. */
  readonly span: TextSpan;
  /** Stands between brackets or braces. */
  readonly inFlow: boolean;
  /** The alias `*name` through which this was reached, outermost; its spans are then those of the anchored value. */
  readonly through: TextSpan | undefined;
  /** The alias that stands for exactly this scalar. */
  readonly alias: TextSpan | undefined;
}

/** Most entries that are looked at, and most aliases that are followed: the limits of `readDocument`. */
const MAX_ENTRIES = 100_000;
const MAX_ALIASES = 100;

const remembered = new WeakMap<ConfigDocument, readonly Entry[]>();

/** In the order of the text; what stands behind an alias follows it. Empty for a text that couldn't be read. */
export function entriesOf(document: ConfigDocument): readonly Entry[] {
  const known = remembered.get(document);
  if (known) return known;
  const walk = new EntryWalk(document.text);
  const root = document.yaml?.contents;
  if (root) walk.visit({ path: [], node: root, inFlow: false, through: undefined });
  remembered.set(document, walk.entries);
  return walk.entries;
}

/** The first entry with this path that stands in the text itself. */
export function entryAt(document: ConfigDocument, path: Path): Entry | undefined {
  return entriesOf(document).find((entry) => !entry.through && samePath(entry.path, path));
}

export function samePath(a: Path, b: Path): boolean {
  return a.length === b.length && a.every((key, index) => key === b[index]);
}

/** Whether `path` fits `pattern`, in which `*` stands for any one key. */
export function fits(path: Path, pattern: Path): boolean {
  return (
    path.length === pattern.length &&
    pattern.every((key, index) => key === '*' || key === path[index])
  );
}

/** What stands at `path` in plain data; `undefined` where there is nothing. */
export function dataAt(data: unknown, path: Path): unknown {
  let value = data;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** The keys of a mapping at `path` in plain data; none where no mapping stands there. */
export function keysOf(data: unknown, path: Path): readonly string[] {
  const value = dataAt(data, path);
  const isMapping = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isMapping ? Object.keys(value) : [];
}

/** Names of the components that a config has, however broken the rest is. */
export function componentNames(document: ConfigDocument): readonly string[] {
  return keysOf(document.data, ['components']);
}

/** The span of a scalar's text, quotes left out. */
export function innerSpan(node: Scalar, text: string): TextSpan {
  const { start, end } = spanOfNode(node, text);
  const isQuoted = node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE';
  if (!isQuoted || end - start < 1) return { start, end };
  const isClosed = end - start >= 2 && text[end - 1] === text[start];
  return { start: start + 1, end: isClosed ? end - 1 : end };
}

/** Of a node's own text, without the blanks and line ends behind it. */
export function spanOfNode(node: Node, text: string): TextSpan {
  const [start, valueEnd] = (node as ParsedNode).range;
  const from = Math.min(start, text.length);
  let end = Math.max(from, Math.min(valueEnd, text.length));
  while (end > from && isBlank(text.charCodeAt(end - 1))) end--;
  return { start: from, end };
}

const isBlank = (code: number) => code === 32 || code === 9 || code === 10 || code === 13;

interface Visit {
  readonly path: Path;
  readonly node: Node;
  readonly inFlow: boolean;
  readonly through: TextSpan | undefined;
}

class EntryWalk {
  readonly entries: Entry[] = [];
  private readonly anchors = new Map<string, Node>();
  private readonly entered = new Set<Node>();
  private aliases = 0;

  constructor(private readonly text: string) {}

  /** @returns the end of the node's content */
  visit({ path, node, inFlow, through }: Visit): number {
    if (isAlias(node)) return this.alias(node, { path, node, inFlow, through });
    if ('anchor' in node && typeof node.anchor === 'string') this.anchors.set(node.anchor, node);
    const own = spanOfNode(node, this.text);
    if (isScalar(node) || this.entered.has(node)) return own.end;
    this.entered.add(node);
    const end = isMap(node)
      ? this.pairs(node, path, through)
      : isSeq(node)
        ? this.items(node, path, through)
        : own.end;
    this.entered.delete(node);
    return isFlow(node) ? own.end : Math.max(own.start, end);
  }

  private pairs(map: YAMLMap, path: Path, through: TextSpan | undefined): number {
    const names = new Set<string>();
    let last = 0;
    for (const pair of map.items) {
      const key = this.keyOf(pair.key as Node | null);
      if (!key || this.isFull()) continue;
      const name = String(key.value);
      if (names.has(name) || name === '__proto__') continue;
      names.add(name);
      const keySpan = spanOfNode(key, this.text);
      const node = pair.value as Node | null;
      last = this.add(
        { path: [...path, name], keyNode: key, key: keySpan, node, inFlow: isFlow(map), through },
        (end) => Math.max(keySpan.end, end),
      );
    }
    return last;
  }

  private items(list: YAMLSeq, path: Path, through: TextSpan | undefined): number {
    let last = 0;
    list.items.forEach((item, index) => {
      if (isPair(item) || this.isFull()) return;
      last = this.add(
        {
          path: [...path, String(index)],
          keyNode: undefined,
          key: undefined,
          node: item as Node,
          inFlow: isFlow(list),
          through,
        },
        (end) => end,
      );
    });
    return last;
  }

  /** Keeps the entry in its place before what lies inside it, and returns where it ends. */
  private add(
    entry: Omit<Entry, 'span' | 'value' | 'alias'>,
    endOf: (valueEnd: number) => number,
  ): number {
    const { path, key, node, inFlow, through } = entry;
    const behindKey = key?.end ?? 0;
    const place = this.entries.length;
    const empty = { start: behindKey, end: behindKey };
    this.entries.push({ ...entry, value: empty, span: key ?? empty, alias: undefined });
    if (!node) return behindKey;
    const start = spanOfNode(node, this.text).start;
    const end = Math.max(start, this.visit({ path, node, inFlow, through }));
    // Where nothing is written, the parser's own place may lie lines below.
    if (key && isScalar(node) && end === start) return behindKey;
    const value = { start, end };
    const span = { start: key?.start ?? start, end: endOf(end) };
    this.entries[place] = { ...entry, value, span, alias: undefined };
    return span.end;
  }

  private alias(node: Alias, visit: Visit): number {
    const span = spanOfNode(node, this.text);
    const target = this.anchors.get(node.source);
    if (!target || ++this.aliases > MAX_ALIASES || this.isFull()) return span.end;
    const through = visit.through ?? span;
    if (isScalar(target)) {
      const value = spanOfNode(target, this.text);
      const { path } = visit;
      const none = { key: undefined, keyNode: undefined, inFlow: false };
      this.entries.push({ path, ...none, value, node: target, span: value, through, alias: span });
    } else {
      this.visit({ ...visit, node: target, through });
    }
    return span.end;
  }

  /** The scalar that a key is, or that its alias stands for. */
  private keyOf(key: Node | null): Scalar | undefined {
    if (key && isScalar(key) && typeof key.anchor === 'string') this.anchors.set(key.anchor, key);
    const scalar = key && isAlias(key) ? this.anchors.get(key.source) : key;
    return isScalar(scalar) && typeof scalar.value !== 'symbol' ? scalar : undefined;
  }

  private isFull(): boolean {
    return this.entries.length >= MAX_ENTRIES;
  }
}

export function isFlow(node: Node): boolean {
  return (isMap(node) || isSeq(node)) && node.flow === true;
}
