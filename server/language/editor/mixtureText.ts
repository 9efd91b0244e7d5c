/** `hybrid.mixture` as it is written: blocks put into it, taken out of it, and values replaced, whatever its style. */
import { isAlias, isMap } from 'yaml';
import type { TextEdit } from '../../contract/problem';
import type { ConfigDocument, Path } from '../configDocument';
import { lineStartOf } from './caret';
import {
  editCollection,
  keptComments,
  lineDeletion,
  nextLine,
  type EditedText,
} from './collectionEdit';
import { entriesOf, samePath, type Entry } from './entries';
import { commentSpans, eolOf } from './textEdits';

export const MIXTURE: Path = ['hybrid', 'mixture'];

/** An entry that isn't written yet. */
export interface NewBlock {
  /** From 1. */
  readonly block: number;
  /** Its value, on one line. */
  readonly text: string;
}

export type { MixtureText };

const remembered = new WeakMap<ConfigDocument, MixtureText>();

export function mixtureTextOf(document: ConfigDocument): MixtureText {
  const known = remembered.get(document);
  if (known) return known;
  const mixture = new MixtureText(document);
  remembered.set(document, mixture);
  return mixture;
}

/** Every method that edits gives `undefined` where a style is met that it doesn't know. */
class MixtureText {
  readonly whole: EditedText;
  private readonly eol: string;
  private readonly children = new Map<string, Entry[]>();

  constructor(document: ConfigDocument) {
    const { text } = document;
    this.whole = { text, comments: commentSpans(text) };
    this.eol = eolOf(text);
    for (const entry of entriesOf(document)) {
      if (entry.through || entry.path.length === 0) continue;
      const parent = JSON.stringify(entry.path.slice(0, -1));
      const siblings = this.children.get(parent);
      if (siblings) siblings.push(entry);
      else this.children.set(parent, [entry]);
    }
  }

  entry(path: Path): Entry | undefined {
    const siblings = this.partsOf(path.slice(0, -1));
    return siblings.find((entry) => samePath(entry.path, path));
  }

  /** What stands in the mapping or list at `path`, in the order of the text. */
  partsOf(path: Path): readonly Entry[] {
    return this.children.get(JSON.stringify(path)) ?? [];
  }

  /** @param removed places of entries that go, @param added in ascending order */
  editBlocks(
    removed: ReadonlySet<number>,
    added: readonly NewBlock[],
  ): readonly TextEdit[] | undefined {
    const parts = this.partsOf(MIXTURE);
    const mixture = this.entry(MIXTURE);
    if (removed.size === 0 && added.length === 0) return [];
    if (!mixture || parts.length === 0) {
      const lines = added.map(({ block, text }) => `${block}: ${text}`);
      return mixture ? this.fillMixture(mixture, lines) : this.addMixture(lines);
    }
    if (removed.size === parts.length && added.length === 0) return this.removeMixture(mixture);
    const insertions = added.map(({ block, text }) => ({
      after: lastBefore(parts, block),
      text: `${block}: ${text}`,
    }));
    return editCollection(this.whole, mixture.node!, parts, removed, insertions);
  }

  private removeMixture(mixture: Entry): readonly TextEdit[] | undefined {
    const hybrid = this.entry(['hybrid'])!;
    const parts = this.partsOf(['hybrid']);
    const index = parts.indexOf(mixture);
    if (parts.length < 2) return this.replaceValue(mixture, '{}');
    return editCollection(this.whole, hybrid.node!, parts, new Set([index]), []);
  }

  /** Puts `text` behind the key's colon, whatever stands there; comments between stay. */
  replaceValue(entry: Entry, text: string): readonly TextEdit[] | undefined {
    const { node, value, key, span } = entry;
    const source = this.whole.text;
    const isWritten = value.end > value.start;
    const isOnLine = isWritten && !source.slice(key!.end, value.start).includes('\n');
    if (isOnLine) {
      const comments = keptComments(this.whole, value);
      const isLast = /^[ \t]*(?:\r?\n|$)/.test(source.slice(value.end));
      return [{ span: value, text: text + (isLast ? comments.trimEnd() : comments) }];
    }
    const colon = /^[ \t]*:/.exec(source.slice(key!.end));
    if (!colon) return undefined;
    const at = key!.end + colon[0].length;
    if (!isWritten) return [{ span: { start: at, end: at }, text: ` ${text}` }];
    if (entry.inFlow || !node) return undefined;
    const rest = nextLine(source, at);
    const from = source.slice(rest, value.start).search(/\S/);
    const start = from < 0 ? value.start : rest + from;
    return [
      { span: { start: at, end: at }, text: ` ${text}` },
      lineDeletion(this.whole, { start, end: span.end }),
    ];
  }

  /** `mixture:` is there, with nothing in it. */
  private fillMixture(mixture: Entry, lines: readonly string[]): readonly TextEdit[] | undefined {
    const { text } = this.whole;
    const { key, value, inFlow, node } = mixture;
    if (inFlow) return this.replaceValue(mixture, `{ ${lines.join(', ')} }`);
    if (isAlias(node)) return undefined;
    const indent = `${text.slice(lineStartOf(text, key!.start), key!.start)}  `;
    if (!/^ *$/.test(indent)) return undefined;
    const written = text.slice(key!.end, value.end);
    if (value.end > value.start && written.includes('\n')) return undefined;
    const colon = /^[ \t]*:/.exec(text.slice(key!.end));
    if (!colon) return undefined;
    const at = nextLine(text, value.end);
    const from = key!.end + colon[0].length;
    const block = lines.map((line) => `${indent}${line}${this.eol}`).join('');
    return [
      { span: { start: from, end: Math.max(from, value.end) }, text: '' },
      { span: { start: at, end: at }, text: block },
    ];
  }

  private addMixture(lines: readonly string[]): readonly TextEdit[] | undefined {
    const { text } = this.whole;
    const hybrid = this.entry(['hybrid'])!;
    const parts = this.partsOf(['hybrid']);
    if (!isMap(hybrid.node)) return undefined;
    const [first] = parts;
    const isFlow = hybrid.node.flow === true;
    const indent =
      first && !isFlow ? text.slice(lineStartOf(text, first.span.start), first.span.start) : '';
    const content = isFlow
      ? `mixture: { ${lines.join(', ')} }`
      : ['mixture:', ...lines.map((line) => `${indent}  ${line}`)].join(this.eol);
    const insertion = { after: parts.length - 1, text: content };
    return editCollection(this.whole, hybrid.node, parts, new Set(), [insertion]);
  }
}

/** Place of the entry with the largest number below `block`; -1 where there is none. */
function lastBefore(parts: readonly Entry[], block: number): number {
  let best = -1;
  parts.forEach(({ path }, index) => {
    const number = Number(path[2]);
    if (number < block && (best < 0 || number > Number(parts[best]!.path[2]))) best = index;
  });
  return best;
}
