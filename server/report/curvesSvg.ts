/** Loss curves of every job on one pair of axes, and the path of α a block at a time. Colours come from the page. */
import { SEARCHED_SUBJECT } from '../contract/events';
import { fontStack } from './heatmapSvg';
import type { LossCurve, ReportModel } from './modelTypes';
import { coordinate, displayText, escapeMarkup, formatCount, formatFixed } from './text';

/** CSS class that carries a subject's colour: components in order, then the rest; the hybrid has its own. */
export function subjectClass(model: ReportModel, subject: string): string {
  if (subject === 'hybrid') return 'c-hybrid';
  const K = model.components.length;
  const position = model.components.findIndex((component) => component.name === subject);
  const other = subject === SEARCHED_SUBJECT ? K + 1 : K;
  return `c-s${(position < 0 ? other : position) % 6}`;
}

/** @param programmed whether the run's hybrid has the α of a program */
export function stageInWords(
  stage: LossCurve['stage'],
  subject: string,
  programmed = false,
): string {
  const name = displayText(subject, 40);
  switch (stage) {
    case 'search':
      return `${name}, search`;
    case 'finetune':
      return programmed ? `programmed ${name}` : `${name}, fine-tuned`;
    case 'baseline':
      if (subject === SEARCHED_SUBJECT) return 'searched hybrid';
      return subject === 'uniform' ? 'uniform mixture' : `${name} alone`;
    case 'program':
      return `program ${name}`;
    case 'projectors':
      return `${name}, projectors`;
  }
}

const dashes: Readonly<Record<LossCurve['stage'], string>> = {
  search: ' stroke-dasharray="7 4"',
  projectors: ' stroke-dasharray="2 4"',
  program: ' stroke-dasharray="9 3 2 3"',
  finetune: '',
  baseline: '',
};

export interface CurveGroup {
  readonly label: string;
  readonly colour: string;
  readonly curves: readonly LossCurve[];
}

/**
 * Curves of all seeds of one (stage, subject) belong together. The tasks of a program have losses of another kind: they are
 * drawn where there is nothing else yet.
 */
export function curveGroups(model: ReportModel): CurveGroup[] {
  const groups = new Map<string, LossCurve[]>();
  const onTarget = model.curves.filter(({ stage }) => stage !== 'program');
  for (const curve of onTarget.length > 0 ? onTarget : model.curves) {
    if (curve.points.length === 0 && curve.evaluations.length === 0) continue;
    const key = JSON.stringify([curve.stage, curve.subject]);
    const group = groups.get(key);
    if (group) group.push(curve);
    else groups.set(key, [curve]);
  }
  return [...groups.values()].map((curves) => ({
    label: stageInWords(curves[0]!.stage, curves[0]!.subject, model.program !== null),
    colour: subjectClass(model, curves[0]!.subject),
    curves,
  }));
}

/** Round numbers from `low` to `high`, about `count` of them. */
export function ticks(low: number, high: number, count: number): number[] {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return [low];
  const power = 10 ** Math.floor(Math.log10(span / count));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((s) => span / s <= count)!;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, k) =>
    Number(((first + k) * step).toPrecision(12)),
  );
}

export const curvePlot = {
  width: 920,
  height: 380,
  left: 56,
  right: 168,
  top: 14,
  bottom: 46,
} as const;

export interface CurveScale {
  readonly steps: number;
  readonly low: number;
  readonly high: number;
  x(step: number): number;
  y(loss: number): number;
}

/** Axes that hold every running mean and every evaluation; single noisy steps may leave them. */
export function curveScale(groups: readonly CurveGroup[]): CurveScale {
  let steps = 1;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const curve of groups.flatMap((group) => group.curves)) {
    steps = Math.max(steps, curve.lastStep);
    const values = [
      ...curve.points.map((point) => point.mean),
      ...curve.evaluations.map((evaluation) => evaluation.loss),
    ].filter(Number.isFinite);
    for (const value of values) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (!Number.isFinite(low)) [low, high] = [0, 1];
  const room = Math.max((high - low) * 0.06, 1e-3);
  low -= room;
  high += room;
  const plot = curvePlot;
  const width = plot.width - plot.left - plot.right;
  const height = plot.height - plot.top - plot.bottom;
  return {
    steps,
    low,
    high,
    x: (step) => plot.left + (width * (step - 1)) / Math.max(1, steps - 1),
    y: (loss) => plot.top + height * (1 - (loss - low) / (high - low)),
  };
}

