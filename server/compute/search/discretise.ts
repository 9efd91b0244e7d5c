/** After the search: α of the fine-tuning, and the component that the search selects. Pure. */
import type { FinetuneSettings } from '../../contract/config';
import type { Alphas, Selection } from '../../contract/events';
import { normaliseOver } from './architecture';

/**
 * `soft`: as found. `argmax`: one-hot on the largest entry (the first of equals). `threshold`: entries below t dropped and
 * the rest renormalised; where all are below t the largest stays. A row that loses nothing is as it was, to the bit.
 */
export function discretise(
  alphas: readonly (readonly number[])[],
  how: FinetuneSettings['alphas'],
): Alphas {
  return alphas.map((row) => {
    if (how === 'soft') return [...row];
    const largest = row.indexOf(Math.max(...row));
    const kept = row.map((value, m) =>
      how === 'argmax' ? m === largest : m === largest || value >= how.threshold,
    );
    const losesNothing = row.every((value, m) => value === 0 || kept[m]);
    return losesNothing ? [...row] : normaliseOver(kept, row);
  });
}

/** Uniform over the live components of each block. */
export function uniformAlphas(live: readonly (readonly boolean[])[]): Alphas {
  return live.map((row) =>
    normaliseOver(
      row,
      row.map(() => 0),
    ),
  );
}

/** One-hot on one component in every block: the component itself. */
export function componentAlphas(blocks: number, components: number, component: number): Alphas {
  return Array.from({ length: blocks }, () =>
    Array.from({ length: components }, (_, m) => (m === component ? 1 : 0)),
  );
}

/** Entry by entry; at least one table. */
export function meanAlphas(tables: readonly Alphas[]): Alphas {
  return tables[0]!.map((row, i) =>
    row.map((_, m) => tables.reduce((sum, table) => sum + table[i]![m]!, 0) / tables.length),
  );
}

/** The component with the largest α over blocks and seeds; the first of equals. */
export function selectComponent(alphas: Alphas, names: readonly string[]): Selection {
  const means = names.map((_, m) => alphas.reduce((sum, row) => sum + row[m]!, 0) / alphas.length);
  return {
    component: names[means.indexOf(Math.max(...means))]!,
    meanAlpha: Object.fromEntries(names.map((name, m) => [name, means[m]!])),
  };
}
