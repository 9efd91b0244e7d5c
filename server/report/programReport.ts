/** What programming a hybrid came to: α by task, what finding them cost, and what they are worth beside others. */
import {
  SEARCHED_SUBJECT,
  type FinishedEvent,
  type RunEvent,
  type Stage,
} from '../contract/events';
import { buildMovement, meanAlphas } from './alphaPaths';
import { reportedHybrid } from './headline';
import type { Measure } from './measure';
import type {
  BudgetRow,
  ReportModel,
  ReportProgram,
  AlphaMovement,
  ReportProgramTask,
  ResultRow,
  ResultSummary,
} from './modelTypes';
import { includesZero, pairedDifference, resultRow } from './resultReport';
import { estimate, estimateShare } from './statistics';
import { formatCount, formatFixed, formatShort } from './text';
import type { ReportPlan } from './wellFormed';

const finishedOf = (events: readonly RunEvent[]): FinishedEvent | undefined =>
  events.findLast((event) => event.type === 'finished');

/** Results of stages that have data of their own, which stand beside no other; none before the run's end. */
export function ownResults(events: readonly RunEvent[], stage: Stage): ResultRow[] {
  return (finishedOf(events)?.results ?? [])
    .filter((result) => result.stage === stage)
    .map(resultRow);
}

export const isProgrammed = (events: readonly RunEvent[], plan: ReportPlan | undefined): boolean =>
  plan?.config?.program !== undefined || finishedOf(events)?.program !== undefined;

export interface ProgramParts {
  readonly events: readonly RunEvent[];
  readonly shape: { readonly components: readonly string[]; readonly blocks: number };
  readonly rows: readonly ResultRow[];
  readonly summaries: readonly ResultSummary[];
  readonly budgets: readonly BudgetRow[];
  readonly measure: Measure;
}

/** Of a run that programs its hybrid; before its end there are no tasks in it. */
export function buildProgram(parts: ProgramParts): ReportProgram {
  const { events, shape } = parts;
  const finished = finishedOf(events);
  const fits = (alphas: readonly (readonly number[])[]) =>
    alphas.length === shape.blocks && alphas.every((row) => row.length === shape.components.length);
  const results = ownResults(events, 'program');
  const tasks = (finished?.program ?? [])
    .filter(({ alphas }) => fits(alphas))
    .map(({ task, weight, alphas }): ReportProgramTask => {
      const own = results.filter(({ subject }) => subject === task);
      const accuracies = own.flatMap(({ accuracy }) => accuracy ?? []);
      return {
        ...{ task, weight, alphas },
        loss: own.length > 0 ? estimate(own.map(({ loss }) => loss)) : null,
        accuracy: accuracies.length > 0 ? estimateShare(accuracies) : null,
      };
    });
  const searched = finished?.searched && fits(finished.searched) ? finished.searched : null;
  return {
    tasks,
    searched,
    movements: movements(parts),
    sentences: [...comparisons(parts), ...distance(finished, searched), ...cost(parts)],
  };
}

/** In the order in which the jobs began. */
function movements({ events, shape }: ProgramParts): AlphaMovement[] {
  const begun = events.flatMap((event) =>
    event.type === 'step' && event.stage === 'program' ? event.subject : [],
  );
  return [
    ...[...new Set(begun)].map((subject) => ({ stage: 'program' as const, subject })),
    { stage: 'search' as const, subject: 'hybrid' },
  ]
    .map((where) => buildMovement(shape, events, where))
    .filter(({ paths }) => paths.length > 0);
}

