/** What one job does, step by step: its phases with their settings, splits and data streams. Pure. */
import type { OptimiserSettings, ResolvedConfig } from '../../contract/config';
import type { Plan, PlanJob, PlanPhase } from '../../contract/plan';
import type { Split } from '../tasks/batches';
import type { TaskData } from '../tasks/taskData';
import { stepPlan, weightsOnly } from './schedule';
import type { StepPlan } from './schedule';

export interface JobPhase {
  readonly settings: OptimiserSettings;
  readonly steps: number;
  /** Named by the settings: a baseline's phase sees its hybrid's data in the same order. */
  readonly name: PlanPhase['settings'];
}

export interface JobDesign {
  /** Position in `plan.jobs`. */
  readonly index: number;
  readonly stage: PlanJob['stage'];
  readonly subject: string;
  readonly seed: number;
  readonly phases: readonly JobPhase[];
  readonly steps: number;
}

/** The plan whose hybrid the job at `index` trains. */
export function planOfJob(plan: Plan, index: number): Plan {
  const { subplan } = plan.jobs[index]!;
  return subplan === undefined ? plan : plan.subplans![subplan]!;
}

/** @param plan the run's */
export function designJob(plan: Plan, index: number): JobDesign {
  const job = plan.jobs[index]!;
  const { search, finetune, hybrid } = planOfJob(plan, index).config;
  const all = { search, finetune, pretrain: hybrid.projectors.pretrain };
  const phases = job.phases.map(({ settings, steps }): JobPhase => {
    const found = all[settings];
    if (!found) throw new Error(`job ${index} has no settings for its ${settings}`);
    return { settings: found, steps, name: settings };
  });
  return withPhases({ index, stage: job.stage, subject: job.subject, seed: job.seed }, phases);
}

/** The same job with other phases (a budget settled after the search). */
export function withPhases(
  design: Pick<JobDesign, 'index' | 'stage' | 'subject' | 'seed'>,
  phases: readonly JobPhase[],
): JobDesign {
  const { index, stage, subject, seed } = design;
  const steps = phases.reduce((sum, phase) => sum + phase.steps, 0);
  return { index, stage, subject, seed, phases, steps };
}

/** Names a job in random streams, file names and messages. */
export function jobLabel({ stage, subject, seed }: JobDesign): string {
  return `${stage}-${subject}-${seed}`;
}

/** The phase of `step` (from 1) and the step's number in it. */
export function phaseAt(
  { phases }: JobDesign,
  step: number,
): { readonly phase: JobPhase; readonly step: number } {
  let before = 0;
  for (const phase of phases) {
    if (step <= before + phase.steps) return { phase, step: step - before };
    before += phase.steps;
  }
  throw new RangeError(`step ${step} is behind the job's end`);
}

/**
 * What `step` updates: as the search's schedule says in a search, of a program too; all that learns at once in a pretraining of the
 * projectors; θ alone elsewhere.
 */
export function planOfStep(
  design: JobDesign,
  { search, hybrid }: Pick<ResolvedConfig, 'search' | 'hybrid'>,
  step: number,
): StepPlan {
  if (design.stage === 'search' || design.stage === 'program') return stepPlan(search, step);
  if (design.stage !== 'projectors' || !hybrid.projectors.pretrain?.alphas) return weightsOnly();
  return stepPlan({ ...search, schedule: 'simultaneous' }, step);
}

/** Stages whose α can be pinned and pruned: the others take it as it was found. */
export const hasFreeAlphas = (stage: JobDesign['stage']): boolean =>
  stage === 'search' || stage === 'program' || stage === 'projectors';

/** Data of a split in a phase. @throws Error for a held-out split that no schedule asked for */
export function splitFor(data: TaskData, phase: JobPhase, split: StepPlan['split']): Split {
  if (split === 'heldOut') {
    if (data.heldOut === undefined) throw new Error('no held-out split was cut');
    return data.heldOut;
  }
  switch (phase.name) {
    case 'search':
      return data.searchTrain;
    case 'finetune':
      return data.train;
    case 'pretrain':
      if (data.pretrain === undefined) throw new Error('no text to pretrain on was read');
      return data.pretrain.train;
  }
}

/** Name of the data stream of a split in a phase. */
export function streamName(phase: JobPhase, split: StepPlan['split']): string {
  return split === 'heldOut' ? 'heldOut' : phase.name;
}
