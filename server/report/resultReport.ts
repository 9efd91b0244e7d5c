/** Results over seeds, each beside the best baseline. */
import type { RunEvent, RunResult, Split, Stage } from '../contract/events';
import { jobKey } from './curveReport';
import type { Difference, LossCurve, ResultRow, ResultSummary } from './modelTypes';
import { estimate, estimateShare, mean } from './statistics';
import type { Estimate, Interval } from './statistics';
import { formatFixed, formatSigned } from './text';
import type { ReportPlan } from './wellFormed';

const stageOrder: readonly Stage[] = ['finetune', 'baseline', 'search', 'program', 'projectors'];
const splitOrder: readonly Split[] = ['test', 'validation', 'train'];

/** Stages whose losses are on data of their own. */
const hasOwnData = ({ stage }: { readonly stage: Stage }): boolean =>
  stage === 'projectors' || stage === 'program';

/** Results of the finished event; before there is one, the latest evaluation of each job. Stages with data of their own: not here. */
export function buildRows(
  events: readonly RunEvent[],
  curves: readonly LossCurve[],
  plan: ReportPlan | undefined,
): ResultRow[] {
  const finished = events.findLast((event) => event.type === 'finished');
  const reported = (finished?.results ?? []).filter((result) => !hasOwnData(result));
  const rows = reported.map(resultRow);
  const have = new Set(rows.map((row) => jobKey(row)));
  const others = curves.filter((c) => !hasOwnData(c) && !have.has(jobKey(c)));
  return [...rows, ...others.flatMap((c) => latest(c, plan))];
}

/** A result of the finished event. */
export function resultRow(result: RunResult): ResultRow {
  return {
    ...result,
    accuracy: result.accuracy ?? null,
    trainingFlops: result.trainingFlops ?? null,
    milliseconds: result.milliseconds ?? null,
    final: true,
  };
}

function latest(curve: LossCurve, plan: ReportPlan | undefined): ResultRow[] {
  const job = plan?.jobs.find((candidate) => jobKey(candidate) === jobKey(curve));
  return splitOrder.flatMap((split): ResultRow[] => {
    const last = curve.evaluations.findLast((evaluation) => evaluation.split === split);
    if (!last) return [];
    const { stage, subject, seed } = curve;
    const { loss, perplexity, accuracy } = last;
    const cost = {
      parameters: job?.parameters ?? null,
      flopsPerToken: job?.flopsPerToken ?? null,
      updates: null,
      tokens: null,
      trainingFlops: null,
      seconds: null,
      milliseconds: null,
    };
    return [{ stage, subject, seed, split, final: false, loss, perplexity, accuracy, ...cost }];
  });
}

const meanOf = (
  rows: readonly ResultRow[],
  key: 'updates' | 'tokens' | 'trainingFlops' | 'seconds' | 'milliseconds',
): number | null => {
  const values = rows.map((row) => row[key]).filter((value) => value !== null);
  return values.length > 0 ? mean(values) : null;
};

function groupRows(rows: readonly ResultRow[]): ResultRow[][] {
  const groups = new Map<string, ResultRow[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.stage, row.subject, row.split, row.final]);
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()];
}

/** What a summary sums up, by seed. */
export function rowsOf(rows: readonly ResultRow[], summary: ResultSummary): ResultRow[] {
  const { subject, stage, split, final } = summary;
  return rows.filter(
    (row) =>
      row.subject === subject && row.stage === stage && row.split === split && row.final === final,
  );
}

/** Mean of `first − second` (of the loss, or of `value`) over the seeds that both have; undefined when there is none. */
export function pairedDifference(
  first: readonly ResultRow[],
  second: readonly ResultRow[],
  value: (row: ResultRow) => number = (row) => row.loss,
): Estimate | undefined {
  const differences = first.flatMap((row) => {
    const partner = second.find((other) => other.seed === row.seed);
    return partner ? [value(row) - value(partner)] : [];
  });
  return differences.length > 0 ? estimate(differences) : undefined;
}

/** The group of the rival that did best on `split`: baselines only, never the uniform mixture. */
function bestRival(
  groups: readonly ResultRow[][],
  split: Split,
  rivals: readonly string[],
): ResultRow[] | undefined {
  let best: ResultRow[] | undefined;
  for (const group of groups) {
    const { stage, subject, split: itsSplit } = group[0]!;
    if (stage !== 'baseline' || itsSplit !== split || !rivals.includes(subject)) continue;
    if (!best || mean(group.map((row) => row.loss)) < mean(best.map((row) => row.loss)))
      best = group;
  }
  return best;
}

/** Whether the interval allows a difference of either sign; undefined without an interval. */
export function includesZero(interval: Interval | null): boolean | undefined {
  return interval ? interval.low <= 0 && interval.high >= 0 : undefined;
}

export function intervalInWords(difference: Estimate, digits = 3): string {
  const { interval, n } = difference;
  if (!interval) return 'one seed: no interval';
  const span = `95 % interval ${formatSigned(interval.low, digits)} to ${formatSigned(interval.high, digits)} over ${n} seeds`;
  return includesZero(interval) ? `${span}, which includes no difference` : span;
}

function versusBest(
  group: readonly ResultRow[],
  best: readonly ResultRow[] | undefined,
): Difference | null {
  if (!best || best === group) return null;
  const difference = pairedDifference(group, best);
  if (!difference) return null;
  const component = best[0]!.subject;
  const sentence = `${formatSigned(difference.mean)} to ${component}; ${intervalInWords(difference)}`;
  return { component, difference, sentence };
}

export function summarise(rows: readonly ResultRow[], rivals: readonly string[]): ResultSummary[] {
  const groups = groupRows(rows);
  const summaries = groups.map((group): ResultSummary => {
    const { stage, subject, split, final, parameters, flopsPerToken } = group[0]!;
    const accuracies = group.map((row) => row.accuracy).filter((value) => value !== null);
    const loss = estimate(group.map((row) => row.loss));
    const best = bestRival(groups, split, rivals);
    return {
      subject,
      stage,
      split,
      final,
      seeds: group.map((row) => row.seed),
      loss,
      perplexity: estimate(group.map((row) => row.perplexity)),
      accuracy: accuracies.length === group.length ? estimateShare(accuracies) : null,
      parameters,
      flopsPerToken,
      updates: meanOf(group, 'updates'),
      tokens: meanOf(group, 'tokens'),
      trainingFlops: meanOf(group, 'trainingFlops'),
      seconds: meanOf(group, 'seconds'),
      milliseconds: meanOf(group, 'milliseconds'),
      versusBest: versusBest(group, best),
      interval: loss.interval
        ? `${formatFixed(loss.interval.low)} to ${formatFixed(loss.interval.high)}`
        : 'one seed: no interval',
    };
  });
  return summaries.sort(
    (a, b) =>
      splitOrder.indexOf(a.split) - splitOrder.indexOf(b.split) ||
      stageOrder.indexOf(a.stage) - stageOrder.indexOf(b.stage) ||
      a.loss.mean - b.loss.mean,
  );
}
