/** Figures and sentences of `docs/results.md`. */
import { intervalInWords } from '../../server/report/resultReport';
import type { Estimate } from '../../server/report/statistics';
import { formatFixed, formatNumberOf, formatSigned } from '../../server/report/text';
import type { Entry, Measure, Verdict } from './entries';

/** `3.867 ± 0.012`, or of shares, whose ends are cut, `62.5 % (60.1 to 64.9)`. */
export function figureText(value: Estimate | null, measure: Measure): string {
  if (!value) return '–';
  const { mean, interval } = value;
  if (measure === 'accuracy') {
    const share = (part: number) => formatFixed(part * 100, 1);
    const span = interval ? ` (${share(interval.low)} to ${share(interval.high)})` : '';
    return `${share(mean)} %${span}`;
  }
  const half = interval ? ` ± ${formatFixed((interval.high - interval.low) / 2)}` : '';
  return `${formatFixed(mean)}${half}`;
}

/** A difference of which no digit is left has no sign. */
export const signedText = (value: number, digits = 3): string =>
  Math.abs(value) < 0.5 * 10 ** -digits ? formatFixed(0, digits) : formatSigned(value, digits);

/** `+0.036 (+0.010 to +0.062)`, in nats or in points. */
export function differenceText({ mean, interval }: Estimate, measure: Measure): string {
  const signed = (value: number) =>
    measure === 'accuracy' ? signedText(value * 100, 1) : signedText(value, 3);
  return interval
    ? `${signed(mean)} (${signed(interval.low)} to ${signed(interval.high)})`
    : signed(mean);
}

export const entryName = ({ subject, setting, role }: Entry): string => {
  const name = {
    hybrid: 'hybrid, searched',
    programmed: 'hybrid, programmed',
    uniform: 'hybrid, uniform α',
    component: `${subject} alone`,
    designed: `${subject}, designed by hand`,
  }[role];
  return setting === '' ? name : `${name} (${setting})`;
};

const BUDGETS: Readonly<Record<Verdict['budget'], string>> = {
  tokens: 'At equal tokens',
  both: 'At equal tokens and FLOPs',
  FLOPs: 'At equal training FLOPs',
  neither: 'At another budget',
};

/** Whether the hybrid wins, in plain words. */
export function verdictSentence(verdict: Verdict, measure: Measure): string {
  const { hybrid, best, budget, difference, outcome } = verdict;
  const kind = hybrid.role === 'programmed' ? 'the programmed hybrid' : 'the hybrid';
  const who = hybrid.setting === '' ? kind : `${kind} (${hybrid.setting})`;
  const than = entryName(best);
  const isLess = difference.mean < 0;
  const size =
    measure === 'accuracy'
      ? `${formatFixed(Math.abs(difference.mean) * 100, 1)} points ${isLess ? 'below' : 'above'}`
      : `${formatFixed(Math.abs(difference.mean))} nats ${isLess ? 'below' : 'above'}`;
  const certainty = certaintyOf(difference, measure);
  const place = BUDGETS[budget];
  const beside = `its ${measure} is ${size} that of ${than}, the best there (${certainty})`;
  switch (outcome) {
    case 'wins':
      return `**${place} ${who} wins**: ${beside}.`;
    case 'loses':
      return `**${place} ${who} does not win**: ${beside}.`;
    case 'open':
      return `**${place} ${who} does not win for certain**: ${beside}.`;
  }
}

function certaintyOf(difference: Estimate, measure: Measure): string {
  if (measure === 'loss') return intervalInWords(difference);
  const { mean, n, interval } = difference;
  const points = interval && { low: interval.low * 100, high: interval.high * 100 };
  return intervalInWords({ mean: mean * 100, n, interval: points }, 1);
}

/** Text in a table: its edge is escaped. Names here are the repository's own. */
export const cellText = (text: string): string => text.replaceAll('|', '\\|');

/** `3 seeds`. */
export const seedsText = (entries: readonly Entry[]): string => {
  const counts = [...new Set(entries.map(({ rows }) => rows.length))].sort((a, b) => a - b);
  return counts.length === 1
    ? formatNumberOf(counts[0]!, 'seed')
    : `${counts[0]!} to ${counts.at(-1)!} seeds`;
};
