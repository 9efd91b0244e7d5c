/** What a run reports: results of jobs, the `finished` event, and what the hybrid's weights saw. Pure. */
import type { Alphas, NewRunEvent, RunResult, Stage } from '../../contract/events';
import type { Plan } from '../../contract/plan';
import { trainingPasses } from '../../report/budgetReport';
import { alphasOf, initialArchitecture } from './architecture';
import type { SeenByWeights } from './budget';
import { meanAlphas, selectComponent } from './discretise';
import type { Evaluation } from './evaluate';
import { designJob } from './jobPlan';
import type { SearchCost } from './searchCost';
import type { FinishedJob, JobProgress } from './snapshot';
import { architectureOf } from './trainingJob';
import type { TrainingJob } from './trainingJob';

/** The finished search of a seed. */
export function findSearch(
  plan: Plan,
  finished: readonly FinishedJob[],
  seed: number,
): FinishedJob | undefined {
  return findJob(plan, finished, 'search', seed);
}

function findJob(
  plan: Plan,
  finished: readonly FinishedJob[],
  stage: Stage,
  seed: number,
): FinishedJob | undefined {
  return finished.find(({ job }) => {
    const planned = plan.jobs[job];
    return planned?.stage === stage && planned.subject === 'hybrid' && planned.seed === seed;
  });
}

/**
 * What the reported hybrid's weights saw: the fine-tuning alone where they were rewound, search and
 * fine-tuning where they were kept, the search where nothing followed.
 */
export function seenByHybrid(
  plan: Plan,
  finished: readonly FinishedJob[],
  seed: number,
): SeenByWeights[] {
  const { finetune } = plan.config;
  const search = findSearch(plan, finished, seed);
  const tuned = findJob(plan, finished, 'finetune', seed);
  const jobs =
    finetune === false ? [search] : finetune.weights === 'keep' ? [search, tuned] : [tuned];
  return jobs.map((job) => {
    if (job === undefined) throw new Error(`the hybrid of seed ${seed} isn't trained yet`);
    const design = designJob(plan, job.job);
    const { weightUpdates, flops } = job.progress;
    return { phase: design.phases[0]!, updates: weightUpdates, flops };
  });
}

/** Progress of every job that the weights of `job` went through, `job` included. */
export function reportedRuns(
  plan: Plan,
  job: TrainingJob,
  finished: readonly FinishedJob[],
): JobProgress[] {
  const { stage, seed } = job.design;
  const { finetune } = plan.config;
  const kept = stage === 'finetune' && finetune !== false && finetune.weights === 'keep';
  const search = kept ? findSearch(plan, finished, seed) : undefined;
  return search === undefined ? [job.progress] : [search.progress, job.progress];
}

export function resultOf(
  job: TrainingJob,
  split: 'validation' | 'test',
  evaluation: Evaluation,
  seen: readonly JobProgress[],
): RunResult {
  const { stage, subject, seed } = job.design;
  const { plan, costs } = job.services;
  const alone = stage === 'baseline' ? componentOf(plan, subject) : undefined;
  const { alphas } = job;
  const sum = (of: (progress: JobProgress) => number) =>
    seen.reduce((total, progress) => total + of(progress), 0);
  const saved =
    stage === 'projectors' ? costs.savedByFreezing(alphas) * sum(({ tokens }) => tokens) : 0;
  return {
    subject,
    stage,
    seed,
    split,
    ...evaluation,
    parameters: costs.parameters(alphas, alone),
    flopsPerToken: costs.flopsPerToken(alphas),
    updates: sum(({ weightUpdates }) => weightUpdates),
    tokens: sum(({ tokens }) => tokens),
    trainingFlops: trainingPasses(plan) * sum(({ flops }) => flops) - saved,
    seconds: sum(({ seconds }) => seconds),
  };
}

/** Position of the component that a baseline trains; `undefined`: it is a hybrid. */
export function componentOf(plan: Plan, subject: string): number | undefined {
  const position = plan.components.findIndex(({ name }) => name === subject);
  return position >= 0 ? position : undefined;
}

/** @param running the job that a stop interrupts */
export function finishedEvent(
  status: 'done' | 'stopped',
  plan: Plan,
  finished: readonly FinishedJob[],
  running: TrainingJob | undefined,
  cost?: SearchCost,
): NewRunEvent {
  const components = plan.components.map(({ name }) => name);
  // A run without a search has what its projectors were pretrained with.
  const stage = plan.config.search.steps > 0 ? 'search' : 'projectors';
  const perSeed = plan.config.search.seeds.flatMap((seed): Alphas[] => {
    const found = findJob(plan, finished, stage, seed);
    if (found !== undefined) return [alphasOf(architectureOf(found))];
    const current = running?.design.stage === stage && running.design.seed === seed;
    return current ? [running.alphas] : [];
  });
  const known =
    perSeed.length > 0 ? perSeed : [alphasOf(initialArchitecture(plan.config.search, plan.blocks))];
  const alphas = meanAlphas(known);
  const handOver = finished.flatMap((job) => job.handOver ?? []);
  return {
    type: 'finished',
    status,
    components,
    alphas,
    perSeed: known,
    selection: selectComponent(alphas, components),
    results: finished.flatMap(({ results }): RunResult[] =>
      results.map(({ accuracy, ...rest }) =>
        accuracy === undefined ? rest : { ...rest, accuracy },
      ),
    ),
    ...(handOver.length > 0 ? { handOver } : {}),
    ...(cost ? { costs: { ...cost, table: cost.table.map((row) => [...row]) } } : {}),
  };
}
