/** The sections of `report.html`, each a pure function of the model. All text goes through `show`. */
import { openFigure, openTable } from './htmlPage';
import { curveGroups, lossCurvesSvg, stageInWords, subjectClass } from './curvesSvg';
import { alphaSource, heatmapSvg } from './heatmapSvg';
import type { Estimate } from './statistics';
import type { ReportModel, ResultSummary } from './modelTypes';
import {
  displayLines,
  displayText,
  escapeMarkup,
  formatCount,
  formatDuration,
  formatFixed,
  formatShort,
  formatSigned,
  listInWords,
  formatNumberOf,
} from './text';

/** Any text of a run, safe to stand in the page. */
export const show = (text: string, limit?: number): string =>
  escapeMarkup(displayText(text, limit));

export const section = (title: string, lead: string, body: string): string =>
  `<section><h2>${title}</h2>${lead ? `<p class="lead">${lead}</p>` : ''}${body}</section>`;

const outcomes: Readonly<Record<ReportModel['headline']['outcome'], string>> = {
  better: '▼ lower loss than every component',
  mixed: '◆ lower loss than some components, not all',
  worse: '▲ no component beaten',
  unknown: 'no comparison yet',
};

function chips(model: ReportModel): string {
  const { outcome, certain } = model.headline;
  const tone =
    outcome === 'worse' ? ' class="bad"' : outcome === 'better' && certain ? ' class="good"' : '';
  const doubt =
    outcome === 'unknown' || certain
      ? ''
      : model.seeds.length > 1
        ? ', within what chance allows for at least one'
        : ', from one seed';
  const seeds = `${model.seeds.length} ${model.seeds.length === 1 ? 'seed' : 'seeds'}`;
  return `<ul class="chips"><li${tone}>${outcomes[outcome]}${doubt}</li><li${model.run.state === 'failed' ? ' class="bad"' : ''}>run ${model.run.state}</li><li>${formatNumberOf(model.blocks, 'block')}</li><li>${seeds}</li></ul>`;
}

export function header(model: ReportModel): string {
  const { run, headline } = model;
  const failure = run.failure
    ? `<div class="alert" role="note"><p><code>${show(run.failure.code)}</code> ${show(run.failure.message, 2000)}</p><p>${show(run.failure.hint, 2000)}</p></div>`
    : '';
  const details = headline.details.map((detail) => `<li>${show(detail, 2000)}</li>`).join('');
  return `<header><p class="eyebrow">Manticore report · <bdi>${show(run.name)}</bdi></p><h1>${show(headline.sentence, 2000)}</h1>${chips(model)}${failure}<ul class="facts">${details}</ul></header>`;
}

export function componentKey(model: ReportModel): string {
  const items = model.components.map((component, m) => {
    const dash = ['', '6 3', '2 3', '8 3 2 3'][m % 4] ?? '';
    return `<li class="${subjectClass(model, component.name)}"><svg width="30" height="8" aria-hidden="true"><path d="M0 4H30" stroke="var(--c)" stroke-width="2.2"${dash ? ` stroke-dasharray="${dash}"` : ''}/></svg><bdi>${show(component.name)}</bdi></li>`;
  });
  return `<ul class="key">${items.join('')}</ul>`;
}

/** The same act at the same step of several seeds is one line. */
function controlLines(model: ReportModel): { when: string; what: string }[] {
  const groups = new Map<string, { step: number; what: string; seeds: number[] }>();
  for (const { step, sentence, seed, stage } of model.controls) {
    const key = JSON.stringify([stage, step, sentence]);
    const group = groups.get(key);
    if (group) group.seeds.push(seed);
    else groups.set(key, { step, what: sentence, seeds: [seed] });
  }
  return [...groups.values()].map(({ step, what, seeds }) => ({
    when: `step ${formatCount(step)}, ${seeds.length === 1 ? 'seed' : 'seeds'} ${listInWords(seeds.map(String))}`,
    what,
  }));
}

