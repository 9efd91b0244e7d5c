/** Losses and α of each training job of a run, as far as they are drawn. Pure: every change makes a new list. */
import type { AlphaFrames, LossCurve } from '../server/contract/runViews';
import type { Alphas, ResumedEvent, StepEvent, Where } from '../server/contract/events';

export interface Job extends Where {
  /** Steps that it has when it is whole. */
  readonly total: number;
  /** Steps of `loss`, ascending. */
  readonly steps: readonly number[];
  /** Nats; null where it was no finite number. */
  readonly loss: readonly (number | null)[];
  /** Steps of `alphas`, ascending; fewer than there were where the run is long. */
  readonly frameSteps: readonly number[];
  readonly alphas: readonly Alphas[];
}

/** Points of a curve that are kept, at most. */
export const maximumPoints = 8192;

/** Frames that are kept of α of that size, at most. */
export const maximumFrames = (cells: number): number =>
  Math.max(256, Math.min(4096, Math.floor(400_000 / Math.max(1, cells))));

export const whereKey = ({ stage, subject, seed }: Where): string =>
  JSON.stringify([stage, subject, seed]);

export const sameWhere = (left: Where, right: Where): boolean =>
  left.stage === right.stage && left.subject === right.subject && left.seed === right.seed;

export const findJob = (jobs: readonly Job[], where: Where): Job | undefined =>
  jobs.find((job) => sameWhere(job, where));

/** Jobs of a snapshot, in the order of its curves. */
export function jobsOf(curves: readonly LossCurve[], frames: readonly AlphaFrames[]): Job[] {
  const jobs: Job[] = curves.map((curve) => {
    const own = frames.find((each) => sameWhere(each, curve));
    return jobOf(curve, curve.total, curve, own);
  });
  for (const own of frames) {
    if (findJob(jobs, own)) continue;
    jobs.push(jobOf(own, own.steps.at(-1) ?? 0, undefined, own));
  }
  return jobs;
}

function jobOf(
  { stage, subject, seed }: Where,
  total: number,
  curve: LossCurve | undefined,
  frames: AlphaFrames | undefined,
): Job {
  return {
    stage,
    subject,
    seed,
    total,
    steps: curve?.steps ?? [],
    loss: curve?.loss ?? [],
    frameSteps: frames?.steps ?? [],
    alphas: frames?.alphas ?? [],
  };
}

/** Adds steps, which come in the log's order. Those that a job has already are left out. */
export function addSteps(jobs: readonly Job[], events: readonly StepEvent[]): readonly Job[] {
  const next = [...jobs];
  const byJob = new Map<string, StepEvent[]>();
  for (const event of events) {
    const key = whereKey(event);
    const own = byJob.get(key);
    if (own) own.push(event);
    else byJob.set(key, [event]);
  }
  for (const own of byJob.values()) {
    const first = own[0]!;
    const at = next.findIndex((job) => sameWhere(job, first));
    const grown = grow(at < 0 ? jobOf(first, first.steps, undefined, undefined) : next[at]!, own);
    if (at < 0) next.push(grown);
    else next[at] = grown;
  }
  return next;
}

function grow(job: Job, events: readonly StepEvent[]): Job {
  let { total } = job;
  const steps = [...job.steps];
  const loss = [...job.loss];
  const frameSteps = [...job.frameSteps];
  const alphas = [...job.alphas];
  for (const event of events) {
    total = event.steps;
    if (event.step > (steps.at(-1) ?? -1)) {
      steps.push(event.step);
      loss.push(Number.isFinite(event.loss) ? event.loss : null);
    }
    if (event.alphas && event.step > (frameSteps.at(-1) ?? -1)) {
      frameSteps.push(event.step);
      alphas.push(event.alphas);
    }
  }
  return thinned({ ...job, total, steps, loss, frameSteps, alphas });
}

function thinned(job: Job): Job {
  const first = job.alphas[0];
  const limit = maximumFrames(first ? first.length * first[0]!.length : 1);
  const kept =
    job.alphas.length > 2 * limit ? spreadPositions(job.alphas.length, limit) : undefined;
  const points = job.steps.length > 2 * maximumPoints ? extremePositions(job.loss) : undefined;
  if (!kept && !points) return job;
  return {
    ...job,
    ...(kept && {
      frameSteps: kept.map((at) => job.frameSteps[at]!),
      alphas: kept.map((at) => job.alphas[at]!),
    }),
    ...(points && {
      steps: points.map((at) => job.steps[at]!),
      loss: points.map((at) => job.loss[at]!),
    }),
  };
}

/** At most `limit` (≥ 2) of `length` positions, evenly spread, the first and the last among them. */
export function spreadPositions(length: number, limit: number): number[] {
  if (length <= limit) return Array.from({ length }, (_, index) => index);
  return Array.from({ length: limit }, (_, index) =>
    Math.round((index * (length - 1)) / (limit - 1)),
  );
}

/** Of each stretch of a curve its lowest and its highest point, so that no spike is lost. */
function extremePositions(loss: readonly (number | null)[]): number[] {
  const stretches = maximumPoints / 2;
  const kept = new Set([0, loss.length - 1]);
  for (let stretch = 0; stretch < stretches; stretch++) {
    const from = Math.floor((loss.length * stretch) / stretches);
    const end = Math.floor((loss.length * (stretch + 1)) / stretches);
    let lowest = from;
    let highest = from;
    for (let at = from; at < end; at++) {
      if ((loss[at] ?? Infinity) < (loss[lowest] ?? Infinity)) lowest = at;
      if ((loss[at] ?? -Infinity) > (loss[highest] ?? -Infinity)) highest = at;
    }
    kept.add(lowest).add(highest);
  }
  return [...kept].sort((left, right) => left - right);
}

/**
 * Takes back what a resumption supersedes: steps of its job after `fromStep`, and the jobs that came later, since jobs
 * run one after the other.
 */
export function rewind(jobs: readonly Job[], event: ResumedEvent): readonly Job[] {
  const at = jobs.findIndex((job) => sameWhere(job, event));
  if (at < 0) return jobs;
  const job = jobs[at]!;
  const points = countUpTo(job.steps, event.fromStep);
  const frames = countUpTo(job.frameSteps, event.fromStep);
  const before = jobs.slice(0, at);
  if (points === 0 && frames === 0) return before;
  return [
    ...before,
    {
      ...job,
      steps: job.steps.slice(0, points),
      loss: job.loss.slice(0, points),
      frameSteps: job.frameSteps.slice(0, frames),
      alphas: job.alphas.slice(0, frames),
    },
  ];
}

/** How many of the ascending `steps` are at most `step`. */
export function countUpTo(steps: readonly number[], step: number): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (steps[middle]! <= step) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Position of the step that lies nearest, the earlier of two; -1 in an empty list. */
export function nearestPosition(steps: readonly number[], step: number): number {
  const after = countUpTo(steps, step);
  if (after === 0) return steps.length > 0 ? 0 : -1;
  if (after === steps.length) return after - 1;
  return steps[after]! - step < step - steps[after - 1]! ? after : after - 1;
}
