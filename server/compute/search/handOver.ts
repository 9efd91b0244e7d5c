/** What survives a hard hand-over: the searched hybrid at harder α than it was searched with, nothing trained in between. */
import type { FinetuneSettings } from '../../contract/config';
import type { HandOver, RunResult } from '../../contract/events';
import type { Plan } from '../../contract/plan';
import { discretise } from './discretise';
import type { Evaluation } from './evaluate';
import { costShare, type SearchCost } from './searchCost';
import type { CostTable } from './services';

/** `threshold` without one in the config: half of what a uniform α has. */
const defaultThreshold = (components: number): number => 1 / (2 * components);

export interface HandOverParts {
  readonly plan: Plan;
  readonly costs: CostTable;
  readonly cost: SearchCost | undefined;
  /** The search's own result on the split that is reported on: the soft entry. */
  readonly soft: RunResult;
  readonly alphas: readonly (readonly number[])[];
  /** Scores the searched model at other α. */
  readonly score: (alphas: readonly (readonly number[])[]) => Promise<Evaluation>;
}

/** The soft α, then each harder one that differs from those before it: at most two evaluations. */
export async function handOverOf(parts: HandOverParts): Promise<HandOver[]> {
  const { plan, soft, alphas, score } = parts;
  const { loss, perplexity, accuracy } = soft;
  const seen = [JSON.stringify(alphas)];
  const entries = [
    entryOf(parts, { alphas: 'soft' }, alphas, {
      loss,
      perplexity,
      ...(accuracy === undefined ? {} : { accuracy }),
    }),
  ];
  for (const { name, how } of harder(plan)) {
    const hard = discretise(alphas, how);
    const key = JSON.stringify(hard);
    if (seen.includes(key)) continue;
    seen.push(key);
    entries.push(entryOf(parts, name, hard, await score(hard)));
  }
  return entries;
}

type Name = Pick<HandOver, 'alphas' | 'threshold'>;

function harder({ config, components }: Plan): { name: Name; how: FinetuneSettings['alphas'] }[] {
  const tuned = config.finetune === false ? undefined : config.finetune.alphas;
  const threshold =
    typeof tuned === 'object' ? tuned.threshold : defaultThreshold(components.length);
  return [
    { name: { alphas: 'argmax' }, how: 'argmax' },
    { name: { alphas: 'threshold', threshold }, how: { threshold } },
  ];
}

function entryOf(
  { costs, cost, soft }: HandOverParts,
  name: Name,
  alphas: readonly (readonly number[])[],
  score: Pick<HandOver, 'loss' | 'perplexity' | 'accuracy'>,
): HandOver {
  return {
    seed: soft.seed,
    ...name,
    split: soft.split,
    ...score,
    parameters: costs.parameters(alphas),
    flopsPerToken: costs.flopsPerToken(alphas),
    ...(cost ? { cost: costShare(alphas, cost) } : {}),
  };
}