function controlsLog(model: ReportModel): string {
  const lines = controlLines(model);
  if (lines.length === 0) return '';
  const items = lines
    .slice(0, 200)
    .map(({ when, what }) => `<li><span>${show(when)}</span><span>${show(what)}</span></li>`);
  const more = lines.length > 200 ? `<p>and ${formatCount(lines.length - 200)} more</p>` : '';
  return `<h3>What was done by hand</h3><ol class="log">${items.join('')}</ol>${more}`;
}

export function alphaSection(model: ReportModel): string {
  const selection = model.selection
    ? `<h3>Selection</h3><p>${show(model.selection.sentence, 1000)}</p>`
    : '';
  const slider =
    model.alphas.meanPath.length > 1
      ? '<div class="slider" id="path-slider" hidden><label for="path-step">Go back to</label><input type="range" id="path-step" min="0" step="1"><output for="path-step">as the run ended</output></div>'
      : '';
  const figure =
    model.blocks > 0 && model.components.length > 0
      ? `<div><div id="alphas">${openFigure}${heatmapSvg(model, { embedded: true })}</div></div>${slider}</div>`
      : '<p>The run ended before anything was known of its blocks.</p>';
  return section(
    'Mixture weights',
    `α of every block: how much of each component the hybrid takes there. ${alphaSource(model)}.`.replace(
      /\. (\w)/u,
      (_, letter: string) => `. ${letter.toUpperCase()}`,
    ),
    `<div class="split">${figure}<div>${selection}${controlsLog(model)}</div></div>`,
  );
}

export function curveSection(model: ReportModel): string {
  if (curveGroups(model).length === 0) return '';
  const window = Math.max(...model.curves.map((curve) => curve.window));
  const smooth =
    window > 1
      ? `Lines: mean training loss of the last ${formatCount(window)} steps or fewer, with single steps faint behind them.`
      : 'Lines: training loss.';
  const what = model.task === null ? 'text' : 'examples';
  const starts = `Circles: evaluation on held-out ${what}. Each stage starts at step 1.`;
  return section(
    'Loss',
    `${smooth} ${starts}`,
    `${openFigure}${lossCurvesSvg(model)}</div><p id="readout" aria-live="polite"></p>`,
  );
}

function interval(value: Estimate, digits: number): string {
  return value.interval
    ? `<small>${formatFixed(value.interval.low, digits)} to ${formatFixed(value.interval.high, digits)}</small>`
    : '';
}

/** Share of right answers, and its interval over seeds in percent. */
function accuracyCell({ accuracy }: ResultSummary): string {
  if (!accuracy) return '–';
  const percent = (value: number) => formatFixed(value * 100, 1);
  const span = accuracy.interval;
  const small = span ? `<small>${percent(span.low)} to ${percent(span.high)}</small>` : '';
  return `${percent(accuracy.mean)} %${small}`;
}

