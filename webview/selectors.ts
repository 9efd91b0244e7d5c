/** What is drawn, read from the state. Pure. */
import type { Alphas, FinishedEvent, StepEvent, Where } from '../server/contract/events';
import { countUpTo, findJob, nearestPosition, sameWhere, type Job } from './jobs';
import { exactFor, type PanelModel, type RunData } from './state';

export interface Component {
  readonly name: string;
  readonly family: string;
  readonly parameters: number | undefined;
  /** Layers of each block, from 1, both ends included; empty before the plan is known. */
  readonly layers: readonly { readonly first: number; readonly last: number }[];
}

const known = new WeakMap<object, readonly Component[]>();

/** Of the plan, else of the log; the same list as long as those are the same. */
export function componentsOf(run: RunData): readonly Component[] {
  const source = run.plan ?? run.events;
  const found = known.get(source) ?? readComponents(run);
  known.set(source, found);
  return found;
}

function readComponents(run: RunData): readonly Component[] {
  if (run.plan) {
    return run.plan.components.map(({ name, family, parameters, groups }) => ({
      name,
      family,
      parameters,
      layers: groups.map(({ first, end }) => ({ first: first + 1, last: end })),
    }));
  }
  const started = run.events.find((event) => event.type === 'started');
  return (started?.components ?? []).map(({ name, family, parameters }) => ({
    name,
    family,
    parameters,
    layers: [],
  }));
}

export function blockCount(run: RunData): number {
  const started = run.events.find((event) => event.type === 'started');
  return run.plan?.blocks.length ?? started?.blocks ?? 0;
}

const fits = (alphas: Alphas, blocks: number, components: number): boolean =>
  alphas.length === blocks && alphas[0]?.length === components;

/** Jobs whose α can be replayed, in the run's order. */
export const jobsWithAlphas = (run: RunData): readonly Job[] =>
  run.jobs.filter(({ alphas }) => alphas.length > 0);

/** Whether α are those of a program: a search on the target stands beside it then. */
export const isProgrammed = (run: RunData): boolean =>
  run.plan?.jobs.some(({ stage }) => stage === 'program') ??
  run.jobs.some(({ stage }) => stage === 'program');

/** Stages in which α move, and begin as the config says. */
export const movesAlphas = (stage: Where['stage']): boolean =>
  stage === 'search' || stage === 'program' || stage === 'projectors';

/**
 * The newest search, since later stages keep what it found; else the newest job with α. Of a programmed hybrid the job that
 * goes on, and once it is fine-tuned that with the α that it has.
 */
function newestJob(run: RunData): Job | undefined {
  const jobs = jobsWithAlphas(run);
  // The next seed's projectors are what goes on then.
  if (jobs.at(-1)?.stage === 'projectors' || isProgrammed(run)) return jobs.at(-1);
  return jobs.findLast(({ stage }) => stage === 'search') ?? jobs.at(-1);
}

/** The end of the run, unless it was taken up again. */
export function finishedOf(run: RunData): FinishedEvent | undefined {
  const finished = run.events.findLast((event) => event.type === 'finished');
  const resumed = run.events.findLast((event) => event.type === 'resumed');
  return finished && resumed && resumed.seq > finished.seq ? undefined : finished;
}

/** What the heatmap shows. */
export type Scene =
  /** One job at one of its steps; step 0 is before the first. */
  | {
      readonly kind: 'job';
      readonly job: Job;
      readonly step: number;
      readonly firstStep: number;
      readonly lastStep: number;
      /** Follows the latest step. */
      readonly following: boolean;
      readonly alphas: Alphas;
      /** Whether `alphas` is of exactly this step; else it is of the nearest one known. */
      readonly exact: boolean;
    }
  /** Mean over seeds, of a run that ended. */
  | { readonly kind: 'mean'; readonly alphas: Alphas; readonly seeds: number }
  /** α as the plan starts them. */
  | { readonly kind: 'plan'; readonly alphas: Alphas }
  | { readonly kind: 'none' };

export function sceneOf(model: PanelModel): Scene {
  const { run } = model;
  if (!run) return { kind: 'none' };
  const blocks = blockCount(run);
  const K = componentsOf(run).length;
  const finished = finishedOf(run);
  const job = chosenJob(model, run, finished);
  if (!job) {
    if (finished && fits(finished.alphas, blocks, K)) {
      return { kind: 'mean', alphas: finished.alphas, seeds: finished.perSeed.length };
    }
    const initial = initialAlphas(run);
    return initial ? { kind: 'plan', alphas: initial } : { kind: 'none' };
  }
  return jobScene(model, run, job, [blocks, K]);
}

