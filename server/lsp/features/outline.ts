/** The outline, folding and selection of a config. */
import {
  FoldingRangeKind,
  SymbolKind,
  type DocumentSymbol,
  type DocumentSymbolParams,
  type FoldingRange,
  type FoldingRangeParams,
  type SelectionRange,
  type SelectionRangeParams,
} from 'vscode-languageserver';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import type { TextSpan } from '../../contract/problem';
import { entriesOf } from '../../language/editor/entries';
import { foldingSpans } from '../../language/editor/folding';
import { outline, type OutlineNode } from '../../language/editor/symbols';
import { aboutConfig } from '../answering';
import type { Snapshot } from '../checker';
import type { LanguageContext } from '../context';
import { rangeOf } from '../positions';

const KINDS: Readonly<Record<OutlineNode['kind'], SymbolKind>> = {
  section: SymbolKind.Namespace,
  component: SymbolKind.Class,
  block: SymbolKind.Field,
  setting: SymbolKind.Property,
};

export function registerOutline(context: LanguageContext): void {
  const { connection } = context;
  connection.onDocumentSymbol(
    aboutConfig<DocumentSymbolParams, DocumentSymbol[]>(
      context,
      'outline',
      [],
      ({ checked, lines }) => outline(checked).map((node) => symbolOf(node, lines)),
    ),
  );
  connection.onFoldingRanges(
    aboutConfig<FoldingRangeParams, FoldingRange[]>(context, 'folding', [], ({ checked, lines }) =>
      foldingSpans(checked).map(({ span, kind }) => ({
        startLine: lines.positionAt(span.start).line,
        endLine: lastLine(span, lines),
        kind: kind === 'comment' ? FoldingRangeKind.Comment : FoldingRangeKind.Region,
      })),
    ),
  );
  connection.onSelectionRanges(
    aboutConfig<SelectionRangeParams, SelectionRange[]>(
      context,
      'selection',
      [],
      (snapshot, { positions }) =>
        positions.map((position) => selectionAt(snapshot, snapshot.lines.offsetAt(position))),
    ),
  );
}

function symbolOf(node: OutlineNode, lines: TextDocument): DocumentSymbol {
  return {
    // Editors refuse a symbol without a name.
    name: node.name === '' ? '""' : node.name,
    detail: node.detail,
    kind: KINDS[node.kind],
    range: rangeOf(lines, node.span),
    selectionRange: rangeOf(lines, node.selection),
    children: node.children.map((child) => symbolOf(child, lines)),
  };
}

/** The last line that a span has a letter on. */
function lastLine(span: TextSpan, lines: TextDocument): number {
  const end = lines.positionAt(span.end);
  return end.character === 0 && span.end > span.start ? end.line - 1 : end.line;
}

/** From the whole text to the word at `offset`, each inside the one before it. */
function selectionAt({ checked, lines }: Snapshot, offset: number): SelectionRange {
  const { text } = checked.document;
  const spans = entriesOf(checked.document)
    .filter(({ through }) => !through)
    .flatMap(({ span, value, key }) => [span, value, ...(key ? [key] : [])])
    .filter(({ start, end }) => start <= offset && offset <= end)
    .sort((a, b) => b.end - b.start - (a.end - a.start));
  let selection: SelectionRange = { range: rangeOf(lines, { start: 0, end: text.length }) };
  let outer = { start: 0, end: text.length };
  for (const span of spans) {
    const isInside = span.start >= outer.start && span.end <= outer.end;
    if (!isInside || span.end - span.start === outer.end - outer.start) continue;
    selection = { range: rangeOf(lines, span), parent: selection };
    outer = span;
  }
  return selection;
}
