/** "Write out every block": one line in `hybrid.mixture` for each block, for hints and decorations to stand beside. */
import type { TextSpan } from '../../contract/problem';
import type { CheckedConfig } from '../checkConfig';
import { blockCount } from './blocks';
import type { Refactoring } from './codeActions';
import { dataAt, entryAt, keysOf } from './entries';
import { flowText } from './mixtureEdit';
import { MIXTURE, mixtureTextOf } from './mixtureText';
import { merged } from './textEdits';

/** Most blocks that are written out. */
const MAX_WRITTEN = 256;

export function writeOutBlocks(checked: CheckedConfig, span: TextSpan): Refactoring | undefined {
  const { document } = checked;
  const count = blockCount(checked);
  const hybrid = entryAt(document, ['hybrid']);
  const isBroken = document.problems.some(({ severity }) => severity === 'error');
  if (isBroken || !hybrid || count === undefined || count > MAX_WRITTEN) return undefined;
  if (span.end < hybrid.span.start || span.start > hybrid.span.end) return undefined;
  const written = new Set(keysOf(document.data, MIXTURE));
  const missing = Array.from({ length: count }, (_, index) => index + 1).filter(
    (block) => !written.has(String(block)),
  );
  const shared = dataAt(document.data, [...MIXTURE, 'all']);
  const text = shared == null ? '{}' : flowText(shared);
  const added = missing.map((block) => ({ block, text }));
  const edits = mixtureTextOf(document).editBlocks(new Set(), added);
  return edits && edits.length > 0
    ? { title: 'Write out every block', edits: merged(edits) }
    : undefined;
}
