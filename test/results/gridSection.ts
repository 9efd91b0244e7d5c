/** A section of `docs/results.md` on a grid, of which validation chooses for each model. */
import type { Setting } from '../../server/contract/sweep';
import { valueText } from '../../server/language/sweep';
import { markdownTable } from '../../server/report/markdown';
import type { SelectedScore } from '../../server/report/sweep/sweepModel';
import { formatFixed, formatNumberOf, formatShort, listInWords } from '../../server/report/text';
import { groupedBy } from './entries';
import { sweepModelOf } from './grids';
import type { Section } from './modelsSection';
import type { RunRecord } from './records';
import { cellText, figureText } from './words';

export function gridSection(records: readonly RunRecord[]): Section {
  const model = sweepModelOf(records);
  const split = model.selected.every(({ score }) => score.test !== null) ? 'test' : 'validation';
  const rows = model.selected.map(({ condition, subject, row, score }) => {
    const isChosen = ({ key }: Setting) => !condition.some((one) => one.key === key);
    return [
      cellText([...condition.map(settingText), subject].join(', ')),
      cellText(model.rows[row]!.settings.filter(isChosen).map(settingText).join(', ')),
      formatShort(score.parameters),
      formatShort(score.flopsPerToken),
      figureText(score.validation?.loss ?? null, 'loss'),
      figureText(score[split]?.loss ?? null, 'loss'),
      figureText(score[split]?.accuracy ?? null, 'accuracy'),
    ];
  });
  const seeds = Math.min(...model.rows.map((row) => row.seeds));
  const head = [
    formatNumberOf(seeds, 'seed'),
    'chosen on validation',
    'parameters',
    'FLOPs a token',
    'validation loss',
    `${split} loss`,
    `${split} accuracy`,
  ];
  const conditions = groupedBy(model.selected, ({ condition }) => JSON.stringify(condition));
  const sentences = conditions.map((group) => conditionSentence(group, split, model.measure));
  const caution = seeds === 1 ? ['One seed a cell: no interval, so chance is not ruled out.'] : [];
  return {
    blocks: [markdownTable(head, rows).join('\n'), sentences.join(' '), ...caution],
    verdicts: [],
  };
}

const settingText = ({ key, value }: Setting): string =>
  `${key.split('.').at(-1)!} ${valueText(value)}`;

function conditionSentence(
  group: readonly SelectedScore[],
  split: 'test' | 'validation',
  measure: 'loss' | 'accuracy',
): string {
  const isTask = measure === 'accuracy';
  const figure = (subject: string): number => {
    const own = group.find((one) => one.subject === subject)?.score[split];
    return (isTask ? own?.accuracy?.mean : own?.loss.mean) ?? Number.NaN;
  };
  /** Positive: better than the hybrid. */
  const lead = (subject: string): number =>
    (isTask ? 100 : -1) * (figure(subject) - figure('hybrid'));
  const components = group.map(({ subject }) => subject).filter((name) => name !== 'hybrid');
  const [best] = components.sort((a, b) => lead(b) - lead(a));
  if (best === undefined) return 'No component stands beside the hybrid.';
  const { condition } = group[0]!;
  const place = condition.length === 0 ? 'Here' : `At ${listInWords(condition.map(settingText))}`;
  const size = `${formatFixed(Math.abs(lead(best)), isTask ? 1 : 3)} ${isTask ? 'points' : 'nats'}`;
  return lead(best) < 0
    ? `${place} the hybrid is ahead of ${best}, the best component, by ${size}.`
    : `**${place} the hybrid does not win**: ${best} is ${lead(best) === 0 ? 'level with it' : `ahead by ${size}`}.`;
}
