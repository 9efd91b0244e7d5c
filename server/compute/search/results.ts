/** What a run reports: results of jobs, the `finished` event, and what the hybrid's weights saw. Pure. */
import type { Alphas, NewRunEvent, ProgramTask, RunResult, Stage } from '../../contract/events';
import type { Plan } from '../../contract/plan';
import { trainingPasses } from '../../report/budgetReport';
import { alphasOf, initialArchitecture } from './architecture';
import type { SeenByWeights } from './budget';
import { programmedAlphas, taskAlphas, type TaskAlphas } from './programAlphas';
import { meanAlphas, selectComponent } from './discretise';
import type { Evaluation } from './evaluate';
import { designJob } from './jobPlan';
import { millisecondsOf, runCosts, type SearchCost } from './searchCost';
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
  cost?: SearchCost,
): RunResult {
  const { stage, subject, seed } = job.design;
  const { plan, costs } = job.services;
  const alone = stage === 'baseline' ? componentOf(plan, subject) : undefined;
  const { alphas } = job;
  const hasOwnData = stage === 'projectors' || stage === 'program';
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
    // Those of a stage with data of its own stand in no comparison.
    ...(hasOwnData ? {} : millisecondsOf(cost, alphas, subject)),
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
  const { program, search } = plan.config;
  const { seeds } = search;
  const searched = seeds.flatMap((seed) => jobAlphas(plan, finished, running, 'search', seed));
  const tasks = seeds.flatMap((seed) => begunTasks(plan, finished, running, seed));
  const perSeed = program
    ? seeds.flatMap((seed) => {
        const own = tasks.filter((task) => task.seed === seed);
        return own.length > 0 ? [programmedAlphas(own)] : [];
      })
    : // A run without a search has what its projectors were pretrained with.
      search.steps > 0
      ? searched
      : seeds.flatMap((seed) => jobAlphas(plan, finished, running, 'projectors', seed));
  const known = perSeed.length > 0 ? perSeed : [alphasOf(initialArchitecture(search, plan.blocks))];
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
    ...(program ? { program: taskFindings(plan, tasks) } : {}),
    ...(program && searched.length > 0 ? { searched: meanAlphas(searched) } : {}),
    ...(handOver.length > 0 ? { handOver } : {}),
    ...(cost ? { costs: runCosts(cost) } : {}),
  };
}

/** What a job of the hybrid found, or has come to where the run stops in it. */
function jobAlphas(
  plan: Plan,
  finished: readonly FinishedJob[],
  running: TrainingJob | undefined,
  stage: Stage,
  seed: number,
): Alphas[] {
  const found = findJob(plan, finished, stage, seed);
  if (found !== undefined) return [alphasOf(architectureOf(found))];
  const current = running?.design.stage === stage && running.design.seed === seed;
  return current ? [running.alphas] : [];
}

interface BegunTask extends TaskAlphas {
  readonly task: number;
  readonly seed: number;
}

/** Tasks of a program that are done, and the one that a stop interrupts. */
function begunTasks(
  plan: Plan,
  finished: readonly FinishedJob[],
  running: TrainingJob | undefined,
  seed: number,
): BegunTask[] {
  const done = taskAlphas(plan, finished, seed).map((task) => ({ ...task, seed }));
  if (running?.design.stage !== 'program' || running.design.seed !== seed) return done;
  const task = plan.jobs[running.design.index]!.subplan!;
  const weight = plan.config.program!.weights[task]!;
  return [...done, { task, weight, alphas: running.alphas, seed }];
}

/** One entry a task, mean over its seeds. */
function taskFindings(plan: Plan, begun: readonly BegunTask[]): ProgramTask[] {
  const tasks = [...new Set(begun.map(({ task }) => task))].sort((a, b) => a - b);
  return tasks.map((task) => {
    const own = begun.filter((each) => each.task === task);
    return {
      task: plan.subplans![task]!.name,
      weight: own[0]!.weight,
      alphas: meanAlphas(own.map(({ alphas }) => alphas)),
    };
  });
}
