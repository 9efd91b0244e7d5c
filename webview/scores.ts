/** Scores of the hybrid and its baselines: of several seeds their mean and how far they lie apart, each seed below. */
import { SEARCHED_SUBJECT, type RunResult, type Split } from '../server/contract/events';
import { make } from './dom';
import { formatCount, formatLoss, formatShare, formatShort } from './format';
import { makeTable } from './table';

/** A score of one seed, or what the seeds of one subject, stage and split have in common. */
export interface Score extends Omit<RunResult, 'seed' | 'seconds'> {
  readonly seeds: number;
  /** Lowest and highest loss. */
  readonly range: readonly [number, number];
}

/** The test split first, within a split the order of the run. The perplexity is that of the mean loss. */
export function meanScores(results: readonly RunResult[]): readonly Score[] {
  const groups = new Map<string, RunResult[]>();
  for (const result of results) {
    const key = JSON.stringify([result.split, result.subject, result.stage]);
    const group = groups.get(key);
    if (group) group.push(result);
    else groups.set(key, [result]);
  }
  const scores = [...groups.values()].map(meanOf);
  const rank = (split: Split): number => (split === 'test' ? 0 : 1);
  return scores.sort((left, right) => rank(left.split) - rank(right.split));
}

function meanOf(group: readonly RunResult[]): Score {
  const [{ subject, stage, split, accuracy }] = group as readonly [RunResult, ...RunResult[]];
  const mean = (of: (result: RunResult) => number): number =>
    group.reduce((sum, result) => sum + of(result), 0) / group.length;
  const losses = group.map(({ loss }) => loss);
  return {
    ...{ subject, stage, split, seeds: group.length },
    loss: mean(({ loss }) => loss),
    range: [Math.min(...losses), Math.max(...losses)],
    perplexity: group.length === 1 ? group[0]!.perplexity : Math.exp(mean(({ loss }) => loss)),
    ...(accuracy !== undefined && { accuracy: mean((result) => result.accuracy ?? Number.NaN) }),
    parameters: mean(({ parameters }) => parameters),
    flopsPerToken: mean(({ flopsPerToken }) => flopsPerToken),
    updates: mean(({ updates }) => updates),
    tokens: mean(({ tokens }) => tokens),
  };
}

/**
 * @param known whether the run names its components
 * @param programmed whether the hybrid has the α of a program; its tasks' own scores are on other data and stand in the report
 * @param ofTask whether answers are right or wrong: accuracy comes first then, and perplexity says nothing
 */
export function makeScores(
  all: readonly RunResult[],
  known: boolean,
  ofTask: boolean,
  programmed = false,
): readonly HTMLElement[] {
  const results = shownResults(all, programmed);
  if (results.length === 0) return [];
  const caption = known ? 'Scores of the hybrid and its baselines' : 'Scores';
  const seeds = new Set(results.map(({ seed }) => seed)).size;
  if (seeds === 1) return [makeScoreTable(caption, meanScores(results), 'none', ofTask)];
  const single = results.map((result) => ({ ...meanOf([result]), seed: result.seed }));
  return [
    makeScoreTable(`${caption}, mean over ${seeds} seeds`, meanScores(results), 'range', ofTask),
    make(
      'details',
      { class: 'seeds' },
      make('summary', {}, 'Each seed'),
      makeScoreTable(`${caption}, each seed`, single, 'seed', ofTask),
    ),
  ];
}

/** Those on the target's data, named. */
export const shownResults = (all: readonly RunResult[], programmed: boolean): RunResult[] =>
  all
    .filter(({ stage }) => stage !== 'program')
    .map((result) => ({ ...result, subject: subjectTitle(result, programmed) }));

/** Which α a hybrid has, where there are several ways to find them. */
function subjectTitle({ subject, stage }: RunResult, programmed: boolean): string {
  if (!programmed) return subject;
  if (subject === SEARCHED_SUBJECT && stage === 'baseline') return 'searched hybrid';
  return subject === 'hybrid' && stage === 'finetune' ? 'programmed hybrid' : subject;
}

const stageTitle = ({ stage }: Score): string => (stage === 'finetune' ? 'fine-tune' : stage);

function makeScoreTable(
  caption: string,
  scores: readonly (Score & { readonly seed?: number })[],
  shows: 'none' | 'seed' | 'range',
  ofTask: boolean,
): HTMLElement {
  const accurate = scores.some(({ accuracy }) => accuracy !== undefined);
  const rows = scores.map((score) => [
    score.subject,
    stageTitle(score),
    ...(shows === 'seed' ? [String(score.seed)] : []),
    score.stage === 'projectors' ? 'general text' : score.split,
    ...(accurate && ofTask ? [formatShare(score.accuracy)] : []),
    formatLoss(score.loss),
    ...(shows === 'range' ? [score.range.map(formatLoss).join(' – ')] : []),
    ...(ofTask ? [] : [formatPerplexity(score.perplexity)]),
    ...(accurate && !ofTask ? [formatShare(score.accuracy)] : []),
    formatShort(score.parameters),
    formatShort(score.flopsPerToken),
    formatCount(score.updates),
    formatShort(score.tokens),
  ]);
  return makeTable(
    caption,
    [
      { head: 'Subject', words: true },
      { head: 'Stage', words: true },
      ...(shows === 'seed' ? [{ head: 'Seed' }] : []),
      { head: 'Split', words: true },
      ...(accurate && ofTask
        ? [{ head: 'Accuracy', title: 'Share of the scored positions that are right' }]
        : []),
      { head: 'Loss', title: 'Nats a token' },
      ...(shows === 'range'
        ? [{ head: 'Lowest – highest', title: 'Loss of the best and the worst seed' }]
        : []),
      ...(ofTask ? [] : [{ head: 'Perplexity' }]),
      ...(accurate && !ofTask ? [{ head: 'Accuracy' }] : []),
      { head: 'Parameters' },
      { head: 'FLOPs/token', title: 'Forward pass' },
      { head: 'Updates', title: 'Updates of the weights' },
      { head: 'Tokens', title: 'Training tokens that the weights saw' },
    ],
    rows,
  );
}

const formatPerplexity = (value: number): string =>
  Number.isFinite(value) ? (value >= 1e6 ? formatShort(value) : value.toFixed(2)) : '–';
