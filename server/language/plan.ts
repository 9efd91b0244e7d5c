/** Config and headers → the frozen plan: every shape, parameter, FLOP and byte, before any tensor exists. */
import type { ResolvedConfig } from '../contract/config';
import type { Plan } from '../contract/plan';
import { draftPlan, type PlanPlace } from './draftPlan';
import type { Headers } from './headers';
import { planJobs, type SubplanCost } from './planJobs';
import { programSources } from './programPlan';
import { settleMemory } from './planMemory';
import { stackSources } from './stackBaselines';
import { draftSubplans, type SubplanDraft } from './subplans';

export type { PlanPlace };

/**
 * @param config without errors of its own, `headers` those of its models
 * @returns deep-frozen; `undefined` while a model can't be read or the components don't fit together (the checks say why)
 */
export function buildPlan(
  config: ResolvedConfig,
  headers: Headers,
  place: PlanPlace,
): Plan | undefined {
  const draft = draftPlan(config, headers, place);
  // Those of a program first: a task's place is its subplan's.
  const sources = [...programSources(config, headers), ...stackSources(config, headers)];
  const drafts = draft && draftSubplans(sources, place);
  if (!draft || !drafts) return undefined;
  const memory = settleMemory(
    config,
    [draft, ...drafts].flatMap((each) => each.memory),
  );
  const subplans = drafts.map(({ plan }) => ({ ...plan, memory, jobs: [] }));
  return deepFreeze({
    ...draft.plan,
    memory,
    jobs: planJobs(config, {
      ...draft.costs,
      programs: costsOf(drafts, 'program'),
      others: costsOf(drafts, 'baseline'),
    }),
    ...(subplans.length > 0 ? { subplans } : {}),
  });
}

function costsOf(drafts: readonly SubplanDraft[], stage: SubplanDraft['stage']): SubplanCost[] {
  return drafts.flatMap((draft, subplan) => {
    const { name, parameters, flopsPerToken, config } = draft.plan;
    return draft.stage === stage ? [{ name, parameters, flopsPerToken, subplan, config }] : [];
  });
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
