/** What each result cost in training, and how equal that was. */
import { jobKey } from './curveReport';
import type { BudgetRow, LossCurve, ReportModel, ResultRow, ResultSummary } from './modelTypes';
import { mean } from './statistics';
import { formatCount, formatFixed, listInWords } from './text';
import type { ReportPlan } from './wellFormed';

/**
 * Forward passes that a training token costs, by the usual estimate: forward once, backward twice; with gradient checkpointing
 * the blocks once more (counted whole: the head isn't computed again).
 */
export const trainingPasses = (plan: Pick<ReportPlan, 'memory'> | undefined): 3 | 4 =>
  plan?.memory?.checkpointing ? 4 : 3;

const trainingFlops = (
  passes: number,
  flopsPerToken: number | null,
  tokens: number | null,
): number | null =>
  flopsPerToken === null || tokens === null ? null : passes * flopsPerToken * tokens;

/** The search of a hybrid that was fine-tuned afterwards has no result of its own: its tokens come from the plan and the log. */
function searchRows(
  curves: readonly LossCurve[],
  plan: ReportPlan | undefined,
  have: ReadonlySet<string>,
  ended: readonly ResultRow[],
): BudgetRow[] {
  const tasks = curves.filter(({ stage }) => stage === 'program').map(({ subject }) => subject);
  const searches = [
    ['search', 'hybrid'],
    ...[...new Set(tasks)].map((task) => ['program', task] as const),
    ['projectors', 'hybrid'],
  ] as const;
  return searches.flatMap(([stage, subject]): BudgetRow[] => {
    const own = curves.filter((curve) => curve.stage === stage && curve.subject === subject);
    if (own.length === 0 || have.has(`${stage} ${subject}`)) return [];
    const exact = ended.filter((row) => row.stage === stage && row.subject === subject);
    if (exact.length > 0) return [meanRow(exact)];
    const jobs = own.map((curve) => plan?.jobs.find((job) => jobKey(job) === jobKey(curve)));
    const share = own.map((curve) => (curve.steps > 0 ? curve.lastStep / curve.steps : 0));
    const known = jobs.every((job) => job !== undefined);
    const tokens = known ? mean(jobs.map((job, s) => job.tokens * share[s]!)) : null;
    const updates = known ? mean(jobs.map((job, s) => job.weightUpdates * share[s]!)) : null;
    const flopsPerToken = jobs[0]?.flopsPerToken ?? null;
    return [
      {
        subject,
        stage,
        updates,
        tokens,
        flopsPerToken,
        trainingFlops: trainingFlops(trainingPasses(plan), flopsPerToken, tokens),
        seconds: null,
      },
    ];
  });
}

/** A stage's own results, mean over seeds: exact where frozen weights make a token cheaper. */
function meanRow(rows: readonly ResultRow[]): BudgetRow {
  const { subject, stage, flopsPerToken } = rows[0]!;
  const of = (key: 'updates' | 'tokens' | 'trainingFlops' | 'seconds') =>
    mean(rows.map((row) => row[key] ?? 0));
  return {
    ...{ subject, stage, flopsPerToken },
    updates: of('updates'),
    tokens: of('tokens'),
    trainingFlops: of('trainingFlops'),
    seconds: of('seconds'),
  };
}

export function buildBudgets(
  summaries: readonly ResultSummary[],
  curves: readonly LossCurve[],
  plan: ReportPlan | undefined,
  rivals: readonly string[],
  /** Of stages with data of their own. */
  ended: readonly ResultRow[] = [],
): ReportModel['budgets'] {
  const passes = trainingPasses(plan);
  const rows: BudgetRow[] = [];
  const have = new Set<string>();
  for (const summary of summaries) {
    const { subject, stage, updates, tokens, flopsPerToken, seconds, final } = summary;
    const key = `${stage} ${subject}`;
    if (!final || have.has(key)) continue;
    have.add(key);
    // Weights that went through a search cost more a token there than the hybrid that was kept does.
    const flops = summary.trainingFlops ?? trainingFlops(passes, flopsPerToken, tokens);
    rows.push({ subject, stage, updates, tokens, flopsPerToken, trainingFlops: flops, seconds });
  }
  rows.push(...searchRows(curves, plan, have, ended));
  return { passes, rows, sentences: sentences(rows, rivals, plan) };
}

function sentences(
  rows: readonly BudgetRow[],
  rivals: readonly string[],
  plan: ReportPlan | undefined,
): string[] {
  const find = (stage: string): BudgetRow | undefined =>
    rows.find((row) => row.stage === stage && row.subject === 'hybrid');
  const tuned = find('finetune') ?? find('search');
  const baselines = rows.filter((row) => row.stage === 'baseline' && rivals.includes(row.subject));
  const search = find('search');
  const said: string[] = [];
  if (tuned?.tokens && baselines.length > 0) said.push(...comparison(tuned, baselines));
  if (tuned?.tokens && baselines.length === 0) {
    said.push(
      'No baseline was trained, so nothing here shows what the components would have done alone.',
    );
  }
  // Beside a program the hybrid's α are not this search's.
  const isOwn = plan?.config?.program === undefined;
  if (search?.tokens && search !== tuned && baselines.length > 0 && isOwn) {
    const tuning = plan?.jobs.find((job) => job.stage === 'finetune' && job.subject === 'hybrid');
    // More tokens than the fine-tuning has: the weights were kept, and the baselines' budget holds the search's too.
    const kept = tuning !== undefined && tuned?.tokens != null && tuned.tokens > tuning.tokens;
    const read = `The search read ${formatCount(search.tokens)} tokens to find α`;
    said.push(
      kept
        ? `${read}; they are among the hybrid's, and in the baselines' budget.`
        : `${read}; the baselines got nothing for them.`,
    );
  }
  const projectors = find('projectors');
  if (projectors?.tokens && baselines.length > 0) {
    said.push(
      `The projectors read ${formatCount(projectors.tokens)} tokens of general text before the search; the baselines got nothing for them.`,
    );
  }
  return said;
}

function comparison(tuned: BudgetRow, baselines: readonly BudgetRow[]): string[] {
  const same = baselines.filter(
    (row) => row.tokens === tuned.tokens && row.updates === tuned.updates,
  );
  const others = baselines.filter((row) => !same.includes(row));
  const said: string[] = [];
  if (same.length > 0) {
    said.push(
      `${listInWords(same.map((row) => row.subject))} saw exactly the hybrid's ${formatCount(tuned.tokens)} training tokens in ${formatCount(tuned.updates)} updates.`,
    );
  }
  for (const row of others) {
    const share = row.tokens && tuned.tokens ? row.tokens / tuned.tokens : null;
    said.push(
      `${row.subject} saw ${formatCount(row.tokens)} tokens, ${formatFixed(share, 2)} times the hybrid's ${formatCount(tuned.tokens)}.`,
    );
  }
  for (const row of baselines) {
    if (!row.trainingFlops || !tuned.trainingFlops) continue;
    const ratio = tuned.trainingFlops / row.trainingFlops;
    said.push(
      `The hybrid's training took ${formatFixed(ratio, 2)} times the floating-point operations of ${row.subject}'s.`,
    );
  }
  return said;
}
