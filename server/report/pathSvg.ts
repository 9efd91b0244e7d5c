/** The path of α over the steps: one small drawing a block. */
import { subjectClass } from './curvesSvg';
import { fontStack } from './heatmapSvg';
import type { AlphaMovement, ReportModel } from './modelTypes';
import { coordinate, displayText, escapeMarkup, formatCount, formatFixed } from './text';

const box = { width: 240, height: 132, left: 26, right: 8, top: 10, bottom: 20 } as const;

/** Beyond this many seeds only their mean is drawn. */
const drawnSeeds = 8;

interface Point {
  readonly step: number;
  readonly alphas: readonly (readonly number[])[];
}

export function alphaPathSvg(model: ReportModel, movement: AlphaMovement, block: number): string {
  const { paths, meanPath } = movement;
  const steps = Math.max(2, ...paths.flatMap((path) => path.points.at(-1)?.step ?? []));
  const x = (step: number): number =>
    box.left + ((box.width - box.left - box.right) * (step - 1)) / (steps - 1);
  const y = (alpha: number): number => box.top + (box.height - box.top - box.bottom) * (1 - alpha);
  const line = (points: readonly Point[], m: number): string =>
    points
      .map((point, k) => {
        const alpha = point.alphas[block]?.[m] ?? Number.NaN;
        return `${k === 0 ? 'M' : 'L'}${x(point.step).toFixed(1)} ${Number.isFinite(alpha) ? y(alpha).toFixed(1) : y(0).toFixed(1)}`;
      })
      .join('');
  const seeds = paths.length > 1 && paths.length <= drawnSeeds ? paths : [];
  const series = model.components.map((component, m) => {
    const faint = seeds
      .map((path) => `<path d="${line(path.points, m)}" stroke-opacity="0.3" stroke-width="1"/>`)
      .join('');
    const dash = ['', '6 3', '2 3', '8 3 2 3'][m % 4] ?? '';
    return `<g class="${subjectClass(model, component.name)}" stroke="var(--c)" fill="none" stroke-linejoin="round">${faint}<path d="${line(meanPath, m)}" stroke-width="2.2"${dash ? ` stroke-dasharray="${dash}"` : ''}/></g>`;
  });
  const levels = [0, 0.5, 1].map(
    (level) =>
      `<path d="M${box.left} ${coordinate(y(level))}H${box.width - box.right}" stroke="var(--line)"/><text x="${box.left - 5}" y="${coordinate(y(level) + 4)}" text-anchor="end" fill="var(--quiet)">${level === 0.5 ? '.5' : level}</text>`,
  );
  const ends = `<text x="${box.left}" y="${box.height - 5}" fill="var(--quiet)">1</text><text x="${box.width - box.right}" y="${box.height - 5}" text-anchor="end" fill="var(--quiet)">${formatCount(steps)}</text>`;
  return `<svg viewBox="0 0 ${box.width} ${box.height}" role="img" aria-label="${escapeMarkup(describe(model, movement, block))}" font-family="${fontStack}" font-size="11.5">${levels.join('')}${ends}${controlMarks(model, movement, block, x)}${series.join('')}</svg>`;
}

/** A dotted line where the block was pinned, pruned or let go. */
function controlMarks(
  model: ReportModel,
  { stage, subject }: AlphaMovement,
  block: number,
  x: (step: number) => number,
): string {
  const seen = new Set<string>();
  return model.controls
    .filter((control) => control.block === block + 1)
    .filter((control) => control.stage === stage && control.subject === subject)
    .filter((control) => {
      const key = `${control.step} ${control.sentence}`;
      return seen.has(key) ? false : Boolean(seen.add(key));
    })
    .slice(0, 100)
    .map((control) => {
      const at = coordinate(x(control.step));
      return `<path d="M${at} ${box.top}V${box.height - box.bottom}" stroke="var(--ink)" stroke-dasharray="1.5 3"><title>${escapeMarkup(`step ${formatCount(control.step)}: ${control.sentence}`)}</title></path>`;
    })
    .join('');
}

function describe(model: ReportModel, { meanPath }: AlphaMovement, block: number): string {
  const [first, last] = [meanPath[0], meanPath.at(-1)];
  const parts = model.components.map(
    (component, m) =>
      `${displayText(component.name)} from ${formatFixed(first?.alphas[block]?.[m] ?? null, 2)} to ${formatFixed(last?.alphas[block]?.[m] ?? null, 2)}`,
  );
  return `Block ${block + 1}: ${parts.join(', ')}`;
}
