/** Sections of `report.html` on what not every run has: pretrained projectors, hard α, costs. */
import { openFigure, openTable } from './htmlPage';
import { COST_KINDS, handOverName } from './costReport';
import { subjectClass } from './curvesSvg';
import { section, show } from './htmlSections';
import type { ParetoPoint, ReportCosts, ReportHandOver, ReportModel } from './modelTypes';
import { alphaRows, blockHeads } from './programReport';
import { paretoSvg } from './paretoSvg';
import { formatCount, formatFixed, formatShort, formatSigned } from './text';

export function projectorSection({ projectors }: ReportModel): string {
  if (!projectors) return '';
  const { before, after, text, trained, parameters, tokens, trainingFlops, steps } = projectors;
  const small = (value: typeof before) =>
    value?.interval
      ? `<small>${formatFixed(value.interval.low)} to ${formatFixed(value.interval.high)}</small>`
      : '';
  const cell = (value: typeof before) => `${formatFixed(value?.mean ?? null)}${small(value)}`;
  const heads = ['Loss before', 'Loss after', 'Trained', 'Of', 'Steps', 'Tokens', 'Training FLOPs'];
  const cells = [
    cell(before),
    cell(after),
    formatShort(trained),
    formatShort(parameters),
    formatCount(steps),
    formatCount(tokens),
    formatShort(trainingFlops),
  ];
  const table = `${openTable}<table><caption>On held-out general text</caption><thead><tr><th scope="col">Text</th>${heads.map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead><tbody><tr><th scope="row"><bdi>${text === null ? '–' : show(text, 60)}</bdi></th>${cells.map((each) => `<td>${each}</td>`).join('')}</tr></tbody></table></div>`;
  const note =
    'Frozen weights have no gradient of their own, so a token costs less training here than in the search. The search starts from these projectors, with α as the config says.';
  return section(
    'Projector pretraining',
    show(projectors.sentence, 1000),
    `${table}<p>${note}</p>`,
  );
}

/** α by task, and what they are worth. */
export function programSection(model: ReportModel): string {
  const { program } = model;
  if (!program) return '';
  const names = model.components.map(({ name }) => show(name, 40)).join(' · ');
  const results = new Map(program.tasks.map((task) => [task.task, task]));
  const lines = alphaRows(model, program).map(({ name, share, alphas }) => {
    const { loss = null, accuracy = null } = results.get(name) ?? {};
    const cells = [
      share || '–',
      ...alphas.map((row) => row.map((alpha) => formatFixed(alpha, 2)).join(' · ')),
      loss ? formatFixed(loss.mean) : '–',
      accuracy ? `${formatFixed(accuracy.mean * 100, 1)} %` : '–',
    ];
    return `<tr><th scope="row"><bdi>${show(name, 60)}</bdi></th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  const heads = ['Share', ...blockHeads(model.blocks), 'Loss', 'Accuracy'];
  const table =
    lines.length === 0
      ? ''
      : `<div class="table"><table><caption>α of <bdi>${names}</bdi>, in this order</caption><thead><tr><th scope="col">Task</th>${heads.map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead><tbody>${lines.join('')}</tbody></table></div>`;
  return section(
    'Programming',
    'α are the mean of those that small supernets of the same families, from scratch, found on synthetic tasks; the pretrained hybrid was fine-tuned with them. Loss and accuracy are those of the supernets on their own validation examples.',
    `${table}${facts(program.sentences)}`,
  );
}

/** The hybrid at soft and at hard α, and loss against cost. */
export function costSection(model: ReportModel): string {
  const { handOver, costs, pareto } = model;
  if (!handOver && !costs && !pareto) return '';
  const what = model.task === null ? 'text' : 'examples';
  const parts = [
    handOver ? handOverTable(handOver.rows, what) : '',
    pareto
      ? `<h3>Loss against cost</h3>${openFigure}${paretoSvg(coloured(model, pareto.points), pareto)}</div><p>On ${pareto.split} ${what}; what a pass computes, not what it is expected to. Discs were trained at the α that they stand for, the ring at the α of the search, squares had nothing trained after the search. Dashed: what no other point beats on both.</p>${facts(pareto.sentences)}`
      : '',
    costs ? costTable(costs) : '',
  ];
  return section(
    'Hand-over and cost',
    handOver ? show(handOver.sentence, 1000) : '',
    parts.join(''),
  );
}

const coloured = (model: ReportModel, points: readonly ParetoPoint[]) =>
  points.map((point) => ({ ...point, colour: subjectClass(model, point.subject) }));

const facts = (sentences: readonly string[]): string =>
  sentences.length === 0
    ? ''
    : `<ul class="facts">${sentences.map((sentence) => `<li>${show(sentence, 1000)}</li>`).join('')}</ul>`;

function handOverTable(rows: readonly ReportHandOver[], what: string): string {
  const heads = ['Loss', 'Beside α as found', 'Parameters', 'FLOPs a token'];
  const withShare = rows.some(({ cost }) => cost !== null);
  const body = rows.map((row) => {
    const cells = [
      formatFixed(row.loss.mean),
      row.versusSoft ? formatSigned(row.versusSoft.mean) : '–',
      formatShort(row.parameters),
      formatShort(row.flopsPerToken),
      ...(withShare ? [row.cost === null ? '–' : formatFixed(row.cost, 3)] : []),
    ];
    return `<tr><th scope="row">${show(handOverName(row))}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  const all = withShare ? [...heads, 'Expected cost'] : heads;
  return `${openTable}<table><caption>Right after the search, on ${rows[0]!.split} ${what}</caption><thead><tr><th scope="col">α</th>${all.map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}

function costTable({ kind, weight, table, total, rows }: ReportCosts): string {
  const lines = rows.map(
    ({ name, share }) =>
      `<tr><th scope="row"><bdi>${show(name, 60)}</bdi></th><td>${formatFixed(share, 3)}</td><td>${formatShort(share * total)}</td></tr>`,
  );
  const blocks = table.map(
    (row, i) =>
      `<tr><th scope="row">Block ${i + 1}</th>${row.map((cost) => `<td>${cost === 0 ? '–' : formatShort(cost)}</td>`).join('')}</tr>`,
  );
  return `<h3>Expected cost</h3><p>The search weighed ${COST_KINDS[kind]}${kind === 'milliseconds' ? ', measured once before it,' : ''} with λ = ${formatFixed(weight, 3)}: one component a block, drawn by α.</p>${openTable}<table><thead><tr><th scope="col">α</th><th scope="col">Share of all components</th><th scope="col">Cost</th></tr></thead><tbody>${lines.join('')}</tbody></table></div><details><summary>Cost of each component in each block</summary>${openTable}<table><tbody>${blocks.join('')}</tbody></table></div></details>`;
}
