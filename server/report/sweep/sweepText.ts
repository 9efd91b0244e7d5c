/** A sweep in words, for the terminal and the head of its page. */
import { fit, textWidth } from '../terminalDrawings';
import type { Estimate } from '../statistics';
import { displayText, formatFixed, formatNumberOf, listInWords } from '../text';
import { labelOf, settingsText, shortKey } from './axes';
import type { SelectedScore, SplitScore, SweepModel } from './sweepModel';
import { bestRival, keyOf, outcomeOf, reportedSplit, verdictOf } from './sweepBeside';
import { figure, spreadText } from './sweepSvg';

/** What the grid comes to, in a sentence and some facts. */
export function headlineOf(model: SweepModel): {
  readonly sentence: string;
  readonly details: readonly string[];
} {
  const { selected, measure, cells, done, failed, pareto } = model;
  const details = [
    ...(pareto?.sentence ? [pareto.sentence] : []),
    ...(failed.length > 0
      ? [`${failed.length === 1 ? 'Cell' : 'Cells'} ${listInWords(failed.map(String))} failed.`]
      : []),
    ...(done < cells - failed.length
      ? [`${done} of ${formatNumberOf(cells, 'run')} ${done === 1 ? 'is' : 'are'} done.`]
      : []),
  ];
  const conditions = new Map<string, SelectedScore[]>();
  for (const one of selected) {
    const key = keyOf(one);
    const known = conditions.get(key);
    if (known) known.push(one);
    else conditions.set(key, [one]);
  }
  if (conditions.size === 0) return { sentence: 'No cell has ended yet.', details };
  const sentences = [...conditions.values()].map((scores) => sentenceOf(scores, measure));
  if (sentences.length === 1) {
    const [only] = [...conditions.values()] as [SelectedScore[]];
    const chosen = only.flatMap((one) => chosenText(model, one));
    const verdict = verdictOf(only, measure) ?? [];
    return { sentence: sentences[0]!, details: [verdict, chosen, details].flat() };
  }
  const verdicts = [...conditions.values()].map((scores) => verdictOf(scores, measure) ?? []);
  return {
    sentence: aheadOf([...conditions.values()], measure),
    details: [...sentences.flatMap((sentence, i) => [sentence, verdicts[i]!]), details].flat(),
  };
}

/** All kinds of data counted, and those apart where it isn't chance. */
function aheadOf(
  conditions: readonly (readonly SelectedScore[])[],
  measure: SweepModel['measure'],
): string {
  const differences = conditions.map((scores) => bestRival(scores, measure)?.hybridBeside);
  const isBetter = (mean: number): boolean => (measure === 'accuracy' ? mean > 0 : mean < 0);
  const ahead = differences.filter((one) => one && isBetter(one.mean)).length;
  const certain = differences.filter((one) => one && outcomeOf(one, measure) === 'ahead').length;
  const sure =
    ahead === 0 ? '' : `, by more than the 95 % interval of the paired difference on ${certain}`;
  return `The hybrid is ahead of every other model on ${ahead} of ${conditions.length} kinds of data${sure}.`;
}

const estimateOf = (score: SplitScore | null, measure: SweepModel['measure']): Estimate | null =>
  (measure === 'accuracy' ? score?.accuracy : score?.loss) ?? null;

function sentenceOf(scores: readonly SelectedScore[], measure: SweepModel['measure']): string {
  const split = reportedSplit(scores);
  const [{ condition }] = scores as readonly [SelectedScore, ...SelectedScore[]];
  const where = condition.length === 0 ? '' : `With ${settingsText(condition)}: `;
  const parts = scores.map(({ subject, score }) => {
    const estimate = estimateOf(score[split], measure);
    const spread = estimate && spreadText(estimate, measure);
    const span =
      spread === undefined || spread === null
        ? ''
        : measure === 'loss'
          ? ` ${spread}`
          : ` (${spread})`;
    return `${subject === 'hybrid' ? 'the hybrid' : subject} ${figure(estimate?.mean ?? Number.NaN, measure)}${span}`;
  });
  const seeds = Math.max(...scores.map(({ score }) => estimateOf(score[split], measure)?.n ?? 0));
  const note = seeds > 1 ? `; 95 % intervals over ${formatNumberOf(seeds, 'seed')}` : '';
  const best = `best ${split} ${measure} of the grid: ${parts.join(', ')}${note}.`;
  return where === '' ? `B${best.slice(1)}` : `${where}${best}`;
}

function chosenText({ rows }: SweepModel, { subject, row }: SelectedScore): readonly string[] {
  const { settings } = rows[row]!;
  if (settings.length === 0) return [];
  const name = subject === 'hybrid' ? 'the hybrid' : subject;
  const values = settings.map(({ key, value }) => `${key} ${labelOf(value)}`).join(', ');
  return [`Validation chose for ${name}: ${values}.`];
}

/** The rows of the grid as lines, none wider than `columns`: intervals are left out where they don't fit. */
export function sweepTable(model: SweepModel, columns: number): readonly string[] {
  const whole = tableLines(model, true);
  const lines = whole.some((line) => textWidth(line) > columns) ? tableLines(model, false) : whole;
  const what = `validation ${model.measure} of each model, and the hybrid's on test`;
  return [...lines, `* chosen on validation; ${what}`].map((line) => fit(line, columns));
}

function tableLines(model: SweepModel, hasIntervals: boolean): readonly string[] {
  const own = model.axes.filter(({ kind }) => kind !== 'seed');
  const cell = (score: SplitScore | null | undefined): string => {
    const estimate = estimateOf(score ?? null, model.measure);
    if (!estimate) return '–';
    const interval = hasIntervals ? spreadText(estimate, model.measure) : undefined;
    const spread = interval === undefined ? '' : ` (${interval})`;
    return `${figure(estimate.mean, model.measure)}${spread}`;
  };
  const table = [
    [
      'cell',
      ...own.map(({ key }) => displayText(shortKey(key), 24)),
      ...model.subjects.map((subject) => displayText(subject, 16)),
      'test',
      'α',
      'state',
    ],
    ...model.rows.map((row, index) => {
      const hybrid = row.subjects.find(({ subject }) => subject === 'hybrid');
      const { selection } = row;
      return [
        row.cells.length === 1 ? String(row.cells[0]) : `${row.cells[0]!}–${row.cells.at(-1)!}`,
        ...row.settings.map(({ value }) => displayText(labelOf(value), 28)),
        ...model.subjects.map((subject) => {
          const score = row.subjects.find((one) => one.subject === subject);
          const isChosen = model.selected.some(
            (one) => one.row === index && one.subject === subject,
          );
          return `${cell(score?.validation)}${isChosen ? ' *' : '  '}`;
        }),
        cell(hybrid?.test),
        selection
          ? `${displayText(selection.component, 14)} ${formatFixed(selection.meanAlpha, 2)}`
          : '–',
        [...new Set(row.states)].join(', '),
      ];
    }),
  ];
  const widths = table[0]!.map((_, column) =>
    Math.max(...table.map((line) => textWidth(line[column]!))),
  );
  return table.map((line) =>
    line
      .map((word, column) => word + ' '.repeat(widths[column]! - textWidth(word)))
      .join('  ')
      .trimEnd(),
  );
}
