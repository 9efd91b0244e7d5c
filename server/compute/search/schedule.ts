/** Which step updates what, on which split; and the learning rate of each step. Pure. */
import type { OptimiserSettings, SearchSettings } from '../../contract/config';

/** What one optimiser step does. Steps count from 1. */
export interface StepPlan {
  readonly weights: boolean;
  readonly alphas: boolean;
  readonly split: 'train' | 'heldOut';
}

const WEIGHTS_ONLY: StepPlan = { weights: true, alphas: false, split: 'train' };

/**
 * `simultaneous`: one batch, both. `alternating`: θ in odd steps, a in even ones, same split. `bilevel`: the same
 * turns, a on the held-out split (first-order DARTS). With `fixed` α there is nothing but θ to update.
 */
export function stepPlan(
  settings: Pick<SearchSettings, 'algorithm' | 'schedule'>,
  step: number,
): StepPlan {
  if (settings.algorithm === 'fixed') return WEIGHTS_ONLY;
  switch (settings.schedule) {
    case 'simultaneous':
      return { weights: true, alphas: true, split: 'train' };
    case 'alternating':
      return step % 2 === 1 ? WEIGHTS_ONLY : { weights: false, alphas: true, split: 'train' };
    case 'bilevel':
      return step % 2 === 1 ? WEIGHTS_ONLY : { weights: false, alphas: true, split: 'heldOut' };
  }
}

/** The step plan of fine-tuning and baselines. */
export function weightsOnly(): StepPlan {
  return WEIGHTS_ONLY;
}

/**
 * The weights' learning rate at `step` (from 1) of `steps`: rises linearly to the peak at the end of the warm-up, then
 * falls towards the final rate, which it would reach one step after the last.
 */
export function learningRateAt(
  settings: Pick<OptimiserSettings, 'learningRate' | 'warmup' | 'decay' | 'finalLearningRate'>,
  step: number,
  steps: number,
): number {
  const { learningRate: peak, finalLearningRate: last } = settings;
  const warm = Math.round(settings.warmup * steps);
  if (step < warm) return (peak * step) / warm;
  const top = Math.max(warm, 1);
  const progress = (step - top) / (steps - top + 1);
  switch (settings.decay) {
    case 'none':
      return peak;
    case 'linear':
      return last + (peak - last) * (1 - progress);
    case 'cosine':
      return last + (peak - last) * 0.5 * (1 + Math.cos(Math.PI * progress));
  }
}
