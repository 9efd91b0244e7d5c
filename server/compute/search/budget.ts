/** Equal budgets: what a baseline trains, from what the reported hybrid's weights saw. Pure. */
import type { BaselineSettings } from '../../contract/config';
import type { JobPhase } from './jobPlan';

/** One job of the hybrid whose weights are reported. */
export interface SeenByWeights {
  /** Settings and data of the steps. */
  readonly phase: JobPhase;
  /** Updates of θ. */
  readonly updates: number;
  /** Forward FLOPs of the tokens that θ saw. */
  readonly flops: number;
}

/**
 * `steps`: the same updates on the same number of tokens. `flops`: as many updates as cost what the hybrid's did, at
 * least one a phase.
 * @param flopsPerToken forward, of the baseline
 * @param context tokens predicted in a sequence
 */
export function baselinePhases(
  seen: readonly SeenByWeights[],
  match: BaselineSettings['match'],
  flopsPerToken: number,
  context: number,
): JobPhase[] {
  return seen.map(({ phase, updates, flops }) => {
    if (match === 'steps') return { ...phase, steps: updates };
    const { batch, accumulate } = phase.settings;
    const flopsPerUpdate = flopsPerToken * batch * accumulate * context;
    return { ...phase, steps: Math.max(1, Math.round(flops / flopsPerUpdate)) };
  });
}
