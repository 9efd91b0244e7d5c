/** Loss of every job over its steps. */
import type { RunEvent, Stage } from '../contract/events';
import { shapePositions, trailingMean } from './decimate';
import type { EvaluationPoint, LossCurve } from './modelTypes';

/** Points of a curve that are drawn, at most. */
export const maxCurvePoints = 300;

interface Job {
  readonly stage: Stage;
  readonly subject: string;
  readonly seed: number;
  steps: number;
  readonly at: number[];
  readonly losses: number[];
  readonly evaluations: EvaluationPoint[];
}

export const jobKey = (where: { stage: Stage; subject: string; seed: number }): string =>
  JSON.stringify([where.stage, where.subject, where.seed]);

const round = (value: number): number => Math.round(value * 1e5) / 1e5;

function finish(job: Job): LossCurve {
  const window = Math.max(1, Math.round(job.losses.length / 30));
  const means = trailingMean(job.losses, window);
  return {
    stage: job.stage,
    subject: job.subject,
    seed: job.seed,
    steps: job.steps,
    lastStep: job.at.at(-1) ?? job.evaluations.at(-1)?.step ?? 0,
    recorded: job.losses.length,
    window,
    points: shapePositions(job.at, job.losses, maxCurvePoints).map((position) => ({
      step: job.at[position]!,
      loss: round(job.losses[position]!),
      mean: round(means[position]!),
    })),
    evaluations: job.evaluations,
  };
}

/** One curve a (stage, subject, seed), in the order the run took them. */
export function buildCurves(events: readonly RunEvent[]): LossCurve[] {
  const jobs = new Map<string, Job>();
  for (const event of events) {
    if (event.type !== 'step' && event.type !== 'evaluation') continue;
    const key = jobKey(event);
    let job = jobs.get(key);
    if (!job) {
      const { stage, subject, seed } = event;
      job = { stage, subject, seed, steps: 0, at: [], losses: [], evaluations: [] };
      jobs.set(key, job);
    }
    if (event.type === 'step') {
      job.steps = event.steps;
      // A loss that is no number can't be drawn; the warnings count them.
      if (!Number.isFinite(event.loss)) continue;
      job.at.push(event.step);
      job.losses.push(event.loss);
    } else {
      const { step, split, loss, perplexity, accuracy } = event;
      job.evaluations.push({ step, split, loss, perplexity, accuracy: accuracy ?? null });
    }
  }
  return [...jobs.values()].map(finish);
}
