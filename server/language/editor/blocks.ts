/** Where the blocks of a hybrid stand in the text: what inlay hints and decorations hang on. */
import type { CheckedConfig } from '../checkConfig';
import { positionsIn } from '../textPosition';
import { dataAt, entriesOf, fits } from './entries';

export interface BlockAnchor {
  /** From 1; `undefined`: `hybrid.blocks`, which stands for all blocks that have no line of their own. */
  readonly block: number | undefined;
  /** End of the line's content. */
  readonly offset: number;
  /** From 0. */
  readonly line: number;
}

/** In the order of the text. */
export function blockAnchors(checked: CheckedConfig): readonly BlockAnchor[] {
  const { document } = checked;
  const { text } = document;
  const positionOf = positionsIn(text);
  const count = blockCount(checked);
  const anchor = (block: number | undefined, at: number): BlockAnchor => ({
    block,
    offset: contentEnd(text, at),
    line: positionOf(at).line - 1,
  });
  const written = entriesOf(document).flatMap(({ path, key, through }) => {
    const block = Number(path[2]);
    const isBlock =
      fits(path, ['hybrid', 'mixture', '*']) &&
      /^[1-9]\d*$/.test(path[2]!) &&
      (count === undefined || block <= count);
    return isBlock && key && !through ? [anchor(block, key.start)] : [];
  });
  const blocks = entriesOf(document).find(
    ({ path, through, key }) => key && !through && fits(path, ['hybrid', 'blocks']),
  );
  const isWhole = count !== undefined && written.length >= count;
  const rest = blocks?.key && !isWhole ? [anchor(undefined, blocks.key.start)] : [];
  return [...rest, ...written].sort((a, b) => a.offset - b.offset);
}

/** `hybrid.blocks` as written, as far as it is a number that the language takes. */
export function blockCount({ document }: CheckedConfig): number | undefined {
  const count = dataAt(document.data, ['hybrid', 'blocks']);
  const isCount = typeof count === 'number' && Number.isInteger(count) && count >= 1;
  return isCount && count <= 1024 ? count : undefined;
}

/** Where the line around `offset` ends, blanks behind its last letter left out. */
function contentEnd(text: string, offset: number): number {
  const rest = /[\r\n]/.exec(text.slice(offset));
  let end = rest ? offset + rest.index : text.length;
  while (end > offset && /[ \t]/.test(text[end - 1]!)) end--;
  return end;
}
