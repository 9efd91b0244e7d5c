/**
 * Loss against cost, one point a model, and the front: what nothing else beats on both. A run's report draws its own models;
 * points of several runs (a sweep over λ) are drawn the same way, those of one `series` joined in their order.
 */
import { placeLabels, ticks } from './curvesSvg';
import { fontStack } from './heatmapSvg';
import type { ParetoPoint } from './modelTypes';
import { coordinate, displayText, escapeMarkup, formatFixed, formatShort } from './text';

export interface DrawnPoint extends ParetoPoint {
  /** CSS class that carries its colour. */
  readonly colour: string;
  /** Points of one name are joined. */
  readonly series?: string;
  /** What stands beside it; without it its label, empty: nothing. */
  readonly name?: string;
}

export interface ParetoOptions {
  /** What a unit of cost is: the axis' title. */
  readonly unit: string;
  /** Of the page: names of its title and description come from it. */
  readonly id?: string;
}

const plot = { width: 920, height: 360, left: 60, right: 250, top: 14, bottom: 48 } as const;

/** The points that no other is both cheaper (or as cheap) and better than, by cost. */
export function paretoFront<P extends Pick<ParetoPoint, 'cost' | 'loss'>>(
  points: readonly P[],
): P[] {
  const front: P[] = [];
  for (const point of [...points].sort((a, b) => a.cost - b.cost || a.loss - b.loss)) {
    if (front.every(({ loss }) => point.loss < loss)) front.push(point);
  }
  return front;
}

export function paretoSvg(
  points: readonly DrawnPoint[],
  { unit, id = 'pareto' }: ParetoOptions,
): string {
  const known = points.filter(({ cost, loss }) => Number.isFinite(cost) && Number.isFinite(loss));
  const { width, height, left, right, top, bottom } = plot;
  const losses = known.map(({ loss }) => loss);
  const most = Math.max(...known.map(({ cost }) => cost), Number.MIN_VALUE) * 1.06;
  const room = Math.max((Math.max(...losses) - Math.min(...losses)) * 0.08, 1e-3);
  const [low, high] = [Math.min(...losses) - room, Math.max(...losses) + room];
  const x = (cost: number) => left + ((width - left - right) * cost) / most;
  const y = (loss: number) => top + ((height - top - bottom) * (high - loss)) / (high - low);
  const at = ({ cost, loss }: Pick<ParetoPoint, 'cost' | 'loss'>) =>
    `${coordinate(x(cost))} ${coordinate(y(loss))}`;
  const text = known.map(
    ({ label, loss, cost }) => `${label}: loss ${formatFixed(loss)} at ${formatShort(cost)}`,
  );
  const body = [
    axes(x, y, [low, high], most, unit),
    frontPath(known, at),
    ...seriesPaths(known, at),
  ];
  const marks = known.map((point) => markOf(point, x(point.cost), y(point.loss)));
  return `<svg id="${id}" class="wide" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${id}-title ${id}-desc" font-family="${fontStack}" font-size="12.5"><title id="${id}-title">Loss against cost</title><desc id="${id}-desc">${escapeMarkup(displayText(`${unit}. ${text.join('; ')}.`, 4000))}</desc>${body.join('')}${marks.join('')}${labels(known, x, y)}</svg>`;
}

function axes(
  x: (cost: number) => number,
  y: (loss: number) => number,
  [low, high]: readonly [number, number],
  most: number,
  unit: string,
): string {
  const { width, height, left, right, top, bottom } = plot;
  const [end, floor] = [width - right, height - bottom];
  const digits = high - low < 0.5 ? 2 : 1;
  const levels = ticks(low, high, 6).map(
    (level) =>
      `<path d="M${left} ${coordinate(y(level))}H${end}" stroke="var(--line)"/><text x="${left - 10}" y="${coordinate(y(level) + 4)}" text-anchor="end" fill="var(--quiet)">${formatFixed(level, digits)}</text>`,
  );
  const columns = ticks(0, most, 5).map(
    (cost) =>
      `<text x="${coordinate(x(cost))}" y="${floor + 20}" text-anchor="middle" fill="var(--quiet)">${formatShort(cost)}</text>`,
  );
  return `${levels.join('')}${columns.join('')}<path d="M${left} ${floor}H${end}" stroke="var(--quiet)"/><text x="${coordinate((left + end) / 2)}" y="${height - 6}" text-anchor="middle" fill="var(--quiet)">${escapeMarkup(unit)}</text><text x="${left - 46}" y="${top + 2}" fill="var(--quiet)" transform="rotate(-90 ${left - 46} ${top + 2})" text-anchor="end">loss, nats a token</text>`;
}

/** Stairs below which no point lies. */
function frontPath(points: readonly DrawnPoint[], at: (point: DrawnPoint) => string): string {
  const front = paretoFront(points);
  if (front.length < 2) return '';
  const steps = front
    .slice(1)
    .map((point, k) => `L${at({ ...point, loss: front[k]!.loss })}L${at(point)}`);
  return `<path d="M${at(front[0]!)}${steps.join('')}" fill="none" stroke="var(--quiet)" stroke-dasharray="4 3"/>`;
}

function seriesPaths(points: readonly DrawnPoint[], at: (point: DrawnPoint) => string): string[] {
  const names = new Set(points.flatMap(({ series }) => series ?? []));
  return [...names].map((name) => {
    const own = points.filter(({ series }) => series === name);
    return `<path class="${own[0]!.colour}" d="M${own.map(at).join('L')}" fill="none" stroke="var(--c)" stroke-opacity="0.6"/>`;
  });
}

/** Trained: a disc; the search's soft α: a ring; hard α with nothing trained in between: a square. */
function markOf({ colour, mark, label, loss, cost }: DrawnPoint, x: number, y: number): string {
  const title = `<title>${escapeMarkup(displayText(`${label}: loss ${formatFixed(loss)} at ${formatShort(cost)}`))}</title>`;
  const [cx, cy] = [coordinate(x), coordinate(y)];
  const shape =
    mark === 'hard'
      ? `<rect x="${coordinate(x - 4.5)}" y="${coordinate(y - 4.5)}" width="9" height="9" fill="var(--c)">${title}</rect>`
      : `<circle cx="${cx}" cy="${cy}" r="5" fill="${mark === 'soft' ? 'var(--page)' : 'var(--c)'}" stroke="var(--c)" stroke-width="2">${title}</circle>`;
  return `<g class="${colour}">${shape}</g>`;
}

function labels(
  points: readonly DrawnPoint[],
  x: (cost: number) => number,
  y: (loss: number) => number,
): string {
  const said = points.flatMap((point) => {
    const name = point.name ?? point.label;
    return name === '' ? [] : [{ ...point, label: name }];
  });
  const named = said.map((point) => ({
    group: { label: point.label, colour: point.colour, curves: [] },
    anchorX: x(point.cost),
    anchorY: y(point.loss),
    y: y(point.loss),
  }));
  placeLabels(named, plot.top + 6, plot.height - plot.bottom - 4, 17);
  const start = plot.width - plot.right + 22;
  return named
    .map(
      ({ group, anchorX, anchorY, y: own }) =>
        `<g class="${group.colour}"><path d="M${coordinate(anchorX + 7)} ${coordinate(anchorY)}L${start - 6} ${coordinate(own)}" stroke="var(--c)" stroke-opacity="0.3"/><text x="${start}" y="${coordinate(own + 4)}" fill="var(--c)" font-weight="600">${escapeMarkup(displayText(group.label, 32))}</text></g>`,
    )
    .join('');
}
