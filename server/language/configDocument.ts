/**
 * The syntax tree of a config: the `yaml` package's document, turned into plain values with the span of every key and value.
 * Bounded in every direction, because a config can come from anywhere: text length, nesting (the package recurses), aliases.
 */
import { Composer, Parser, isAlias, isMap, isPair, isScalar, isSeq } from 'yaml';
import type { CST, Document, Node, ParsedNode } from 'yaml';
import type { Problem, TextSpan } from '../contract/problem';
import { yamlProblem } from './yamlProblems';

/** Longest config, UTF-16 code units. */
export const MAX_TEXT = 1 << 20;
/** Deepest nesting of collections; the language itself needs 5. */
export const MAX_DEPTH = 48;
/** Most uses of anchors; and most nodes once aliases are followed. */
const MAX_ALIASES = 100;
const MAX_NODES = 100_000;
const MAX_SYNTAX_PROBLEMS = 50;

export type Path = readonly string[];

/** Where an entry of the config stands. */
export interface EntrySpans {
  /** `undefined` for items of a list and for the root. */
  readonly key: TextSpan | undefined;
  /** Of the value; empty, behind the colon, where nothing is written. */
  readonly value: TextSpan;
}

export interface ConfigDocument {
  readonly text: string;
  /** `undefined` when the text is too long or too deep to be read. */
  readonly yaml: Document.Parsed | undefined;
  /** Plain data: no prototypes but Object's and Array's, no cycles, no key `__proto__`. */
  readonly data: unknown;
  readonly problems: readonly Problem[];
  readonly spansAt: (path: Path) => EntrySpans | undefined;
}

/** Never throws, whatever the text. */
export function readDocument(text: string): ConfigDocument {
  const unreadable = (problem: Problem): ConfigDocument => ({
    text,
    yaml: undefined,
    data: undefined,
    problems: [problem],
    spansAt: () => undefined,
  });
  if (text.length > MAX_TEXT) return unreadable(wholeFile('too-large', tooLarge(text.length)));
  const tokens = [...new Parser().parse(text)];
  if (deeperThan(tokens, MAX_DEPTH)) return unreadable(wholeFile('too-deep', tooDeep));

  const documents = [
    ...new Composer({ uniqueKeys: false, strict: true }).compose(tokens, true, text.length),
  ];
  const yaml = documents[0]!;
  const problems = documents
    .flatMap((document) => [...document.errors, ...document.warnings])
    .slice(0, MAX_SYNTAX_PROBLEMS)
    .map((error) => yamlProblem(text, error));
  if (documents[1]) {
    const [start] = documents[1].range;
    problems.push({
      code: 'several-documents',
      severity: 'error',
      message: 'A config is one YAML document: delete this one, and the `---` before it.',
      span: { start: Math.min(start, text.length), end: text.length },
    });
  }
  const reader = new DocumentReader(text);
  const data = reader.read(yaml.contents);
  return {
    text,
    yaml: yaml,
    data,
    problems: [...problems, ...reader.problems],
    spansAt: (path) => reader.spans.get(pathKey(path)),
  };
}

const tooLarge = (length: number) =>
  `The config has ${length} characters, more than the ${MAX_TEXT} that are read: check that this is the file you meant.`;
const tooDeep = `The config is nested more than ${MAX_DEPTH} levels deep, and nothing in the language needs that: check the brackets and the indentation.`;

function wholeFile(code: string, message: string): Problem {
  return { code, severity: 'error', message, span: { start: 0, end: 0 } };
}

/** Whether collections nest deeper than `limit`; without recursion, since the point is to protect what recurses. */
function deeperThan(tokens: readonly CST.Token[], limit: number): boolean {
  const open: { token: CST.Token; depth: number }[] = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = open.pop(); next; next = open.pop()) {
    const { token, depth } = next;
    if (depth > limit) return true;
    if (token.type === 'document') {
      if (token.value) open.push({ token: token.value, depth });
    } else if ('items' in token) {
      for (const item of token.items) {
        if (item.key) open.push({ token: item.key, depth: depth + 1 });
        if (item.value) open.push({ token: item.value, depth: depth + 1 });
      }
    }
  }
  return false;
}

/** One text for a path, as a key of maps. */
function pathKey(path: Path): string {
  return JSON.stringify(path);
}