function chosenJob(
  model: PanelModel,
  run: RunData,
  finished: FinishedEvent | undefined,
): Job | undefined {
  if (model.where) {
    const chosen = findJob(run.jobs, model.where);
    if (chosen && chosen.alphas.length > 0) return chosen;
  }
  return finished && finished.perSeed.length > 1 ? undefined : newestJob(run);
}

function jobScene(model: PanelModel, run: RunData, job: Job, shape: [number, number]): Scene {
  const initial = movesAlphas(job.stage) ? initialAlphas(run) : undefined;
  const firstStep = initial ? 0 : job.frameSteps[0]!;
  const lastStep = job.frameSteps.at(-1)!;
  const asked = model.step ?? lastStep;
  const step = Math.max(firstStep, Math.min(lastStep, asked));
  const range = { kind: 'job', job, step, firstStep, lastStep } as const;
  const following = model.step === undefined;
  if (step === 0 && initial) return { ...range, following, alphas: initial, exact: true };
  const at = nearestPosition(job.frameSteps, step);
  const answered = exactFor(model, job, step);
  const alphas = answered ?? job.alphas[at]!;
  if (!fits(alphas, ...shape)) return { kind: 'none' };
  const exact = answered !== undefined || job.frameSteps[at] === step;
  return { ...range, following, alphas, exact };
}

/** α before the first step, from the plan. */
export function initialAlphas(run: RunData): Alphas | undefined {
  const blocks = run.plan?.blocks;
  const K = run.plan?.components.length;
  if (!blocks || blocks.length === 0) return undefined;
  const alphas = blocks.map(({ pinned, initial }) => [...(pinned ?? initial)]);
  return alphas.every((row) => row.length === K) ? alphas : undefined;
}

/** Where the run is: its newest step, from the log even where rates aren't known. */
export interface Progress {
  readonly where: Where;
  readonly step: number;
  readonly steps: number;
  readonly loss: number | null;
  /** Of the whole run, 0 to 1. */
  readonly fraction: number;
  /** Rates of the newest step; `undefined` after a resumption until the next step. */
  readonly latest: StepEvent | undefined;
}

export function progressOf(run: RunData): Progress | undefined {
  const job = run.jobs.at(-1);
  const latest = run.latest;
  const current = latest ?? job;
  if (!current) return undefined;
  const step = latest?.step ?? job?.steps.at(-1) ?? 0;
  const steps = latest?.steps ?? job?.total ?? 0;
  const loss = latest ? (Number.isFinite(latest.loss) ? latest.loss : null) : job?.loss.at(-1);
  const where = { stage: current.stage, subject: current.subject, seed: current.seed };
  return { where, step, steps, loss: loss ?? null, latest, fraction: fraction(run, where, step) };
}

function fraction(run: RunData, where: Where, step: number): number {
  if (finishedOf(run)?.status === 'done') return 1;
  const jobs = run.plan?.jobs ?? [];
  const at = jobs.findIndex((job) => sameWhere(job, where));
  const total = jobs.reduce((sum, job) => sum + job.steps, 0);
  if (at < 0 || total === 0) {
    const job = run.jobs.at(-1);
    return job && job.total > 0 ? Math.min(1, step / job.total) : 0;
  }
  const before = jobs.slice(0, at).reduce((sum, job) => sum + job.steps, 0);
  return Math.min(1, (before + step) / total);
}

/** Whether blocks can be pinned and pruned now, and if not, why. */
export function controlRefusal(run: RunData): string | undefined {
  switch (run.state) {
    case 'starting':
    case 'running':
    case 'paused':
      break;
    case 'done':
    case 'stopped':
      return 'The run has ended. “Write to Config” keeps its pins for the next one.';
    case 'failed':
    case 'lost':
      return 'The run isn’t going on. Resume it first.';
  }
  const stage = progressOf(run)?.where.stage;
  if (stage !== undefined && !movesAlphas(stage)) {
    return `α is frozen in ${stageName(stage)}: pin and prune belong to the search.`;
  }
  return undefined;
}

export function stageName(stage: Where['stage']): string {
  switch (stage) {
    case 'projectors':
      return 'projectors';
    case 'search':
      return 'search';
    case 'finetune':
      return 'fine-tuning';
    case 'baseline':
      return 'baseline';
    case 'program':
      return 'program';
  }
}

/** α of one cell at the steps that are known up to the last, for a path. */
export function pathOf(
  job: Job,
  block: number,
  component: number,
): { readonly steps: readonly number[]; readonly values: readonly number[] } {
  return { steps: job.frameSteps, values: job.alphas.map((rows) => rows[block]![component]!) };
}

/** Loss of a job at the last of its known steps up to `step`. */
export function lossAt(job: Job, step: number): number | null {
  const at = countUpTo(job.steps, step) - 1;
  return at < 0 ? null : (job.loss[at] ?? null);
}
