/**
 * A run as a list of jobs: per seed the projectors' pretraining, the program's tasks, the search, the fine-tuning, then the
 * baselines under the same budget.
 */
import type { BaselineSettings, OptimiserSettings, ResolvedConfig } from '../contract/config';
import type { PlanJob, PlanPhase } from '../contract/plan';
import { SEARCHED_SUBJECT } from '../contract/events';
import { sequencesOf } from '../models/tasks';

/** What one token costs each subject, and what it trains. */
export interface SubjectCost {
  readonly name: string;
  /** Position in the plan's subplans, where it is the subject of one. */
  readonly subplan?: number;
  readonly parameters: number;
  /** Forward. */
  readonly flopsPerToken: number;
}

export interface SubplanCost extends SubjectCost {
  readonly subplan: number;
  readonly config: ResolvedConfig;
}

export interface JobCosts {
  /** The hybrid whose components are frozen; absent without a pretraining of the projectors. */
  readonly pretrained?: SubjectCost;
  /** α as the search leaves it: all live components. */
  readonly hybrid: SubjectCost;
  /** After `argmax`; an upper bound, since α isn't known yet. */
  readonly discretised: SubjectCost;
  readonly uniform: SubjectCost;
  readonly components: readonly SubjectCost[];
  /** The small supernets of a program, in the order of its tasks. */
  readonly programs: readonly SubplanCost[];
  /** Of subplans that are trained under the hybrid's budget, as the components are. */
  readonly others: readonly SubjectCost[];
}

/** Updates of θ and of α in the search: `alternating` and `bilevel` take turns, θ first; `fixed` has only θ's. */
export function searchUpdates(search: ResolvedConfig['search']): {
  readonly weights: number;
  readonly alphas: number;
} {
  const { steps } = search;
  if (search.algorithm === 'fixed') return { weights: steps, alphas: 0 };
  if (search.schedule === 'simultaneous') return { weights: steps, alphas: steps };
  return { weights: Math.ceil(steps / 2), alphas: Math.floor(steps / 2) };
}

export function planJobs(config: ResolvedConfig, costs: JobCosts): PlanJob[] {
  return config.search.seeds.flatMap((seed) => seedJobs(config, costs, seed));
}

function seedJobs(config: ResolvedConfig, costs: JobCosts, seed: number): PlanJob[] {
  const { search, program, finetune, baselines } = config;
  // A threshold may leave every component in its place.
  const tuned = finetune && finetune.alphas === 'argmax' ? costs.discretised : costs.hybrid;
  const jobs = pretrainJobs(config, costs, seed);
  for (const cost of costs.programs) jobs.push(searchJob(cost.config, 'program', cost, seed));
  if (search.steps > 0) jobs.push(searchJob(config, 'search', costs.hybrid, seed));
  if (finetune) {
    jobs.push(job('finetune', 'hybrid', tuned, seed, [phase(config, 'finetune', finetune.steps)]));
  }
  if (baselines || program) jobs.push(...baselineJobs(config, costs, tuned, seed));
  return jobs;
}

function searchJob(
  config: ResolvedConfig,
  stage: 'search' | 'program',
  cost: SubjectCost,
  seed: number,
): PlanJob {
  const { search } = config;
  const updates = searchUpdates(search);
  const seen = phase(config, 'search', updates.weights);
  return {
    ...job(stage, cost.name, cost, seed, [seen]),
    steps: search.steps,
    phases: [{ ...seen, steps: search.steps }],
    alphaUpdates: updates.alphas,
  };
}

/** Each seed pretrains projectors of its own, so that the spread over seeds holds what this stage adds to it. */
function pretrainJobs(config: ResolvedConfig, costs: JobCosts, seed: number): PlanJob[] {
  const { pretrain } = config.hybrid.projectors;
  if (!pretrain || !costs.pretrained) return [];
  const moves = pretrain.alphas && config.search.algorithm !== 'fixed';
  return [
    {
      ...job('projectors', 'hybrid', costs.pretrained, seed, [
        phase(config, 'pretrain', pretrain.steps),
      ]),
      alphaUpdates: moves ? pretrain.steps : 0,
    },
  ];
}

/** The phases whose updates the reported hybrid's weights saw, each with what a token of it cost. */
function reportedPhases(config: ResolvedConfig, costs: JobCosts, tuned: SubjectCost) {
  const { search, finetune } = config;
  const searching = {
    phase: phase(config, 'search', searchUpdates(search).weights),
    flopsPerToken: costs.hybrid.flopsPerToken,
  };
  if (!finetune) return [searching];
  const tuning = {
    phase: phase(config, 'finetune', finetune.steps),
    flopsPerToken: tuned.flopsPerToken,
  };
  return finetune.weights === 'keep' ? [searching, tuning] : [tuning];
}

/** A program beside a search compares the two under equal budgets, whatever else is asked for. */
const NO_BASELINES: BaselineSettings = { components: false, uniform: false, match: 'steps' };

function baselineJobs(
  config: ResolvedConfig,
  costs: JobCosts,
  tuned: SubjectCost,
  seed: number,
): PlanJob[] {
  const seen = reportedPhases(config, costs, tuned);
  const { baselines, program, search } = config;
  const { uniform, components, match } = baselines || NO_BASELINES;
  const subjects = [
    // The target was searched too: what the programmed α are compared with.
    ...(program && search.steps > 0 ? [{ ...tuned, name: SEARCHED_SUBJECT }] : []),
    ...(uniform ? [costs.uniform] : []),
    ...(components ? costs.components : []),
    ...costs.others,
  ];
  return subjects.map((subject) => {
    const phases = seen.map(({ phase: { settings, steps }, flopsPerToken }) =>
      match === 'steps'
        ? phase(config, settings, steps)
        : phase(config, settings, equalFlops(steps, flopsPerToken, subject.flopsPerToken)),
    );
    return job('baseline', subject.name, subject, seed, phases);
  });
}

/** As many updates as cost what `updates` of the hybrid did; at least one. */
function equalFlops(updates: number, hybridFlops: number, subjectFlops: number): number {
  return Math.max(1, Math.round((updates * hybridFlops) / subjectFlops));
}

function phase(config: ResolvedConfig, settings: PlanPhase['settings'], steps: number): PlanPhase {
  const { search, finetune, hybrid } = config;
  const chosen = { search, finetune, pretrain: hybrid.projectors.pretrain }[settings] || search;
  return { settings, steps, tokens: steps * tokensPerStep(chosen, config.data) };
}

function tokensPerStep(
  settings: OptimiserSettings,
  { train, context }: ResolvedConfig['data'],
): number {
  return settings.batch * settings.accumulate * sequencesOf(train) * context;
}

function job(
  stage: PlanJob['stage'],
  subject: string,
  cost: SubjectCost,
  seed: number,
  phases: readonly PlanPhase[],
): PlanJob {
  const steps = phases.reduce((sum, { steps: some }) => sum + some, 0);
  return {
    stage,
    subject,
    seed,
    ...(cost.subplan === undefined ? {} : { subplan: cost.subplan }),
    steps,
    phases,
    weightUpdates: steps,
    alphaUpdates: 0,
    tokens: phases.reduce((sum, { tokens }) => sum + tokens, 0),
    parameters: cost.parameters,
    flopsPerToken: cost.flopsPerToken,
  };
}
