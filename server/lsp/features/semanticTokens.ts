/** Semantic colours: whole, of a stretch, and what changed since the last answer. */
import {
  SemanticTokensBuilder,
  type SemanticTokens,
  type SemanticTokensDelta,
  type SemanticTokensDeltaParams,
  type SemanticTokensLegend,
  type SemanticTokensParams,
  type SemanticTokensRangeParams,
} from 'vscode-languageserver';
import { semanticTokens, type SemanticToken } from '../../language/editor/tokens';
import type { TextSpan } from '../../contract/problem';
import { aboutConfig } from '../answering';
import type { Snapshot } from '../checker';
import type { LanguageContext } from '../context';
import { spanOf, touches } from '../positions';

/** Types of the language → standard ones, which every theme colours. */
const TYPES: Readonly<Record<SemanticToken['type'], string>> = {
  keyword: 'keyword',
  property: 'property',
  component: 'class',
  enumMember: 'enumMember',
  number: 'number',
  string: 'string',
};
const TYPE_NAMES = Object.values(TYPES);

export const legend: SemanticTokensLegend = {
  tokenTypes: TYPE_NAMES,
  tokenModifiers: ['declaration'],
};

export function registerSemanticTokens(context: LanguageContext): void {
  const { languages } = context.connection;
  /** Of each open config, what the client was last told. */
  const told = new Map<string, SemanticTokensBuilder>();
  context.documents.onClose((uri) => told.delete(uri));
  const builderFor = (uri: string): SemanticTokensBuilder => {
    const builder = told.get(uri) ?? new SemanticTokensBuilder();
    told.set(uri, builder);
    return builder;
  };
  const nothing: SemanticTokens = { data: [] };

  languages.semanticTokens.on(
    aboutConfig<SemanticTokensParams, SemanticTokens>(context, 'tokens', nothing, (snapshot) => {
      const builder = new SemanticTokensBuilder();
      told.set(snapshot.uri, builder);
      pushAll(builder, snapshot);
      return builder.build();
    }),
  );
  languages.semanticTokens.onDelta(
    aboutConfig<SemanticTokensDeltaParams, SemanticTokens | SemanticTokensDelta>(
      context,
      'tokens',
      nothing,
      (snapshot, { previousResultId }) => {
        const builder = builderFor(snapshot.uri);
        builder.previousResult(previousResultId);
        pushAll(builder, snapshot);
        return builder.buildEdits();
      },
    ),
  );
  languages.semanticTokens.onRange(
    aboutConfig<SemanticTokensRangeParams, SemanticTokens>(
      context,
      'tokens',
      nothing,
      (snapshot, { range }) => {
        const builder = new SemanticTokensBuilder();
        pushAll(builder, snapshot, spanOf(snapshot.lines, range));
        return { data: builder.build().data };
      },
    ),
  );
}

function pushAll(
  builder: SemanticTokensBuilder,
  { checked, lines }: Snapshot,
  within?: TextSpan,
): void {
  for (const { span, type, declaration } of semanticTokens(checked)) {
    if (within && !touches(span, within)) continue;
    const { line, character } = lines.positionAt(span.start);
    const kind = TYPE_NAMES.indexOf(TYPES[type]);
    builder.push(line, character, span.end - span.start, kind, declaration ? 1 : 0);
  }
}
