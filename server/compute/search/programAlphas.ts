/** α of a programmed hybrid: the weighted mean of what its tasks found. Pure. */
import type { Alphas } from '../../contract/events';
import type { Plan } from '../../contract/plan';
import { alphasOf } from './architecture';
import type { FinishedJob } from './snapshot';
import { architectureOf } from './trainingJob';

export interface TaskAlphas {
  /** Of the task; only proportions count. */
  readonly weight: number;
  readonly alphas: Alphas;
}

/**
 * Entry by entry, each row normalised again: what every task gives wholly to one component stays exactly 1.
 * @param tasks at least one, with a positive sum of weights
 */
export function programmedAlphas(tasks: readonly TaskAlphas[]): Alphas {
  return tasks[0]!.alphas.map((row, block) => {
    const sums = row.map((_, m) =>
      tasks.reduce((sum, { weight, alphas }) => sum + weight * alphas[block]![m]!, 0),
    );
    const total = sums.reduce((sum, value) => sum + value, 0);
    return sums.map((value) => value / total);
  });
}

/** What each task that is done found for a seed, in their order. */
export function taskAlphas(
  plan: Plan,
  finished: readonly FinishedJob[],
  seed: number,
): (TaskAlphas & { readonly task: number })[] {
  const { program } = plan.config;
  return finished.flatMap((done) => {
    const job = plan.jobs[done.job];
    if (!program || job?.stage !== 'program' || job.seed !== seed) return [];
    const task = job.subplan!;
    return [{ task, weight: program.weights[task]!, alphas: alphasOf(architectureOf(done)) }];
  });
}
