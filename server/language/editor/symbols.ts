/** The outline of a config: its sections, components, blocks and settings. */
import { isMap, isScalar, isSeq } from 'yaml';
import type { TextSpan } from '../../contract/problem';
import type { CheckedConfig } from '../checkConfig';
import { shown, type Path } from '../configDocument';
import { entriesOf, type Entry } from './entries';

export interface OutlineNode {
  readonly name: string;
  /** A short look at the value; may be empty. */
  readonly detail: string;
  readonly kind: 'section' | 'component' | 'block' | 'setting';
  readonly span: TextSpan;
  /** Lies inside `span`. */
  readonly selection: TextSpan;
  readonly children: readonly OutlineNode[];
}

interface Growing extends OutlineNode {
  readonly children: OutlineNode[];
}

export function outline(checked: CheckedConfig): readonly OutlineNode[] {
  const { document } = checked;
  const roots: OutlineNode[] = [];
  const open: { depth: number; node: Growing }[] = [];
  for (const entry of entriesOf(document)) {
    if (entry.through || !entry.key || isInList(entry, open.length)) continue;
    const depth = entry.path.length;
    while (open.length > 0 && open.at(-1)!.depth >= depth) open.pop();
    // Entries of lists have no key: what lies below them is left out.
    if (depth > 1 && open.at(-1)?.depth !== depth - 1) continue;
    const node = nodeOf(entry, document.text);
    const siblings = open.at(-1)?.node.children ?? roots;
    siblings.push(node);
    open.push({ depth, node });
  }
  return roots;
}

const isInList = (entry: Entry, open: number) => open === 0 && entry.path.length > 1;

function nodeOf(entry: Entry, text: string): Growing {
  const { path, key, span } = entry;
  const name = shown(path.at(-1)!);
  const kind = kindOf(path, entry);
  return {
    name: kind === 'block' ? `block ${name}` : name === '' ? '“”' : name,
    detail: detailOf(entry, text),
    kind,
    span,
    selection: key!,
    children: [],
  };
}

function kindOf(path: Path, { node }: Entry): OutlineNode['kind'] {
  if (path.length === 2 && path[0] === 'components') return 'component';
  if (path.length === 3 && path[0] === 'hybrid' && path[1] === 'mixture') return 'block';
  return isMap(node) || (path.length === 1 && isSeq(node)) ? 'section' : 'setting';
}

const MAX_DETAIL = 60;

function detailOf({ node, value, path }: Entry, text: string): string {
  if (isScalar(node)) return shown(text.slice(value.start, value.end));
  if (node === null || (isMap(node) && path.length === 1)) return '';
  if (isMap(node) && node.flow !== true) {
    const source: unknown = node.get('source');
    return typeof source === 'string' ? shown(source) : '';
  }
  const written = text.slice(value.start, Math.min(value.end, value.start + 4 * MAX_DETAIL));
  return shown(written.replace(/\s+/g, ' '));
}
