/** The costs that a search weighs, settled before its first step. */
import { totalCost } from '../../report/expectedCost';
import { componentAlphas } from './discretise';
import { componentOf } from './results';
import type { SearchCost } from './searchCost';
import { servicesOf, type RunServices } from './services';
import type { RunSnapshot } from './snapshot';

/**
 * Measured times are those of the run's first start, kept in every checkpoint: a resumed run takes the same numbers,
 * whatever it would measure now.
 */
export async function settleCost(
  services: RunServices,
  snapshot: RunSnapshot | undefined,
): Promise<SearchCost | undefined> {
  const { plan, costs, measureCosts } = services;
  const { program, search } = plan.config;
  const { cost, steps, seeds } = search;
  if (cost === undefined || (steps === 0 && !program)) return undefined;
  if (cost.kind !== 'milliseconds') return { ...cost, table: costs.ofPairs(cost.kind) };
  if (snapshot?.milliseconds) {
    return { ...cost, table: snapshot.milliseconds, others: snapshot.otherMilliseconds ?? {} };
  }
  const live = plan.blocks.map((block) => plan.components.map((_, m) => block.live.includes(m)));
  const model = await services.buildModel(live, seeds[0]!);
  try {
    const table = await measureCosts(model);
    return { ...cost, table, others: await measureOthers(services, table) };
  } finally {
    model.dispose();
  }
}

/** Milliseconds of each model that is trained beside the hybrid and isn't the hybrid with other α, by subject. */
async function measureOthers(
  services: RunServices,
  table: readonly (readonly number[])[],
): Promise<Record<string, number>> {
  const { jobs, config, blocks } = services.plan;
  const others: Record<string, number> = {};
  for (const [index, { stage, subject }] of jobs.entries()) {
    const { plan, buildModel } = servicesOf(services, index);
    const alone = componentOf(plan, subject);
    if (stage !== 'baseline' || alone === undefined || Object.hasOwn(others, subject)) continue;
    if (plan === services.plan && blocks.every(({ live }) => live.includes(alone))) {
      others[subject] = table.reduce((sum, row) => sum + row[alone]!, 0);
      continue;
    }
    // A hand-designed hybrid, or a component of which the hybrid holds a part.
    const alphas = componentAlphas(plan.blocks.length, plan.components.length, alone);
    const live = alphas.map((row) => row.map((alpha) => alpha > 0));
    const model = await buildModel(live, config.search.seeds[0]!, { alone });
    try {
      others[subject] = totalCost(await services.measureCosts(model));
    } finally {
      model.dispose();
    }
  }
  return others;
}
