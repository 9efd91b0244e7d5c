/** Writes the pins and prunings of a run into a config: the smallest edit that says them, comments and style kept. */
import { isAlias, isMap, isSeq } from 'yaml';
import type { TextEdit } from '../../contract/problem';
import type { CheckedConfig } from '../checkConfig';
import { readDocument, type ConfigDocument } from '../configDocument';
import { editCollection, type Insertion } from './collectionEdit';
import {
  componentNames,
  dataAt,
  entriesOf,
  entryAt,
  keysOf,
  samePath,
  type Entry,
} from './entries';
import {
  entryText,
  isSameState,
  pinText,
  pruneText,
  quotedName,
  weightText,
  writtenState,
  type BlockState,
} from './mixtureState';
import { MIXTURE, mixtureTextOf, type MixtureText, type NewBlock } from './mixtureText';
import { applied, difference, eolOf, merged } from './textEdits';

export type { BlockState } from './mixtureState';

/**
 * Edits after which the config pins and prunes what `state` says, by block; what else stands in `hybrid.mixture`
 * (`init`, comments) stays. None where the config says it already, and none where its text is too broken to be edited or
 * names in `state` are no components of it.
 */
export function mixtureEdit(
  checked: CheckedConfig,
  state: readonly BlockState[],
): readonly TextEdit[] {
  const { document } = checked;
  const wanted = wantedStates(document, state);
  if (!isEditable(document) || says(document, wanted)) return [];
  const { text } = document;
  for (const attempt of [stepwise, writtenOut, rewritten]) {
    const edits = attempt(document, wanted);
    const after = edits && readDocument(applied(text, edits));
    if (after && says(after, wanted) && keepsTheRest(document, after)) return edits;
  }
  return [];
}

/**
 * The edits for one block of a config in a plain style. `undefined` where the text has aliases: an edit there could mean
 * more than that block.
 * @param block from 1
 */
export function blockEdit(
  document: ConfigDocument,
  block: number,
  state: BlockState,
): readonly TextEdit[] | undefined {
  if (!isEditable(document) || entriesOf(document).some(({ node }) => isAlias(node))) {
    return undefined;
  }
  return stepwise(document, new Map([[block, state]]));
}

/** Whether what stands beside pins and prunings in each block is still the same. */
function keepsTheRest(before: ConfigDocument, after: ConfigDocument): boolean {
  const rest = ({ data }: ConfigDocument, block: string) =>
    keysOf(data, [...MIXTURE, block])
      .filter((key) => key !== 'pin' && key !== 'prune')
      .map((key) => [key, dataAt(data, [...MIXTURE, block, key])]);
  return keysOf(before.data, MIXTURE).every(
    (block) => JSON.stringify(rest(before, block)) === JSON.stringify(rest(after, block)),
  );
}

/** Of the blocks that the config has; those whose state names what isn't its component stay as they are. */
function wantedStates(document: ConfigDocument, state: readonly BlockState[]): Wanted {
  const { data } = document;
  const names = new Set(keysOf(data, ['components']));
  const count = dataAt(data, ['hybrid', 'blocks']);
  const blocks = typeof count === 'number' ? Math.min(count, state.length) : state.length;
  const wanted = new Map<number, BlockState>();
  for (const key of keysOf(document.data, MIXTURE)) {
    if (/^[1-9]\d*$/.test(key)) wanted.set(Number(key), writtenState(document, Number(key)));
  }
  state.slice(0, Math.max(0, blocks)).forEach((block, index) => {
    const named = [...Object.keys(block.pin ?? {}), ...block.prune];
    if (named.every((name) => names.has(name))) wanted.set(index + 1, block);
  });
  return wanted;
}

function isEditable(document: ConfigDocument): boolean {
  const isBroken = document.problems.some(({ severity }) => severity === 'error');
  return (
    !isBroken && isMap(entryAt(document, ['hybrid'])?.node) && componentNames(document).length > 0
  );
}

function says(document: ConfigDocument, wanted: Wanted): boolean {
  if (document.problems.some(({ severity }) => severity === 'error')) return false;
  return [...wanted].every(([block, state]) => isSameState(writtenState(document, block), state));
}

type Wanted = ReadonlyMap<number, BlockState>;