const path = (points: readonly (readonly [number, number])[]): string =>
  points.map(([x, y], k) => `${k === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');

function axes(scale: CurveScale): string {
  const { width, height, left, right, top, bottom } = curvePlot;
  const end = width - right;
  const floor = height - bottom;
  const digits = scale.high - scale.low < 0.5 ? 2 : 1;
  const levels = ticks(scale.low, scale.high, 6).map((level) => {
    const y = coordinate(scale.y(level));
    return `<path d="M${left} ${y}H${end}" stroke="var(--line)"/><text x="${left - 10}" y="${coordinate(scale.y(level) + 4)}" text-anchor="end" fill="var(--quiet)">${formatFixed(level, digits)}</text>`;
  });
  const columns = ticks(1, scale.steps, 8)
    .map((step) => Math.max(1, Math.round(step)))
    .map(
      (step) =>
        `<text x="${coordinate(scale.x(step))}" y="${floor + 20}" text-anchor="middle" fill="var(--quiet)">${formatCount(step)}</text>`,
    );
  return `${levels.join('')}${columns.join('')}<path d="M${left} ${floor}H${end}" stroke="var(--quiet)"/><text x="${coordinate((left + end) / 2)}" y="${height - 6}" text-anchor="middle" fill="var(--quiet)">step of the stage</text><text x="${left - 44}" y="${top + 2}" fill="var(--quiet)" transform="rotate(-90 ${left - 44} ${top + 2})" text-anchor="end">loss, nats a token</text>`;
}

interface Label {
  readonly group: CurveGroup;
  readonly anchorX: number;
  readonly anchorY: number;
  y: number;
}

/** Labels at the ends of the curves, pushed apart until none covers another. */
export function placeLabels(labels: Label[], top: number, bottom: number, gap: number): void {
  labels.sort((a, b) => a.y - b.y);
  for (let k = 1; k < labels.length; k++) {
    labels[k]!.y = Math.max(labels[k]!.y, labels[k - 1]!.y + gap);
  }
  let limit = bottom;
  for (let k = labels.length - 1; k >= 0; k--) {
    labels[k]!.y = Math.max(top, Math.min(labels[k]!.y, limit));
    limit = labels[k]!.y - gap;
  }
}

function endLabels(groups: readonly CurveGroup[], scale: CurveScale): string {
  const labels = groups.flatMap((group): Label[] => {
    const ends = group.curves.flatMap((curve) => {
      const last = curve.points.at(-1);
      return last ? [last] : [];
    });
    if (ends.length === 0) return [];
    const loss = ends.reduce((sum, point) => sum + point.mean, 0) / ends.length;
    const step = Math.max(...ends.map((point) => point.step));
    const y = scale.y(loss);
    return [{ group, anchorX: scale.x(step), anchorY: y, y }];
  });
  placeLabels(labels, curvePlot.top + 6, curvePlot.height - curvePlot.bottom - 4, 18);
  const x = curvePlot.width - curvePlot.right + 30;
  return labels
    .map(({ group, anchorX, anchorY, y }) => {
      const dash = dashes[group.curves[0]!.stage];
      return `<g class="${group.colour}"><path d="M${coordinate(anchorX + 4)} ${coordinate(anchorY)}L${x - 22} ${coordinate(y)}" stroke="var(--c)" stroke-opacity="0.35"/><path d="M${x - 22} ${coordinate(y)}h18" stroke="var(--c)" stroke-width="2.2"${dash}/><text x="${x}" y="${coordinate(y + 4)}" fill="var(--c)" font-weight="600">${escapeMarkup(displayText(group.label, 22))}</text></g>`;
    })
    .join('');
}

function drawGroup(group: CurveGroup, scale: CurveScale): string {
  const many = group.curves.length > 1;
  const lines = group.curves.map((curve) => {
    const noisy = path(curve.points.map((p) => [scale.x(p.step), scale.y(p.loss)]));
    const smooth = path(curve.points.map((p) => [scale.x(p.step), scale.y(p.mean)]));
    const faint = curve.window > 1 ? `<path d="${noisy}" stroke-opacity="0.13"/>` : '';
    return `${faint}<path d="${smooth}" stroke-width="${many ? 1.6 : 2.2}"${many ? ' stroke-opacity="0.8"' : ''}${dashes[curve.stage]}/>`;
  });
  const points = group.curves.flatMap((curve) =>
    curve.evaluations
      .filter((evaluation) => Number.isFinite(evaluation.loss))
      .map(
        (evaluation) =>
          `<circle cx="${coordinate(scale.x(evaluation.step))}" cy="${coordinate(scale.y(evaluation.loss))}" r="3"><title>${escapeMarkup(`${group.label}, seed ${curve.seed}, step ${formatCount(evaluation.step)}: ${evaluation.split} loss ${formatFixed(evaluation.loss)}`)}</title></circle>`,
      ),
  );
  return `<g class="${group.colour}" stroke="var(--c)" fill="none" stroke-linejoin="round"><g clip-path="url(#curves-clip)">${lines.join('')}</g><g fill="var(--page)" stroke-width="1.5">${points.join('')}</g></g>`;
}

/** One picture: search, fine-tuning and baselines over the steps of their stage. */
export function lossCurvesSvg(model: ReportModel): string {
  const groups = curveGroups(model);
  const scale = curveScale(groups);
  const { width, height, left, right, top, bottom } = curvePlot;
  const clip = `<clipPath id="curves-clip"><rect x="${left}" y="${top}" width="${width - left - right}" height="${height - top - bottom}"/></clipPath>`;
  const text = groups
    .map((group) => {
      const last = group.curves.at(-1)?.points.at(-1);
      return `${group.label}: ${formatFixed(last?.mean ?? null)} at step ${formatCount(last?.step ?? null)}`;
    })
    .join('; ');
  return `<svg id="curves" class="wide" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="curves-title curves-desc" font-family="${fontStack}" font-size="12.5"><title id="curves-title">Loss over the steps</title><desc id="curves-desc">${escapeMarkup(`Running means of the training loss. ${text}.`)}</desc><defs>${clip}</defs>${axes(scale)}${groups.map((group) => drawGroup(group, scale)).join('')}${endLabels(groups, scale)}<g id="curves-cursor"></g></svg>`;
}
