/** The section of a sweep's page on what its cells cost: loss against cost, and discretised hybrids beside components. */
import { openFigure, openTable } from '../htmlPage';
import { section, show } from '../htmlSections';
import { paretoFront, paretoSvg, type DrawnPoint } from '../paretoSvg';
import type { Estimate } from '../statistics';
import { formatFixed, formatShort, formatSigned } from '../text';
import { settingsText } from './axes';
import type { SweepModel } from './sweepModel';
import type { BesideComponent, SweepPareto, SweepParetoPoint } from './sweepPareto';
import { subjectClass } from './sweepSvg';

/** Names beside the picture, as far as its height goes. */
const MAX_NAMES = 16;

export function costSection(model: SweepModel): string {
  const { pareto } = model;
  if (!pareto) return '';
  const lead = `A point for each model of each combination, on ${pareto.split} data. Discs were trained at the α that they stand for, rings stand at the soft α of the search, squares had nothing trained after it. Dashed: what no other point beats on both.`;
  const picture = `${openFigure}${paretoSvg(drawn(model, pareto), pareto)}</div>`;
  return section(
    'Loss against cost',
    lead,
    `${picture}${besideTable(model, pareto)}${pareto.sentence === null ? '' : `<p>${show(pareto.sentence, 1000)}</p>`}`,
  );
}

/** Trained hybrids carry their settings, every other kind of point its name once. */
function drawn(model: SweepModel, { points }: SweepPareto): DrawnPoint[] {
  const isOwn = ({ subject, mark }: SweepParetoPoint) => subject === 'hybrid' && mark !== 'soft';
  const trained = points.some((point) => isOwn(point) && point.mark === 'trained');
  const carries = (point: SweepParetoPoint) =>
    isOwn(point) && point.mark === (trained ? 'trained' : 'hard');
  const front = new Set(paretoFront(points));
  const kinds = new Set<string>();
  const firstOfKind = points.filter((point) => {
    if (carries(point) || kinds.has(point.label)) return false;
    kinds.add(point.label);
    return true;
  });
  const own = points.filter(carries);
  const room = MAX_NAMES - firstOfKind.length;
  const kept = own.length <= room ? own : own.filter((point) => front.has(point)).slice(0, room);
  const named = new Set([...firstOfKind, ...kept]);
  return points.map((point) => ({
    ...point,
    label: `${point.label}, ${settingsOf(model, point.row)}`,
    name: named.has(point)
      ? (carries(point) && settingsText(model.rows[point.row]!.settings)) || point.label
      : '',
    colour: subjectClass(model.subjects, point.subject),
    ...(isOwn(point) ? { series: point.label } : {}),
  }));
}

const settingsOf = ({ rows }: SweepModel, row: number): string =>
  settingsText(rows[row]!.settings) || 'all runs';

function besideTable(model: SweepModel, { beside, split }: SweepPareto): string {
  if (beside.length === 0) return '';
  const names = [
    ...new Set(beside.flatMap(({ components }) => components.map(({ component }) => component))),
  ];
  const heads = names.map(
    (name) =>
      `<th scope="col"><bdi>${show(name, 24)}</bdi> alone<small>${split} loss</small></th><th scope="col"><small>hybrid’s FLOPs</small></th><th scope="col"><small>hybrid’s loss beside it</small></th>`,
  );
  const body = beside.map(({ row, loss, flopsPerToken, components }) => {
    const cells = names.map((name) => {
      const one = components.find(({ component }) => component === name);
      return one ? besideCells(one) : '<td>–</td><td>–</td><td>–</td>';
    });
    return `<tr><th scope="row">${show(settingsOf(model, row), 120)}</th><td>${figureOf(loss)}</td><td>${formatShort(flopsPerToken)}</td>${cells.join('')}</tr>`;
  });
  return `<h3>Discretised hybrids beside single components</h3><p>The hybrid was trained at hard α, each component alone at the training budget of its run. Bold: within a tenth of the component’s FLOPs a token. Differences are paired by seed; negative: the hybrid is better. Small figures: 95 % t-intervals.</p>${openTable}<table><thead><tr><th scope="col">Hybrid</th><th scope="col"><small>${split} loss</small></th><th scope="col"><small>FLOPs a token</small></th>${heads.join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}

function besideCells({ loss, ratio, difference, isEqual }: BesideComponent): string {
  const bold = isEqual ? ' class="equal"' : '';
  return `<td>${figureOf(loss)}</td><td${bold}>× ${formatFixed(ratio, 2)}</td><td${bold}>${figureOf(difference, formatSigned)}</td>`;
}

function figureOf(
  { mean, interval }: Estimate,
  format: (value: number) => string = formatFixed,
): string {
  const small = interval
    ? `<small>${format(interval.low)} to ${format(interval.high)}</small>`
    : '';
  return `${format(mean)}${small}`;
}