function stepwise(document: ConfigDocument, wanted: Wanted): readonly TextEdit[] | undefined {
  const { text } = document;
  // Lines are taken out and put in whole: the last one gets its end for as long.
  const eol = eolOf(text);
  if (!text.endsWith('\n')) {
    const ended = readDocument(text + eol);
    const edits = stepwise(ended, wanted);
    return edits && difference(text, applied(ended.text, edits).slice(0, -eol.length));
  }
  const changed = [...wanted].filter(
    ([block, state]) => !isSameState(writtenState(document, block), state),
  );
  const edits = new MixtureWriter(mixtureTextOf(document), document).edits(changed);
  return edits && merged(edits);
}

class MixtureWriter {
  constructor(
    private readonly mixture: MixtureText,
    private readonly document: ConfigDocument,
  ) {}

  /** `undefined` where a style is met that isn't edited step by step. */
  edits(changed: readonly (readonly [number, BlockState])[]): readonly TextEdit[] | undefined {
    const removed = new Set<number>();
    const inner: TextEdit[] = [];
    const added: NewBlock[] = [];
    const parts = this.mixture.partsOf(MIXTURE);
    for (const [block, state] of changed) {
      const index = parts.findIndex(({ path }) => path[2] === String(block));
      const entry = parts[index];
      if (!entry) {
        added.push({ block, text: entryText(state) });
      } else if (isEmpty(state) && this.hasNothingElse(entry) && !this.hasAll) {
        removed.add(index);
      } else {
        const edits = this.editBlock(entry, state);
        if (!edits) return undefined;
        inner.push(...edits);
      }
    }
    const outer = this.mixture.editBlocks(removed, added);
    return outer && [...inner, ...outer];
  }

  /** Then a block without an entry of its own isn't one of which nothing is said. */
  private get hasAll(): boolean {
    return keysOf(this.document.data, MIXTURE).includes('all');
  }

  private hasNothingElse({ path, node }: Entry): boolean {
    if (isAlias(node)) return false;
    return keysOf(this.document.data, path).every((key) => key === 'pin' || key === 'prune');
  }

  private editBlock(entry: Entry, state: BlockState): readonly TextEdit[] | undefined {
    const { node, path } = entry;
    if (isAlias(node)) return undefined;
    if (isEmpty(state) && this.hasNothingElse(entry)) {
      return this.mixture.replaceValue(entry, entryText(state));
    }
    if (!isMap(node) || node.items.length === 0)
      return this.mixture.replaceValue(entry, entryText(state));
    const parts = this.mixture.partsOf(path);
    const removed = new Set<number>();
    const insertions: Insertion[] = [];
    const inner: TextEdit[] = [];
    const current = writtenState(this.document, Number(path[2]));
    const pin = parts.findIndex((part) => part.path[3] === 'pin');
    const prune = parts.findIndex((part) => part.path[3] === 'prune');
    if (!isSameState({ pin: current.pin, prune: [] }, { pin: state.pin, prune: [] })) {
      if (!state.pin) removed.add(pin);
      else if (pin < 0) insertions.push({ after: -1, text: `pin: ${pinText(state.pin)}` });
      else {
        const edits = this.editPin(parts[pin]!, state.pin);
        if (!edits) return undefined;
        inner.push(...edits);
      }
    }
    if (!isSameState({ pin: undefined, prune: current.prune }, { ...state, pin: undefined })) {
      if (state.prune.length === 0) removed.add(prune);
      else if (prune < 0) {
        insertions.push({ after: parts.length - 1, text: `prune: ${pruneText(state.prune)}` });
      } else {
        const edits = this.editPrune(parts[prune]!, state.prune);
        if (!edits) return undefined;
        inner.push(...edits);
      }
    }
    removed.delete(-1);
    const outer = editCollection(this.mixture.whole, node, parts, removed, insertions);
    return outer && [...inner, ...outer];
  }