function summaryRow(model: ReportModel, row: ResultSummary, accuracy: boolean): string {
  const versus = row.versusBest
    ? `${formatSigned(row.versusBest.difference.mean)}<small>${
        row.versusBest.difference.interval
          ? `${formatSigned(row.versusBest.difference.interval.low)} to ${formatSigned(row.versusBest.difference.interval.high)}`
          : 'one seed: no interval'
      }</small>`
    : '–';
  const cells = [
    ...(model.task !== null ? [accuracyCell(row)] : []),
    `${formatFixed(row.loss.mean)}${interval(row.loss, 3)}`,
    ...(model.task === null
      ? [`${formatFixed(row.perplexity.mean, 2)}${interval(row.perplexity, 2)}`]
      : []),
    ...(model.task === null && accuracy ? [accuracyCell(row)] : []),
    versus,
    formatShort(row.parameters),
    formatShort(row.flopsPerToken),
    formatCount(row.updates),
    formatCount(row.tokens),
    row.seconds === null ? '–' : formatFixed(row.seconds, row.seconds < 10 ? 1 : 0),
  ];
  const seeds = `${row.seeds.length} ${row.seeds.length === 1 ? 'seed' : 'seeds'}${row.final ? '' : ', latest evaluation'}`;
  const own = row.subject === 'hybrid' ? ' class="own"' : '';
  return `<tr${own}><th scope="row"><span class="swatch ${subjectClass(model, row.subject)}"></span><bdi>${escapeMarkup(stageInWords(row.stage, row.subject, model.program !== null))}</bdi><small>${seeds}</small></th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
}

export function resultSection(model: ReportModel): string {
  const { summary, rows } = model.results;
  if (summary.length === 0) return section('Results', 'Nothing was evaluated.', '');
  const splits = [...new Set(summary.map((row) => row.split))];
  const tables = splits.map((split) => {
    const own = summary.filter((row) => row.split === split);
    const accuracy = own.some((row) => row.accuracy !== null);
    const best = own.find((row) => row.versusBest)?.versusBest?.component;
    const heads = [
      ...(model.task !== null ? ['Accuracy'] : []),
      'Loss',
      ...(model.task === null ? ['Perplexity'] : []),
      ...(model.task === null && accuracy ? ['Accuracy'] : []),
      best === undefined ? 'Beside the best baseline' : `Beside <bdi>${show(best, 24)}</bdi>`,
      'Parameters',
      'FLOPs a token',
      'Updates',
      'Tokens',
      'Seconds',
    ];
    return `${openTable}<table><caption>On ${split} ${model.task === null ? 'text' : 'examples'}</caption><thead><tr><th scope="col">Model</th>${heads.map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead><tbody>${own.map((row) => summaryRow(model, row, accuracy)).join('')}</tbody></table></div>`;
  });
  const one = summary.every((row) => row.seeds.length < 2);
  const lead = one
    ? 'One seed: no interval can be given, so a small difference says little.'
    : 'Small figures: 95 % t-intervals of the mean over seeds. Differences to the best baseline are paired by seed.';
  return section('Results', lead, tables.join('') + seedRows(model, rows));
}

function seedRows(model: ReportModel, rows: ReportModel['results']['rows']): string {
  const shown = rows.slice(0, 500);
  const body = shown
    .map(
      (row) =>
        `<tr><th scope="row"><bdi>${escapeMarkup(stageInWords(row.stage, row.subject, model.program !== null))}</bdi></th><td>${row.seed}</td><td>${row.split}</td><td>${formatFixed(row.loss, 4)}</td><td>${formatFixed(row.perplexity, 3)}</td><td>${row.accuracy === null ? '–' : `${formatFixed(row.accuracy * 100, 2)} %`}</td></tr>`,
    )
    .join('');
  return `<details><summary>Every seed by itself</summary>${openTable}<table><thead><tr><th scope="col">Model</th><th scope="col">Seed</th><th scope="col">Split</th><th scope="col">Loss</th><th scope="col">Perplexity</th><th scope="col">Accuracy</th></tr></thead><tbody>${body}</tbody></table></div></details>`;
}

export function budgetSection(model: ReportModel): string {
  const { passes, rows, sentences } = model.budgets;
  if (rows.length === 0) return '';
  const body = rows
    .map(
      (row) =>
        `<tr><th scope="row"><span class="swatch ${subjectClass(model, row.subject)}"></span><bdi>${escapeMarkup(stageInWords(row.stage, row.subject, model.program !== null))}</bdi></th><td>${formatCount(row.updates)}</td><td>${formatCount(row.tokens)}</td><td>${formatShort(row.flopsPerToken)}</td><td>${formatShort(row.trainingFlops)}</td><td>${row.seconds === null ? '–' : formatFixed(row.seconds, row.seconds < 10 ? 1 : 0)}</td></tr>`,
    )
    .join('');
  const facts = sentences.map((sentence) => `<li>${show(sentence, 1000)}</li>`).join('');
  return section(
    'Budgets',
    `What each training run was given, a seed. Training FLOPs: ${passes === 4 ? 'four times the forward FLOPs of all its tokens, the usual estimate (three times) and the blocks computed again for gradient checkpointing' : 'three times the forward FLOPs of all its tokens, the usual estimate'}.`,
    `${openTable}<table><thead><tr><th scope="col">Model</th><th scope="col">Updates</th><th scope="col">Tokens</th><th scope="col">FLOPs a token</th><th scope="col">Training FLOPs</th><th scope="col">Seconds</th></tr></thead><tbody>${body}</tbody></table></div><ul class="facts">${facts}</ul>`,
  );
}

function pairs(entries: readonly (readonly [string, string])[]): string {
  return `<dl class="pairs">${entries.map(([term, value]) => `<dt>${term}</dt><dd>${value}</dd>`).join('')}</dl>`;
}

export function environmentSection(model: ReportModel): string {
  const { run, engine, components } = model;
  const when = (time: string | null): string =>
    time === null ? '–' : show(time.replace('T', ' ').replace(/\.\d+Z$/u, ' UTC'), 40);
  const runFacts = pairs([
    ['Run', show(run.id)],
    ['Started', when(run.startedAt)],
    ['Last event', when(run.lastEventAt)],
    ['Took', `${formatDuration(run.wallSeconds)}, pauses included`],
    ...(run.resumed > 0
      ? [['Taken up again', run.resumed === 1 ? 'once' : `${run.resumed} times`] as const]
      : []),
    ['Plan', run.plan === null ? '–' : `<code>${show(run.plan.slice(0, 16))}</code>`],
  ]);
  const engineFacts = engine
    ? pairs([
        ['Engine', show(engine.name)],
        ['Device', show(engine.device)],
        ['Kernel tier', show(engine.tier)],
        ['Threads', formatCount(engine.threads)],
        ['Node', show(engine.node)],
      ])
    : '<p>The run ended before its engine was known.</p>';
  const rows = components
    .map(
      (component) =>
        `<tr><th scope="row"><span class="swatch ${subjectClass(model, component.name)}"></span><bdi>${show(component.name, 60)}</bdi></th><td>${show(component.family, 40)}</td><td>${formatCount(component.layers)}</td><td>${formatCount(component.width)}</td><td>${formatCount(component.parameters)}</td></tr>`,
    )
    .join('');
  const table = components.length
    ? `<h3>Components</h3>${openTable}<table><thead><tr><th scope="col">Name</th><th scope="col">Family</th><th scope="col">Layers</th><th scope="col">Width</th><th scope="col">Parameters</th></tr></thead><tbody>${rows}</tbody></table></div>`
    : '';
  return section('Run and machine', '', `<div class="two">${runFacts}${engineFacts}</div>${table}`);
}

export function warningSection(model: ReportModel): string {
  if (model.warnings.length === 0) return '';
  const items = model.warnings
    .slice(0, 100)
    .map(
      (warning) =>
        `<p class="warning"><code>${show(warning.code)}</code> ${show(warning.message, 2000)}${warning.count > 1 ? ` (${formatCount(warning.count)} times)` : ''}</p>`,
    );
  return section('Warnings', '', items.join(''));
}

/** Longer configs are cut here; the run folder has the whole. */
const shownConfig = 100_000;

export function configSection(model: ReportModel): string {
  if (model.config === null) return '';
  const cut = model.config.length > shownConfig;
  const text = displayLines(model.config.slice(0, shownConfig));
  return section(
    'Config',
    '',
    `<details><summary>Show the config this run was made from</summary><pre><code>${escapeMarkup(text)}</code></pre>${cut ? '<p>Cut here; the run folder has the whole.</p>' : ''}</details>`,
  );
}