class DocumentReader {
  readonly problems: Problem[] = [];
  readonly spans = new Map<string, EntrySpans>();
  private readonly anchors = new Map<string, Node>();
  private readonly entered = new Set<Node>();
  private aliases = 0;
  private nodes = 0;

  constructor(private readonly text: string) {}

  read(root: Node | null): unknown {
    const span = root ? this.spanOf(root) : { start: 0, end: 0 };
    this.spans.set(pathKey([]), { key: undefined, value: span });
    return root ? this.value(root, []) : null;
  }

  private value(node: Node, path: Path): unknown {
    if (++this.nodes > MAX_NODES) {
      this.tooMany(node);
      return undefined;
    }
    if (isAlias(node)) return this.aliased(node.source, node, path);
    if ('anchor' in node && typeof node.anchor === 'string') this.anchors.set(node.anchor, node);
    if (isScalar(node)) return node.value;
    if (path.length > MAX_DEPTH || this.entered.has(node)) {
      this.report('recursive-alias', node, 'This contains itself by its own anchor: write it out.');
      return undefined;
    }
    this.entered.add(node);
    const value = isMap(node)
      ? this.mapping(node.items, path)
      : isSeq(node)
        ? node.items.map((item, index) => this.item(item as Node, [...path, String(index)]))
        : undefined;
    this.entered.delete(node);
    return value;
  }

  private item(node: Node, path: Path): unknown {
    if (isPair(node)) {
      this.report(
        'wrong-type',
        node,
        'A list item with a key of its own: write it as `{ key: value }`.',
      );
      return undefined;
    }
    this.spans.set(pathKey(path), { key: undefined, value: this.spanOf(node) });
    return this.value(node, path);
  }

  private mapping(pairs: readonly unknown[], path: Path): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    for (const pair of pairs) {
      if (!isPair(pair)) continue;
      const key = pair.key as Node | null;
      const value = pair.value as Node | null;
      const name = this.keyName(key);
      if (name === undefined || key === null) continue;
      if (Object.hasOwn(result, name)) {
        this.report(
          'duplicate-key',
          key,
          `\`${shown(name)}\` is written twice here: delete one of them.`,
        );
        continue;
      }
      const keySpan = this.spanOf(key);
      const valueSpan = value ? this.spanOf(value) : { start: keySpan.end, end: keySpan.end };
      this.spans.set(pathKey([...path, name]), { key: keySpan, value: valueSpan });
      result[name] = value ? this.value(value, [...path, name]) : null;
    }
    return result;
  }

  private keyName(key: Node | null): string | undefined {
    const scalar = key && isAlias(key) ? this.anchors.get(key.source) : key;
    if (!isScalar(scalar) || typeof scalar.value === 'symbol') {
      if (key) this.report('bad-key', key, 'A key must be a plain name.');
      return undefined;
    }
    const name = String(scalar.value);
    if (name === '__proto__') {
      this.report('unknown-key', key!, `\`${shown(name)}\` is no key of the language.`);
      return undefined;
    }
    return name;
  }

  private aliased(name: string, node: Node, path: Path): unknown {
    if (++this.aliases > MAX_ALIASES) {
      this.tooMany(node);
      return undefined;
    }
    const target = this.anchors.get(name);
    if (target) return this.value(target, path);
    this.report(
      'unknown-anchor',
      node,
      `No value above carries the anchor \`&${shown(name)}\`: give it to one, or write the value out.`,
    );
    return undefined;
  }

  private tooMany(node: Node): void {
    if (!this.problems.some((problem) => problem.code === 'too-many-aliases')) {
      const limits = `${MAX_ALIASES} uses of anchors or ${MAX_NODES} values`;
      this.report(
        'too-many-aliases',
        node,
        `The config has more than ${limits}: write it shorter.`,
      );
    }
  }

  private spanOf(node: Node): TextSpan {
    const [start, end] = (node as ParsedNode).range;
    return { start: Math.min(start, this.text.length), end: Math.min(end, this.text.length) };
  }

  private report(code: string, node: Node, message: string): void {
    const first = isPair(node) ? (node.key as Node | null) : node;
    const span = first ? this.spanOf(first) : { start: 0, end: 0 };
    this.problems.push({ code, severity: 'error', message, span });
  }
}

/** A name from the text as a message shows it: on one line, not too long. */
export function shown(name: string): string {
  const plain = name.replace(/\p{C}/gu, '\uFFFD');
  return plain.length > 60 ? `${plain.slice(0, 57)}…` : plain;
}
