/** `sweep.html`: one file, no network, a policy that runs nothing at all. */
import { htmlPage, openFigure, openTable } from '../htmlPage';
import { reportStyle, type Appearance } from '../htmlStyle';
import type { Estimate } from '../statistics';
import { displayText, escapeMarkup, formatFixed, formatNumberOf, formatShort } from '../text';
import { pictureOf } from './picture';
import type { SplitScore, SubjectScore, SweepModel, SweepRow } from './sweepModel';
import { labelOf, settingsText } from './axes';
import { costSection } from './paretoHtml';
import { differenceText } from './sweepBeside';
import { headlineOf } from './sweepText';
import { subjectClass, sweepSvg, titleOf } from './sweepSvg';

const show = (text: string, limit?: number): string => escapeMarkup(displayText(text, limit));

/** Beside the report's own: a table with many columns, and the row that was chosen. */
const ownStyle =
  '.chosen{font-weight:650;position:relative}.chosen::before{content:"✓ ";color:var(--good)}.equal{font-weight:650}td.words,th.words{text-align:left}.apart{padding-left:28px}main{max-width:1240px}.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}';

export function sweepHtml(model: SweepModel, appearance: Appearance = 'auto'): string {
  return htmlPage({
    title: `${show(model.name)} · Manticore sweep`,
    appearance,
    style: `${reportStyle(appearance)}${ownStyle}`,
    main: [
      header(model),
      pictureSection(model),
      selectedSection(model),
      costSection(model),
      cellSection(model),
    ],
    footer:
      'Losses are nats a token. The same figures stand in <code>sweep.json</code> and <code>sweep.csv</code>; each run has a report of its own.',
  });
}

function header(model: SweepModel): string {
  const { sentence, details } = headlineOf(model);
  const failed = model.failed.length;
  const chips = [
    `<li>${model.done} of ${formatNumberOf(model.cells, 'run')} done</li>`,
    ...(failed > 0 ? [`<li class="bad">${failed} failed</li>`] : []),
    `<li>${formatNumberOf(model.axes.length, 'swept key')}</li>`,
  ];
  const facts = details.map((detail) => `<li>${show(detail, 2000)}</li>`).join('');
  return `<header><p class="eyebrow">Manticore sweep · <bdi>${show(model.name)}</bdi></p><h1>${show(sentence, 2000).replaceAll(' ± ', '&nbsp;±&nbsp;')}</h1><ul class="chips">${chips.join('')}</ul><ul class="facts">${facts}</ul></header>`;
}

function pictureSection(model: SweepModel): string {
  const picture = pictureOf(model);
  if (!picture) return '';
  return `<section><h2>The picture</h2><p class="lead">${show(titleOf(picture, model), 400)}.</p>${openFigure}${sweepSvg(model, true)}</div></section>`;
}

const percent = (value: number): string => formatFixed(value * 100, 1);

function estimateCell(estimate: Estimate | null, isShare: boolean): string {
  if (!estimate) return '–';
  const number = (value: number): string => (isShare ? percent(value) : formatFixed(value));
  const span = estimate.interval;
  const small = span ? `<small>${number(span.low)} to ${number(span.high)}</small>` : '';
  return `${number(estimate.mean)}${isShare ? ' %' : ''}${small}`;
}

const scoreCell = (score: SplitScore | null, measure: SweepModel['measure']): string =>
  estimateCell(
    (measure === 'accuracy' ? score?.accuracy : score?.loss) ?? null,
    measure === 'accuracy',
  );

function differenceCell(difference: Estimate | null, measure: SweepModel['measure']): string {
  if (!difference) return '–';
  const text = (value: number): string => differenceText(value, measure);
  const { mean, interval } = difference;
  const small = interval ? `<small>${text(interval.low)} to ${text(interval.high)}</small>` : '';
  return `${text(mean)}${small}`;
}

function selectedSection(model: SweepModel): string {
  if (model.selected.length === 0) return '';
  const { measure } = model;
  const hasCondition = model.selected.some(({ condition }) => condition.length > 0);
  const name = measure === 'accuracy' ? 'accuracy' : 'loss';
  const body = model.selected.map(({ condition, subject, row, score, hybridBeside }) => {
    const chosen = model.rows[row]!.settings.filter(
      ({ key }) => !condition.some((other) => other.key === key),
    );
    const cells = [
      ...(hasCondition ? [`<td class="words">${show(settingsText(condition), 120)}</td>`] : []),
      `<td class="words">${chosen.length === 0 ? '–' : show(settingsText(chosen), 200)}</td>`,
      `<td>${scoreCell(score.validation, measure)}</td>`,
      `<td>${scoreCell(score.test, measure)}</td>`,
      ...(measure === 'accuracy' ? [`<td>${scoreCell(score.test, 'loss')}</td>`] : []),
      `<td>${differenceCell(hybridBeside, measure)}</td>`,
      `<td>${formatShort(score.parameters)}</td>`,
      `<td>${formatShort(score.flopsPerToken)}</td>`,
    ];
    return `<tr${subject === 'hybrid' ? ' class="own"' : ''}>${rowHead(model, subject)}${cells.join('')}</tr>`;
  });
  const heads = [
    ...(hasCondition ? ['<th scope="col" class="words">Data</th>'] : []),
    '<th scope="col" class="words">Chosen on validation</th>',
    `<th scope="col">Validation ${name}</th>`,
    `<th scope="col">Test ${name}</th>`,
    ...(measure === 'accuracy' ? ['<th scope="col">Test loss</th>'] : []),
    `<th scope="col">Hybrid beside it${measure === 'accuracy' ? ', points' : ''}</th>`,
    '<th scope="col">Parameters</th>',
    '<th scope="col">FLOPs a token</th>',
  ];
  return `<section><h2>Best of the grid</h2><p class="lead">Each model has its own best settings, chosen on validation and reported on test. Hybrid beside it: the hybrid’s figure less the row’s, paired by seed. Small figures: 95 % t-intervals over seeds, not corrected for how many there are.</p>${openTable}<table><thead><tr><th scope="col">Model</th>${heads.join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div></section>`;
}

