/** A component's layers cut into N consecutive groups, as even as possible. */

/** Layers [first, end) of a component, from 0. */
export interface LayerRange {
  readonly first: number;
  readonly end: number;
}

/**
 * The first `layers mod blocks` groups get one layer more.
 * @throws RangeError unless 1 ≤ blocks ≤ layers (callers report it as a problem first)
 */
export function splitLayers(layers: number, blocks: number): readonly LayerRange[] {
  if (!Number.isInteger(blocks) || blocks < 1 || blocks > layers) {
    throw new RangeError(`cannot cut ${layers} layers into ${blocks} groups`);
  }
  const base = Math.floor(layers / blocks);
  const longer = layers % blocks;
  const groups: LayerRange[] = [];
  let first = 0;
  for (let block = 0; block < blocks; block++) {
    const end = first + base + (block < longer ? 1 : 0);
    groups.push({ first, end });
    first = end;
  }
  return groups;
}
