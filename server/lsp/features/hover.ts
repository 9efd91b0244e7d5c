/** Hover: documentation, shapes, parameters, FLOPs, current α. */
import { MarkupKind, type Hover, type HoverParams } from 'vscode-languageserver';
import { hoverAt } from '../../language/editor/hover';
import { aboutConfig } from '../answering';
import type { LanguageContext } from '../context';
import { rangeOf } from '../positions';
import { weightsFor } from './inlayHints';

export function registerHover(context: LanguageContext): void {
  context.connection.onHover(
    aboutConfig<HoverParams, Hover | null>(context, 'hover', null, (snapshot, { position }) => {
      const { checked, lines } = snapshot;
      const found = hoverAt(checked, lines.offsetAt(position), weightsFor(context, snapshot));
      return found
        ? {
            range: rangeOf(lines, found.span),
            contents: { kind: MarkupKind.Markdown, value: found.markdown },
          }
        : null;
    }),
  );
}
