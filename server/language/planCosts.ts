/** What the subjects of the jobs train and cost. */
import type { PlanBlock, PlanComponent, PlanTensor } from '../contract/plan';
import {
  headFlops,
  headRowOf,
  sharedHeadFlops,
  type AlphaTable,
  type HybridCostOptions,
} from '../models/hybridCost';
import type { SubjectCost } from './planJobs';

export function subjectOf({ name, parameters, flopsPerToken }: PlanComponent): SubjectCost {
  return { name, parameters, flopsPerToken };
}

export function tensorSum(tensors: readonly PlanTensor[]): number {
  return tensors.reduce(
    (sum, { shape }) => sum + shape.reduce((size, extent) => size * extent, 1),
    0,
  );
}

/**
 * The dearest hybrid that discretising can leave: in each block that no pin fixes the costliest component with its
 * projectors, then the costliest head.
 */
export function discretisedCost(
  options: HybridCostOptions,
  tensors: readonly PlanTensor[],
  blocks: readonly PlanBlock[],
  alphas: AlphaTable,
): SubjectCost {
  const row = headRowOf(options, alphas);
  const heads = row.flatMap((alpha, component) =>
    alpha === 0 ? [] : [headFlops(options, component)],
  );
  const headBlock = options.head === 'first' ? blocks[0]! : blocks[blocks.length - 1]!;
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const flops = blocks.map(({ live, pinned, flopsPerToken }) =>
    pinned
      ? sum(flopsPerToken.filter((_, component) => pinned[component]! > 0))
      : Math.max(...live.map((component) => flopsPerToken[component]!)),
  );
  const sizes = sizesByPlace(tensors);
  const placed = (place: PlanTensor['place']) =>
    options.components.map((_, component) => sizes.get(place)?.[component] ?? 0);
  const places = blocks.map(({ pinned }, block) => {
    const own = placed(block);
    return pinned ? sum(own.filter((_, m) => pinned[m]! > 0)) : Math.max(...own);
  });
  const shared = tensorSum(tensors.filter(({ component }) => component === undefined));
  const outside = sum(placed('embedding')) + sum(placed('head')) + shared;
  return {
    name: 'hybrid',
    parameters: Math.min(tensorSum(tensors), sum(places) + outside),
    flopsPerToken:
      sum(flops) + (headBlock.pinned ? sum(heads) : Math.max(...heads)) + sharedHeadFlops(options),
  };
}

/** Parameters of each component, at each place. */
function sizesByPlace(
  tensors: readonly PlanTensor[],
): ReadonlyMap<PlanTensor['place'], readonly (number | undefined)[]> {
  const sizes = new Map<PlanTensor['place'], number[]>();
  for (const tensor of tensors) {
    if (tensor.component === undefined) continue;
    const row = sizes.get(tensor.place) ?? [];
    row[tensor.component] = (row[tensor.component] ?? 0) + tensorSum([tensor]);
    sizes.set(tensor.place, row);
  }
  return sizes;
}
