/** What a panel draws first, from a run's index: its steps are not parsed, but for those whose α are shown. */
import type { AlphaFrames, LossCurve, RunSnapshot } from '../../contract/runViews';
import type { Alphas, Where } from '../../contract/events';
import type { RunState } from '../../contract/run';
import type { ListedRun } from '../../runs/listRuns';
import type { RunIndex } from '../../runs/runIndex';
import type { RunRecord } from '../../runs/runRecord';
import { sameWhere } from '../../runs/stepTable';
import type { PlanView } from './planView';
import path from 'node:path';

/** Points of a curve; over all curves of a run, so that one of many jobs stays light. */
const curvePoints = { each: 2000, all: 40_000, least: 200 };
/** Steps whose α are sent; the slider asks for others as it meets them. */
const framesOf = { search: 320, other: 24, least: 32 };

/** @param record refreshed a moment ago */
export async function snapshotOf(
  run: ListedRun,
  state: RunState,
  record: RunRecord,
  plan: PlanView | undefined,
): Promise<RunSnapshot> {
  const { index } = record;
  // Before anything is awaited, so that all parts are of the same moment.
  const { nextSeq } = index;
  const { events, skipped } = record;
  const stepped = index.wheres.filter((where) => index.extent(where).recorded > 0);
  const points = Math.max(
    curvePoints.least,
    Math.min(curvePoints.each, Math.floor(curvePoints.all / Math.max(1, stepped.length))),
  );
  const taken = stepped.map((where) => ({
    where,
    steps: index.steps(where),
    curve: lossCurve(index, where, 0, index.extent(where).last, points),
  }));
  const latest = await index.latestStep();
  const curves: LossCurve[] = [];
  for (const each of taken) curves.push(await withTotal(index, each.curve, plan));
  return {
    id: run.id,
    dir: run.dir,
    name: path.basename(run.dir),
    config: run.manifest.config,
    state,
    startedAt: run.manifest.startedAt,
    nextSeq,
    plan: plan === undefined ? undefined : shown(plan),
    events,
    curves,
    frames: await framesFor(index, taken),
    latest,
    skipped,
  };
}

function shown({ components, blocks, jobs, task }: PlanView): NonNullable<RunSnapshot['plan']> {
  return {
    components,
    blocks,
    jobs: jobs.map(({ stage, subject, seed, steps }) => ({ stage, subject, seed, steps })),
    task,
  };
}

async function withTotal(
  index: RunIndex,
  curve: LossCurve,
  plan: PlanView | undefined,
): Promise<LossCurve> {
  // A baseline's steps may be settled again after the search: its own events know best.
  const total = (await index.latestStep(curve))?.steps ?? plannedSteps(plan, curve) ?? 0;
  return { ...curve, total: Math.max(total, curve.total) };
}

const plannedSteps = (plan: PlanView | undefined, where: Where): number | undefined =>
  plan?.jobs.find((job) => sameWhere(job, where))?.steps;

/** Losses of a stretch; JSON has no NaN. `total` is the last step known. */
export function lossCurve(
  index: RunIndex,
  where: Where,
  fromStep: number,
  toStep: number,
  maxPoints: number,
): LossCurve {
  const { steps, loss } = index.loss(where, fromStep, toStep, maxPoints);
  const { stage, subject, seed } = where;
  return {
    ...{ stage, subject, seed, steps, total: index.extent(where).last },
    loss: loss.map((value) => (Number.isFinite(value) ? value : null)),
  };
}

/** Steps of a job, as they were at the snapshot's moment. */
interface TakenSteps {
  readonly where: Where;
  readonly steps: Float64Array;
}

async function framesFor(index: RunIndex, taken: readonly TakenSteps[]): Promise<AlphaFrames[]> {
  const searches = taken.filter(({ where }) => where.stage === 'search').length;
  const each = Math.max(framesOf.least, Math.floor(framesOf.search / Math.max(1, searches)));
  const all: AlphaFrames[] = [];
  for (const { where, steps } of taken) {
    if (where.stage === 'baseline') continue;
    const most = where.stage === 'search' ? each : framesOf.other;
    const frames = await alphaFrames(index, where, steps, most);
    if (frames.steps.length > 0) all.push(frames);
  }
  return all;
}

/** α at evenly spread steps, the first and the latest among them. */
async function alphaFrames(
  index: RunIndex,
  where: Where,
  recorded: Float64Array,
  most: number,
): Promise<AlphaFrames> {
  const chosen = spread(recorded.length, most).map((at) => recorded[at]!);
  const path = await index.alphaPath(where, chosen);
  const steps: number[] = [];
  const alphas: Alphas[] = [];
  path.forEach((frame, at) => {
    if (frame === undefined) return;
    steps.push(chosen[at]!);
    alphas.push(frame);
  });
  const { stage, subject, seed } = where;
  return { stage, subject, seed, recorded: recorded.length, steps, alphas };
}

/** At most `most` (at least 2) positions of `length`, the first and the last among them, ascending. */
export function spread(length: number, most: number): number[] {
  if (length <= most) return Array.from({ length }, (_, at) => at);
  return Array.from({ length: most }, (_, at) => Math.round((at * (length - 1)) / (most - 1)));
}
