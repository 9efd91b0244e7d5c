/** How far a run is, over all jobs of its plan. */
import type { RunProgress } from '../../contract/runViews';
import type { StepEvent } from '../../contract/events';
import type { RunIndex } from '../../runs/runIndex';
import { sameWhere } from '../../runs/stepTable';
import type { PlanView } from './planView';

/** Numbers that are none (a log may hold them) count as 0. */
const finite = (value: number): number => (Number.isFinite(value) ? Math.max(0, value) : 0);

export function progressOf(
  latest: StepEvent,
  index: RunIndex,
  plan: PlanView | undefined,
): RunProgress {
  const { stage, subject, seed, step, steps, loss } = latest;
  const whole = plan === undefined ? undefined : wholeRun(latest, index, plan);
  return {
    ...{ stage, subject, seed, step, steps, loss },
    tokensPerSecond: finite(latest.tokensPerSecond),
    memoryBytes: finite(latest.memoryBytes),
    etaSeconds: whole?.etaSeconds ?? finite(latest.etaSeconds),
    fraction: Math.min(1, whole?.fraction ?? step / Math.max(1, steps)),
  };
}

/**
 * Jobs differ in what a token costs: work is counted as tokens × FLOPs, and goes on at the rate of the current job.
 * `undefined` when the plan doesn't know the job.
 */
function wholeRun(
  latest: StepEvent,
  index: RunIndex,
  { jobs }: PlanView,
): { readonly fraction: number; readonly etaSeconds: number } | undefined {
  const current = jobs.findIndex((job) => sameWhere(job, latest));
  if (current === -1) return undefined;
  const work = jobs.map(({ tokens, flopsPerToken }) => tokens * flopsPerToken);
  const total = work.reduce((sum, each) => sum + each, 0);
  if (!(total > 0)) return undefined;
  const done = jobs.reduce((sum, job, at) => {
    const share = at === current ? latest.step / Math.max(1, latest.steps) : partDone(index, job);
    return sum + work[at]! * Math.min(1, share);
  }, 0);
  const rate = finite(latest.tokensPerSecond) * jobs[current]!.flopsPerToken;
  const later = work.slice(current + 1).reduce((sum, each) => sum + each, 0);
  const etaSeconds = finite(latest.etaSeconds) + (rate > 0 ? later / rate : 0);
  return { fraction: done / total, etaSeconds };
}

function partDone(index: RunIndex, job: PlanView['jobs'][number]): number {
  const { last, recorded } = index.extent(job);
  return recorded === 0 ? 0 : last / Math.max(1, job.steps);
}