/** The hybrid fine-tuned with programmed α beside the one with searched and the one with uniform α. */
function comparisons({ rows, summaries, measure }: ProgramParts): string[] {
  const hybrid = reportedHybrid(summaries);
  if (hybrid?.stage !== 'finetune' || !hybrid.final) return [];
  const rowsOf = (subject: string, stage: Stage) =>
    rows.filter(
      (row) =>
        row.final && row.split === hybrid.split && row.subject === subject && row.stage === stage,
    );
  return [
    [SEARCHED_SUBJECT, 'searched on the target'],
    ['uniform', 'that are uniform'],
  ].flatMap(([subject, words]) => {
    const other = summaries.find(
      (row) => row.subject === subject && row.stage === 'baseline' && row.split === hybrid.split,
    );
    const difference = pairedDifference(
      rowsOf('hybrid', 'finetune'),
      rowsOf(subject!, 'baseline'),
      measure.of,
    );
    if (!other?.final || !difference) return [];
    const { interval, n } = difference;
    const doubt = !interval
      ? 'one seed, no interval'
      : `95 % interval ${measure.signed(interval.low)} to ${measure.signed(interval.high)} ${measure.unit} over ${n} paired seeds${includesZero(interval) ? ', which includes zero' : ''}`;
    return [
      `Fine-tuned under the same budget, the hybrid's ${hybrid.split} ${measure.name} with programmed α is ${measure.gap(difference.mean)} the one with α ${words!} (${measure.short(other)}; ${doubt}).`,
    ];
  });
}

/** How far the programmed α lie from the searched ones. */
function distance(
  finished: FinishedEvent | undefined,
  searched: readonly (readonly number[])[] | null,
): string[] {
  const usable = finished?.perSeed.filter((alphas) => alphas.length === searched?.length) ?? [];
  if (!searched || usable.length === 0) return [];
  const programmed = meanAlphas(usable);
  const gaps = programmed.flatMap((row, i) =>
    row.map((alpha, m) => Math.abs(alpha - (searched[i]?.[m] ?? Number.NaN))),
  );
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  if (!Number.isFinite(mean)) return [];
  return [
    `An entry of the programmed α lies ${formatFixed(mean, 3)} from the searched one on average.`,
  ];
}

/** What finding α took, a seed, here and on the target. */
function cost({ budgets }: ProgramParts): string[] {
  const tasks = budgets.filter(({ stage }) => stage === 'program');
  const sum = (key: 'tokens' | 'trainingFlops') =>
    tasks.reduce((total, row) => total + (row[key] ?? Number.NaN), 0);
  const [tokens, flops] = [sum('tokens'), sum('trainingFlops')];
  if (tasks.length === 0 || !Number.isFinite(tokens)) return [];
  const many = `${tasks.length} synthetic task${tasks.length === 1 ? '' : 's'}`;
  const read = `Programming read ${formatCount(Math.round(tokens))} tokens of ${many} to find α, in ${formatShort(flops)} training FLOPs`;
  const search = budgets.find(({ stage, subject }) => stage === 'search' && subject === 'hybrid');
  if (!search?.tokens || !search.trainingFlops) {
    return [`${read}, and none of the target's.`];
  }
  const ratio = flops / search.trainingFlops;
  return [
    `${read}; the search on the target read ${formatCount(Math.round(search.tokens))} in ${formatShort(search.trainingFlops)}: programming took ${formatFixed(ratio, ratio < 0.1 ? 3 : 2)} times its FLOPs.`,
  ];
}

/** Lines of the table of α: each task, their mean, and the search's beside it. */
export function alphaRows(
  { alphas }: Pick<ReportModel, 'alphas'>,
  { tasks, searched }: ReportProgram,
): {
  readonly name: string;
  readonly share: string;
  readonly alphas: readonly (readonly number[])[];
}[] {
  if (tasks.length === 0) return [];
  return [
    ...tasks.map((task) => ({
      name: task.task,
      share: `${formatFixed(task.weight * 100, 0)} %`,
      alphas: task.alphas,
    })),
    ...(alphas.mean ? [{ name: 'programmed, their mean', share: '', alphas: alphas.mean }] : []),
    ...(searched ? [{ name: 'searched on the target', share: '', alphas: searched }] : []),
  ];
}

export const blockHeads = (blocks: number): string[] =>
  Array.from({ length: blocks }, (_, block) => `block ${block + 1}`);
