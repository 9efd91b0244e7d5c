/** A section of `docs/results.md` on a grid, of which validation chooses for each model. */
import type { Setting } from '../../server/contract/sweep';
import { valueText } from '../../server/language/sweep';
import { markdownTable } from '../../server/report/markdown';
import { bestRival, outcomeOf } from '../../server/report/sweep/sweepBeside';
import type { SelectedScore } from '../../server/report/sweep/sweepModel';
import { formatNumberOf, formatShort, listInWords } from '../../server/report/text';
import { groupedBy } from './entries';
import { sweepModelOf } from './grids';
import type { Section } from './modelsSection';
import type { RunRecord } from './records';
import { cellText, differenceText, figureText } from './words';

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
  const sentences = conditions.map((group) => conditionSentence(group, model.measure));
  const caution = seeds === 1 ? ['One seed a cell: no interval, so chance is not ruled out.'] : [];
  return {
    blocks: [markdownTable(head, rows).join('\n'), sentences.join(' '), ...caution],
    verdicts: [],
  };
}

const settingText = ({ key, value }: Setting): string =>
  `${key.split('.').at(-1)!} ${valueText(value)}`;

/** The chosen hybrid beside the best of the others that were chosen for the same data. */
function conditionSentence(group: readonly SelectedScore[], measure: 'loss' | 'accuracy'): string {
  const best = bestRival(group, measure);
  const difference = best?.hybridBeside;
  if (!difference) return 'No component stands beside the hybrid.';
  const { condition } = group[0]!;
  const place = condition.length === 0 ? 'Here' : `At ${listInWords(condition.map(settingText))}`;
  const unit = measure === 'accuracy' ? 'points' : 'nats';
  const seeds = difference.interval ? `, ${formatNumberOf(difference.n, 'paired seed')}` : '';
  const beside = `${differenceText(difference, measure)} ${unit} beside ${best.subject}, the best of the others${seeds}`;
  const words = {
    ahead: `**${place} the hybrid wins**`,
    behind: `**${place} the hybrid does not win**`,
    open: difference.interval
      ? `**${place} the hybrid does not win for certain**`
      : `${place} chance is not ruled out`,
  };
  return `${words[outcomeOf(difference, measure)]}: ${beside}.`;
}