const rowHead = (model: SweepModel, subject: string): string =>
  `<th scope="row"><span class="swatch ${subjectClass(model.subjects, subject)}"></span><bdi>${show(subject, 40)}</bdi></th>`;

/** Most rows of the page; the files have all. */
const MAX_ROWS = 1000;

function cellSection(model: SweepModel): string {
  const { measure, subjects } = model;
  const own = model.axes.filter(({ kind }) => kind !== 'seed');
  const isChosen = (row: number, subject: string): boolean =>
    model.selected.some((one) => one.row === row && one.subject === subject);
  const body = model.rows.slice(0, MAX_ROWS).map((row, index) => {
    const values = row.settings.map(
      ({ value }) => `<td class="words">${show(labelOf(value), 80)}</td>`,
    );
    const figures = subjects.flatMap((subject) => {
      const score = row.subjects.find((one) => one.subject === subject);
      const chosen = isChosen(index, subject);
      const mark = chosen ? '<span class="sr">chosen</span>' : '';
      return [
        `<td${chosen ? ' class="chosen"' : ''}>${scoreCell(score?.validation ?? null, measure)}${mark}</td>`,
        `<td>${scoreCell(score?.test ?? null, measure)}</td>`,
      ];
    });
    const { selection } = row;
    const hybrid = row.subjects.find(({ subject }) => subject === 'hybrid');
    const rest = [
      `<td class="words apart">${selection ? `<bdi>${show(selection.component, 24)}</bdi> ${formatFixed(selection.meanAlpha, 2)}` : '–'}</td>`,
      `<td>${formatShort(hybrid?.parameters ?? null)}</td>`,
      `<td>${formatShort(hybrid?.flopsPerToken ?? null)}</td>`,
      `<td>${secondsOf(row.subjects)}</td>`,
    ];
    const head = `<th scope="row">${row.cells.length === 1 ? row.cells[0]! : `${row.cells[0]!}–${row.cells.at(-1)!}`}<small>${show(stateText(row))}</small></th>`;
    return `<tr>${head}${values.join('')}${figures.join('')}${rest.join('')}</tr>`;
  });
  const keys = own.map(({ key }) => `<th scope="col" class="words">${show(key, 60)}</th>`);
  const groups = subjects.flatMap((subject) => [
    `<th scope="col"><bdi>${show(subject, 24)}</bdi><small>validation</small></th>`,
    `<th scope="col"><small>test</small></th>`,
  ]);
  const messages = model.rows
    .flatMap((row) => row.messages)
    .slice(0, 100)
    .map((message) => `<p class="warning">${show(message, 2000)}</p>`);
  const name = measure === 'accuracy' ? 'Accuracies' : 'Losses';
  return `<section><h2>Every cell</h2><p class="lead">${name}; cells that differ in their seed alone share a row. ✓: chosen on validation. α: the component with the largest mean weight. Seconds: of all models of the row, a seed.</p>${messages.join('')}${openTable}<table><thead><tr><th scope="col">Cell</th>${keys.join('')}${groups.join('')}<th scope="col" class="words apart">α</th><th scope="col">Parameters</th><th scope="col">FLOPs a token</th><th scope="col">Seconds</th></tr></thead><tbody>${body.join('')}</tbody></table></div>${model.rows.length > MAX_ROWS ? '<p>Cut here; the files have all.</p>' : ''}</section>`;
}

/** `3 seeds`, or what hinders it. */
export function stateText({ states, seeds }: SweepRow): string {
  const counts = new Map<string, number>();
  for (const state of states) counts.set(state, (counts.get(state) ?? 0) + 1);
  if (counts.size === 1 && counts.has('done')) return formatNumberOf(seeds, 'seed');
  return [...counts]
    .map(([state, count]) => (states.length === 1 ? state : `${count} ${state}`))
    .join(', ');
}

function secondsOf(subjects: readonly SubjectScore[]): string {
  const known = subjects.flatMap(({ seconds }) => seconds ?? []);
  const sum = known.reduce((total, value) => total + value, 0);
  return known.length === 0 ? '–' : formatFixed(sum, sum < 10 ? 1 : 0);
}
