/** Formatting, comments kept. */
import type { DocumentFormattingParams, TextEdit } from 'vscode-languageserver';
import { formatConfig } from '../../language/editor/formatting';
import { aboutConfig } from '../answering';
import type { LanguageContext } from '../context';
import { editOf } from '../positions';

export function registerFormatting(context: LanguageContext): void {
  context.connection.onDocumentFormatting(
    aboutConfig<DocumentFormattingParams, TextEdit[]>(
      context,
      'formatting',
      [],
      ({ checked, lines }) =>
        formatConfig(checked.document.text).map((edit) => editOf(lines, edit)),
    ),
  );
}
