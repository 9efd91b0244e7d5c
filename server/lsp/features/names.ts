/** Components' names: definition, references, highlights, rename. */
import {
  DocumentHighlightKind,
  LSPErrorCodes,
  ResponseError,
  type DefinitionParams,
  type DocumentHighlight,
  type DocumentHighlightParams,
  type Location,
  type PrepareRenameParams,
  type Range,
  type ReferenceParams,
  type RenameParams,
  type WorkspaceEdit,
} from 'vscode-languageserver';
import { definitionAt, referencesAt, renameAt, renameRangeAt } from '../../language/editor/names';
import { aboutConfig } from '../answering';
import type { LanguageContext } from '../context';
import { workspaceEdit } from '../edits';
import { rangeOf } from '../positions';

export function registerNames(context: LanguageContext): void {
  const { connection } = context;
  connection.onDefinition(
    aboutConfig<DefinitionParams, Location | null>(
      context,
      'definition',
      null,
      ({ uri, lines, checked }, { position }) => {
        const span = definitionAt(checked, lines.offsetAt(position));
        return span ? { uri, range: rangeOf(lines, span) } : null;
      },
    ),
  );
  connection.onReferences(
    aboutConfig<ReferenceParams, Location[]>(
      context,
      'references',
      [],
      ({ uri, lines, checked }, { position, context: { includeDeclaration } }) => {
        const offset = lines.offsetAt(position);
        const definition = includeDeclaration ? undefined : definitionAt(checked, offset);
        return referencesAt(checked, offset)
          .filter(({ start }) => start !== definition?.start)
          .map((span) => ({ uri, range: rangeOf(lines, span) }));
      },
    ),
  );
  connection.onDocumentHighlight(
    aboutConfig<DocumentHighlightParams, DocumentHighlight[]>(
      context,
      'highlights',
      [],
      ({ lines, checked }, { position }) => {
        const offset = lines.offsetAt(position);
        const definition = definitionAt(checked, offset);
        return referencesAt(checked, offset).map((span) => ({
          range: rangeOf(lines, span),
          kind:
            span.start === definition?.start
              ? DocumentHighlightKind.Write
              : DocumentHighlightKind.Read,
        }));
      },
    ),
  );
  registerRename(context);
}

function registerRename(context: LanguageContext): void {
  const { connection } = context;
  connection.onPrepareRename(
    aboutConfig<PrepareRenameParams, { range: Range; placeholder: string } | null>(
      context,
      'rename',
      null,
      ({ lines, checked }, { position }) => {
        const found = renameRangeAt(checked, lines.offsetAt(position));
        return found ? { range: rangeOf(lines, found.span), placeholder: found.name } : null;
      },
    ),
  );
  connection.onRenameRequest(
    aboutConfig<RenameParams, WorkspaceEdit | null>(
      context,
      'rename',
      null,
      (snapshot, { position, newName }) => {
        const { checked, lines } = snapshot;
        const renamed = renameAt(checked, lines.offsetAt(position), newName);
        if ('refused' in renamed) {
          throw new ResponseError(LSPErrorCodes.RequestFailed, renamed.refused);
        }
        return workspaceEdit(context, snapshot, renamed.edits);
      },
    ),
  );
}
