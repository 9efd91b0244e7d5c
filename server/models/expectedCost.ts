/**
 * Cost-aware search: E[cost](α) / cost(all components), where a hard hybrid drawn from α takes one component a block.
 *
 * The cost of component m in block i is that of its group of layers; its embeddings count with the first block, its head with
 * the block whose α mixes the heads. Projectors are left out: at the one-hot α that is drawn the `paper` gate passes them by.
 * So a one-hot α of one component costs what that component costs alone. E is linear in α: Σ α[i]_m · cost[i]_m.
 * Symbols: N blocks i, K components m; tables are [N][K].
 */
import type { PlanTensor } from '../contract/plan';
import { groupFlops, headFlops, type HybridCostOptions } from './hybridCost';

/** Forward FLOPs a token; 0 where pruned. */
export function flopsTable(options: HybridCostOptions): number[][] {
  const head = headBlockOf(options);
  return options.live.map((live, block) =>
    options.components.map((_, m) => {
      if (!live.includes(m)) return 0;
      return groupFlops(options, m, block) + (block === head ? headFlops(options, m) : 0);
    }),
  );
}

/** Numbers; 0 where pruned. A table that is the head too counts once, with the embeddings. */
export function parametersTable(
  options: HybridCostOptions,
  tensors: readonly PlanTensor[],
): number[][] {
  const head = headBlockOf(options);
  const table = options.live.map(() => options.components.map(() => 0));
  for (const { name, place, component, shape } of tensors) {
    // A classifier's head is nobody's: α don't choose it.
    if (name.startsWith('projectors/') || component === undefined) continue;
    const embedded = options.live[0]!.includes(component) ? 0 : head;
    const block = place === 'embedding' ? embedded : place === 'head' ? head : place;
    table[block]![component]! += shape.reduce((size, extent) => size * extent, 1);
  }
  return table;
}

const headBlockOf = ({ head, live }: HybridCostOptions): number =>
  head === 'first' ? 0 : live.length - 1;
