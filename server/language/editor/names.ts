/** The name of a component, or of a stack that is a baseline, across a config: where it is defined, where it is used, and a new name for all of it. */
import { isScalar } from 'yaml';
import type { Scalar } from 'yaml';
import { SEARCHED_SUBJECT } from '../../contract/events';
import type { TextEdit, TextSpan } from '../../contract/problem';
import type { CheckedConfig } from '../checkConfig';
import { shown, type ConfigDocument, type Path } from '../configDocument';
import { configSchema } from '../schema';
import { sweptPath } from '../sweep';
import { componentNames, entriesOf, fits, innerSpan, keysOf } from './entries';

const stackNames = ({ data }: ConfigDocument): readonly string[] =>
  keysOf(data, ['baselines', 'stacks']);

const subjectNames = (document: ConfigDocument): readonly string[] => [
  ...componentNames(document),
  ...stackNames(document),
];

/** One place that says a component's name. */
interface Occurrence {
  readonly name: string;
  readonly isDefinition: boolean;
  /** The name itself, quotes left out: what a rename replaces. */
  readonly span: TextSpan;
  /** What stands at the place that means it: `span`, or the alias that stands for it. */
  readonly place: TextSpan;
}

const DEFINITIONS: readonly Path[] = [
  ['components', '*'],
  ['baselines', 'stacks', '*'],
];
const VALUES: readonly Path[] = [
  ['hybrid', 'tokenizer'],
  ['hybrid', 'mixture', '*', 'pin'],
  ['hybrid', 'mixture', '*', 'prune', '*'],
];
const KEYS: readonly Path[] = [
  ['hybrid', 'mixture', '*', 'pin', '*'],
  ['hybrid', 'mixture', '*', 'init', '*'],
];

/** Whether a key at `path` gives a component or a stack its name. */
export function isDefinition(path: Path): boolean {
  return DEFINITIONS.some((pattern) => fits(path, pattern));
}

/** Whether a value at `path` is a component's name. */
export function namesComponent(path: Path): boolean {
  return VALUES.some((pattern) => fits(sweptPath(path), pattern));
}

/** Whether the keys of a mapping at `path` are names of components that are defined elsewhere. */
export function keysNameComponents(path: Path): boolean {
  return KEYS.some((pattern) => fits([...path, '*'], pattern));
}

/** Where the component is defined that the caret stands on. */
export function definitionAt(checked: CheckedConfig, offset: number): TextSpan | undefined {
  const found = occurrenceAt(checked.document, offset);
  if (!found) return undefined;
  return occurrences(checked.document).find(
    ({ isDefinition, name }) => isDefinition && name === found.name,
  )?.span;
}

/** Every place of the component that the caret stands on, its definition first. */
export function referencesAt(checked: CheckedConfig, offset: number): readonly TextSpan[] {
  const found = occurrenceAt(checked.document, offset);
  return found ? distinct(placesOf(checked.document, found.name).map(({ place }) => place)) : [];
}

/** What a rename at the caret would replace; `undefined` where no component of the config is named. */
export function renameRangeAt(
  checked: CheckedConfig,
  offset: number,
): { readonly span: TextSpan; readonly name: string } | undefined {
  const found = occurrenceAt(checked.document, offset);
  if (!found || !subjectNames(checked.document).includes(found.name)) return undefined;
  return { span: found.place, name: found.name };
}

/** The edits that give the component at the caret another name everywhere, or the sentence that says why not. */
export function renameAt(
  checked: CheckedConfig,
  offset: number,
  newName: string,
): { readonly edits: readonly TextEdit[] } | { readonly refused: string } {
  const target = renameRangeAt(checked, offset);
  if (!target) {
    return { refused: 'Only components can be renamed: put the caret on the name of one.' };
  }
  if (newName === target.name) return { edits: [] };
  const { document } = checked;
  const refused = refusal(newName, componentNames(document), stackNames(document));
  if (refused !== undefined) return { refused };
  const spans = distinct(placesOf(checked.document, target.name).map(({ span }) => span));
  return { edits: spans.map((span) => ({ span, text: newName })) };
}

/** Names that events and reports use for something else. */
export const RESERVED_NAMES: readonly string[] = ['hybrid', 'uniform', SEARCHED_SUBJECT];

/** Whether YAML reads an unquoted word as something other than a text. */
export function readsAsOther(word: string): boolean {
  return /^(null|true|false|\.inf|\.nan|\.\d+(e[+-]?\d+)?)$/i.test(word);
}

/** Why a component can't have this name; `undefined` when it can. */
export function refusal(
  name: string,
  taken: readonly string[],
  stacks: readonly string[] = [],
): string | undefined {
  const written = `\`${shown(name)}\``;
  if (!configSchema.shape.components.keyType.safeParse(name).success) {
    return `${written} can’t name a component: begin with a letter, go on with letters, digits, \`_\` or \`-\`.`;
  }
  if (RESERVED_NAMES.includes(name)) {
    return `${written} is what events and reports call something else: take another name.`;
  }
  if (readsAsOther(name)) return `YAML reads ${written} as no text: take another name.`;
  if (taken.includes(name)) return `There is a component ${written} already: take another name.`;
  if (stacks.includes(name)) return `There is a stack ${written} already: take another name.`;
  return undefined;
}

/** The component's name under the caret; a caret right behind it counts. */
export function componentNameAt(
  document: ConfigDocument,
  offset: number,
): { readonly name: string; readonly span: TextSpan } | undefined {
  const found = occurrenceAt(document, offset);
  return found && { name: found.name, span: found.place };
}

function occurrenceAt(document: ConfigDocument, offset: number): Occurrence | undefined {
  return occurrences(document).find(
    ({ place }) => place.start <= offset && offset <= place.end && place.end > place.start,
  );
}

function placesOf(document: ConfigDocument, name: string): readonly Occurrence[] {
  const all = occurrences(document).filter((occurrence) => occurrence.name === name);
  const definitions = all.filter((occurrence) => occurrence.isDefinition);
  return [...definitions, ...all.filter((occurrence) => !occurrence.isDefinition)];
}

const remembered = new WeakMap<ConfigDocument, readonly Occurrence[]>();

function occurrences(document: ConfigDocument): readonly Occurrence[] {
  const known = remembered.get(document);
  if (known) return known;
  const { text } = document;
  const found: Occurrence[] = [];
  const add = (node: Scalar, defines: boolean, alias: TextSpan | undefined) => {
    if (!isWord(node)) return;
    const span = innerSpan(node, text);
    found.push({ name: String(node.value), isDefinition: defines, span, place: alias ?? span });
  };
  for (const { path, keyNode, node, alias } of entriesOf(document)) {
    const defines = isDefinition(path);
    const isKey = defines || KEYS.some((pattern) => fits(sweptPath(path), pattern));
    if (isKey && keyNode) add(keyNode, defines, undefined);
    if (namesComponent(path) && isScalar(node) && typeof node.value === 'string') {
      add(node, false, alias);
    }
  }
  remembered.set(document, found);
  return found;
}

/** A scalar on one line whose text can be replaced in place. */
function isWord(node: Scalar): boolean {
  return node.type === 'PLAIN' || node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE';
}

function distinct(spans: readonly TextSpan[]): readonly TextSpan[] {
  const seen = new Set<number>();
  return spans.filter(({ start }) => !seen.has(start) && seen.add(start));
}
