/** The costs that a search weighs, settled before its first step. */
import type { SearchCost } from './searchCost';
import type { RunServices } from './services';
import type { RunSnapshot } from './snapshot';

/**
 * Measured times are those of the run's first start, kept in every checkpoint: a resumed run takes the same numbers,
 * whatever it would measure now.
 */
export async function settleCost(
  { plan, costs, buildModel, measureCosts }: RunServices,
  snapshot: RunSnapshot | undefined,
): Promise<SearchCost | undefined> {
  const { program, search } = plan.config;
  const { cost, steps, seeds } = search;
  if (cost === undefined || (steps === 0 && !program)) return undefined;
  if (cost.kind !== 'milliseconds') return { ...cost, table: costs.ofPairs(cost.kind) };
  if (snapshot?.milliseconds) return { ...cost, table: snapshot.milliseconds };
  const live = plan.blocks.map((block) => plan.components.map((_, m) => block.live.includes(m)));
  const model = await buildModel(live, seeds[0]!);
  try {
    return { ...cost, table: await measureCosts(model) };
  } finally {
    model.dispose();
  }
}