  private editPin(
    entry: Entry,
    pin: Readonly<Record<string, number>>,
  ): readonly TextEdit[] | undefined {
    const weights = Object.entries(pin).filter(([, weight]) => weight > 0);
    const parts = this.mixture.partsOf(entry.path);
    const isOne = weights.length === 1;
    if (!isMap(entry.node) || isOne || parts.length === 0) {
      return this.mixture.replaceValue(entry, pinText(pin));
    }
    const removed = new Set<number>();
    const edits: TextEdit[] = [];
    parts.forEach((part, index) => {
      const name = part.path.at(-1)!;
      const weight = Object.hasOwn(pin, name) ? pin[name]! : 0;
      const written = dataAt(this.document.data, part.path);
      if (weight > 0 && isAlias(part.node))
        edits.push({ span: part.value, text: weightText(weight) });
      else if (weight === 0 && written !== 0) removed.add(index);
      else if (weight > 0 && written !== weight) {
        edits.push({ span: part.value, text: weightText(weight) });
      }
    });
    const written = new Set(parts.map(({ path }) => path.at(-1)!));
    const insertions = weights
      .filter(([name]) => !written.has(name))
      .map(([name, weight]) => ({
        after: parts.length - 1,
        text: `${quotedName(name)}: ${weightText(weight)}`,
      }));
    const outer = editCollection(this.mixture.whole, entry.node, parts, removed, insertions);
    return outer && [...edits, ...outer];
  }

  private editPrune(entry: Entry, prune: readonly string[]): readonly TextEdit[] | undefined {
    const parts = this.mixture.partsOf(entry.path);
    if (!isSeq(entry.node) || parts.length === 0)
      return this.mixture.replaceValue(entry, pruneText(prune));
    const removed = new Set<number>();
    const kept = new Set<unknown>();
    parts.forEach((part, index) => {
      const name = dataAt(this.document.data, part.path);
      if (typeof name === 'string' && prune.includes(name) && !kept.has(name)) kept.add(name);
      else removed.add(index);
    });
    const insertions = prune
      .filter((name) => !kept.has(name))
      .map((name) => ({ after: parts.length - 1, text: quotedName(name) }));
    return editCollection(this.mixture.whole, entry.node, parts, removed, insertions);
  }
}

const isEmpty = ({ pin, prune }: BlockState) => pin === undefined && prune.length === 0;

/** Step by step, after every alias inside `hybrid.mixture` is written out. */
function writtenOut(document: ConfigDocument, wanted: Wanted): readonly TextEdit[] | undefined {
  const expanded = withoutAliases(document);
  const edits = expanded && stepwise(expanded, wanted);
  return edits && difference(document.text, applied(expanded.text, edits));
}

/** The document with every alias inside `hybrid.mixture` written out; `undefined` where there is none. */
function withoutAliases(document: ConfigDocument): ConfigDocument | undefined {
  const edits = entriesOf(document).flatMap(({ path, node, value, through }) => {
    const isInside = samePath(path.slice(0, 2), MIXTURE) && !through && isAlias(node);
    return isInside ? [{ span: value, text: flowText(dataAt(document.data, path)) }] : [];
  });
  return edits.length === 0 ? undefined : readDocument(applied(document.text, merged(edits)));
}

/** Plain data on one line. */
export function flowText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flowText).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(
      ([key, inner]) => `${keyText(key)}: ${flowText(inner)}`,
    );
    return `{ ${entries.join(', ')} }`;
  }
  if (typeof value === 'string') return quotedName(value);
  return String(value);
}

const keyText = (key: string) => (/^[1-9]\d*$/.test(key) ? key : quotedName(key));

/** The last resort: `hybrid.mixture` as a whole, written anew. */
function rewritten(document: ConfigDocument, wanted: Wanted): readonly TextEdit[] | undefined {
  const mixture = entryAt(document, MIXTURE);
  if (!mixture?.node || mixture.value.end <= mixture.value.start) return undefined;
  const blocks = new Set([...keysOf(document.data, MIXTURE), ...[...wanted.keys()].map(String)]);
  const entries = [...blocks].flatMap((block) => {
    const written = dataAt(document.data, [...MIXTURE, block]);
    const place = block === 'all' ? block : Number(block);
    const state =
      (place === 'all' ? undefined : wanted.get(place)) ?? writtenState(document, place);
    const rest = Object.entries(typeof written === 'object' && written !== null ? written : {})
      .filter(([key]) => key !== 'pin' && key !== 'prune')
      .map(([key, value]): string => `${keyText(key)}: ${flowText(value)}`);
    if (isEmpty(state) && rest.length === 0 && !blocks.has('all')) return [];
    return [`${keyText(block)}: ${entryText(state, rest)}`];
  });
  return [{ span: mixture.value, text: entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }` }];
}
