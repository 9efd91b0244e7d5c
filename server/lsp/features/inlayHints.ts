/** α at the blocks of a config, from its newest run. */
import { MarkupKind, type InlayHint, type InlayHintParams } from 'vscode-languageserver';
import { blockCount } from '../../language/editor/blocks';
import { componentNames } from '../../language/editor/entries';
import { inlayHints } from '../../language/editor/inlayHints';
import type { RunWeights } from '../../language/editor/runWeights';
import { aboutConfig } from '../answering';
import type { Snapshot } from '../checker';
import type { LanguageContext } from '../context';
import { spanOf } from '../positions';

/** What the newest run of a config says of α, where it fits the config as it stands. */
export function weightsFor(context: LanguageContext, snapshot: Snapshot): RunWeights | undefined {
  const { place, checked } = snapshot;
  const blocks = blockCount(checked);
  const components = componentNames(checked.document);
  if (place.path === undefined || blocks === undefined || components.length === 0) return undefined;
  return context.runs.weightsOf(place.path, components, blocks);
}

export function registerInlayHints(context: LanguageContext): void {
  context.connection.languages.inlayHint.on(
    aboutConfig<InlayHintParams, InlayHint[]>(context, 'inlay hints', [], (snapshot, { range }) => {
      const weights = weightsFor(context, snapshot);
      if (!weights || !context.settings.current.inlayHints.enabled) return [];
      const { checked, lines } = snapshot;
      const span = spanOf(lines, range);
      return inlayHints(checked, weights)
        .filter(({ offset }) => offset >= span.start && offset <= span.end)
        .map(({ offset, label, tooltip }) => ({
          position: lines.positionAt(offset),
          // The editor's own padding is a hair: the line's end and α would read as one word.
          label: `\u00a0${label}\u00a0`,
          tooltip: { kind: MarkupKind.Markdown, value: tooltip },
          paddingLeft: true,
        }));
    }),
  );
}
