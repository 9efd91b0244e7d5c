/** What survives a hard hand-over: the searched hybrid at harder α than it was searched with, nothing trained in between. */
import type { FinetuneSettings } from '../../contract/config';
import type { HandOver, RunResult } from '../../contract/events';
import type { Plan } from '../../contract/plan';
import { discretise } from './discretise';
import type { Evaluation } from './evaluate';
import { costShare, millisecondsOf, type SearchCost } from './searchCost';
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

/**
 * The soft α, then each harder one, so that every seed has every kind: those that are equal to others before them have their
 * score. α that are hard already have nothing to compare. At most two evaluations.
 */
export async function handOverOf(parts: HandOverParts): Promise<HandOver[]> {
  const { plan, soft, alphas, score } = parts;
  const { loss, perplexity, accuracy } = soft;
  const found = { loss, perplexity, ...(accuracy === undefined ? {} : { accuracy }) };
  const scores = new Map<string, Score>([[JSON.stringify(alphas), found]]);
  const entries = [entryOf(parts, { alphas: 'soft' }, alphas, found)];
  if (alphas.every((row) => row.every((value) => value === 0 || value === 1))) return entries;
  for (const { name, how } of harder(plan)) {
    const hard = discretise(alphas, how);
    const key = JSON.stringify(hard);
    const own = scores.get(key) ?? (await score(hard));
    scores.set(key, own);
    entries.push(entryOf(parts, name, hard, own));
  }
  return entries;
}

type Name = Pick<HandOver, 'alphas' | 'threshold'>;
type Score = Pick<HandOver, 'loss' | 'perplexity' | 'accuracy'>;

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
  score: Score,
): HandOver {
  return {
    seed: soft.seed,
    ...name,
    split: soft.split,
    ...score,
    parameters: costs.parameters(alphas),
    flopsPerToken: costs.flopsPerToken(alphas),
    ...(cost ? { cost: costShare(alphas, cost) } : {}),
    ...millisecondsOf(cost, alphas),
  };
}
