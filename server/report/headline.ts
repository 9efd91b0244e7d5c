/** The first sentence of a report: what the hybrid gained or lost, in figures, never flattering. */
import type { Measure } from './measure';
import type { ReportModel, ResultRow, ResultSummary, RunHeader } from './modelTypes';
import { includesZero, pairedDifference, rowsOf } from './resultReport';
import type { Estimate } from './statistics';
import { formatFixed, listInWords } from './text';

type Headline = ReportModel['headline'];

interface Comparison {
  readonly baseline: ResultSummary;
  readonly difference: Estimate;
}

/** The hybrid's result that the run stands for: fine-tuned if it was, on the most independent split. */
export function reportedHybrid(summaries: readonly ResultSummary[]): ResultSummary | undefined {
  const own = summaries.filter((summary) => summary.subject === 'hybrid');
  return (
    own.find((summary) => summary.stage === 'finetune' && summary.final) ??
    own.find((summary) => summary.final) ??
    own[0]
  );
}

export function buildHeadline(
  run: RunHeader,
  rows: readonly ResultRow[],
  summaries: readonly ResultSummary[],
  rivals: readonly string[],
  measure: Measure,
): Headline {
  const hybrid = reportedHybrid(summaries);
  const state = stateInWords(run);
  if (!hybrid) {
    const details = state ? [] : ['Nothing was evaluated.'];
    return {
      sentence: state ?? 'The run ended without a result.',
      details,
      outcome: 'unknown',
      certain: false,
    };
  }
  const comparisons = compare(hybrid, rows, summaries, rivals, measure);
  const figure = measure.figure(hybrid);
  const place = `${hybrid.split} ${measure.name}`;
  if (comparisons.length === 0) {
    const sentence = `The hybrid's ${place} is ${figure}; no component was trained beside it, so what it gained is not known.`;
    return { sentence, details: state ? [state] : [], outcome: 'unknown', certain: false };
  }
  const parts = comparisons.map(({ baseline, difference }) => ({
    better: measure.isBetter(difference.mean),
    words: `${measure.gap(difference.mean)} ${baseline.subject} alone (${measure.short(baseline)})`,
  }));
  const better = parts.filter((part) => part.better).length;
  const sentence = `The hybrid's ${place} of ${figure} is ${joinParts(parts)}.`;
  const outcome = better === parts.length ? 'better' : better === 0 ? 'worse' : 'mixed';
  const details = [
    ...(state ? [state] : []),
    ...certainties(comparisons, measure),
    ...costs(hybrid, comparisons),
  ];
  const certain = comparisons.every(
    ({ difference }) => includesZero(difference.interval) === false,
  );
  return { sentence, details, outcome, certain };
}

function compare(
  hybrid: ResultSummary,
  rows: readonly ResultRow[],
  summaries: readonly ResultSummary[],
  rivals: readonly string[],
  measure: Measure,
): Comparison[] {
  return summaries
    .filter(
      (summary) =>
        summary.stage === 'baseline' &&
        summary.final &&
        summary.split === hybrid.split &&
        rivals.includes(summary.subject),
    )
    .flatMap((baseline) => {
      const difference = pairedDifference(rowsOf(rows, hybrid), rowsOf(rows, baseline), measure.of);
      return difference ? [{ baseline, difference }] : [];
    });
}

function joinParts(parts: readonly { better: boolean; words: string }[]): string {
  const gains = parts.filter((part) => part.better).map((part) => part.words);
  const losses = parts.filter((part) => !part.better).map((part) => part.words);
  if (gains.length > 0 && losses.length > 0) {
    // The best one comes first: a gain over a weaker one is no consolation.
    return `${listInWords(losses)}, but ${listInWords(gains)}`;
  }
  return listInWords([...gains, ...losses]);
}

/** How sure each difference is; with one seed the headline has all there is to say. */
function certainties(comparisons: readonly Comparison[], measure: Measure): string[] {
  if (comparisons.every(({ difference }) => difference.interval === null)) {
    return ['One seed: no interval, so chance is not ruled out.'];
  }
  return comparisons.map(({ baseline, difference }) => {
    const { interval, n } = difference;
    const beside = `Beside ${baseline.subject}: ${measure.signed(difference.mean)} ${measure.unit}`;
    if (!interval) return `${beside}, from one seed: no interval.`;
    const span = `${measure.signed(interval.low)} to ${measure.signed(interval.high)}`;
    return includesZero(interval)
      ? `${beside}, 95 % interval ${span} over ${n} paired seeds: it includes zero, so this difference may be chance.`
      : `${beside}, 95 % interval ${span} over ${n} paired seeds.`;
  });
}

function costs(hybrid: ResultSummary, comparisons: readonly Comparison[]): string[] {
  return comparisons.flatMap(({ baseline }) => {
    if (!hybrid.parameters || !baseline.parameters) return [];
    const parameters = hybrid.parameters / baseline.parameters;
    const flops =
      hybrid.flopsPerToken && baseline.flopsPerToken
        ? ` and ${formatFixed(hybrid.flopsPerToken / baseline.flopsPerToken, 2)} times its FLOPs a token`
        : '';
    return [
      `The hybrid has ${formatFixed(parameters, 2)} times ${baseline.subject}'s parameters${flops}.`,
    ];
  });
}

function stateInWords(run: RunHeader): string | undefined {
  switch (run.state) {
    case 'done':
      return undefined;
    case 'stopped':
      return 'The run was stopped before its end: what stands here is what it had reached.';
    case 'failed':
      return `The run failed: ${run.failure?.message ?? 'no reason was recorded'}`;
    case 'unfinished':
      return 'The log has no end: the run is still going, or was cut. What stands here is what it had reached.';
  }
}
