/** Two keys: a heatmap a subject, all on one scale of colours; what validation chose is framed. */
import { heat, textOn } from '../colour';
import { fitName } from '../heatmapSvg';
import { coordinate, displayText, escapeMarkup } from '../text';
import type { Picture, PicturePoint } from './picture';
import { figure, spreadText, text, type Drawing, type Pen } from './sweepSvg';

const gap = 6;
const between = 40;
const top = 66;
const mostWide = 1060;

export function drawHeatmaps(picture: Picture, subjects: readonly string[], pen: Pen): Drawing {
  const [down, across] = picture.axes as readonly [Picture['axes'][0], Picture['axes'][0]];
  const left = Math.min(150, Math.max(76, ...down.labels.map((label) => label.length * 7.4 + 40)));
  const cell = { width: across.values.length > 8 ? 58 : 74, height: 40 };
  const width = across.values.length * (cell.width + gap) - gap;
  const height = down.values.length * (cell.height + gap) - gap;
  const perLine = Math.max(1, Math.floor((mostWide + between) / (left + width + between)));
  const means = picture.points.map(({ estimate }) => estimate.mean);
  const ends = { low: Math.min(...means), high: Math.max(...means) };
  const panels = subjects.map((subject, index) => {
    const x = (index % perLine) * (left + width + between);
    const y = Math.floor(index / perLine) * (top + height + 40);
    const own = picture.points.filter((point) => point.subject === subject);
    const cells = own.map((point) => {
      const [row, column] = point.places as readonly [number, number];
      const cx = left + column * (cell.width + gap);
      return drawCell(point, cx, top + row * (cell.height + gap), cell, ends, pen, [
        down.labels[row]!,
        across.labels[column]!,
      ]);
    });
    const rows = down.labels.map((label, row) =>
      text(
        fitName(label, left - 36, 13),
        left - 12,
        top + row * (cell.height + gap) + cell.height / 2 + 4.5,
        pen.ink,
        'text-anchor="end"',
      ),
    );
    const columns = across.labels.map((label, column) =>
      text(
        fitName(label, cell.width, 13),
        left + column * (cell.width + gap) + cell.width / 2,
        top - 10,
        pen.ink,
        'text-anchor="middle"',
      ),
    );
    const titles = [
      text(displayText(subject, 30), left, 18, pen.of(subject), 'font-size="15" font-weight="600"'),
      text(displayText(across.title, 40), left, 38, pen.quiet, 'font-size="12"'),
    ];
    const beside = `<g transform="translate(10 ${coordinate(top + height / 2)}) rotate(-90)">${text(displayText(down.title, 40), 0, 4, pen.quiet, 'font-size="12" text-anchor="middle"')}</g>`;
    return `<g transform="translate(${coordinate(x)} ${coordinate(y)})">${titles.join('')}${columns.join('')}${rows.join('')}${cells.join('')}${beside}</g>`;
  });
  const lines = Math.ceil(subjects.length / perLine);
  const wide = Math.min(subjects.length, perLine);
  const bottom = lines * (top + height + 40);
  const note = `Brighter is better; a frame marks what validation chose.`;
  return {
    width: Math.max(wide * (left + width + between) - between, 340),
    height: bottom + 4,
    body: `${panels.join('')}${text(note, left, bottom - 10, pen.quiet, 'font-size="12"')}`,
  };
}

function drawCell(
  { estimate, subject, isSelected }: PicturePoint,
  x: number,
  y: number,
  { width, height }: { readonly width: number; readonly height: number },
  { low, high }: { readonly low: number; readonly high: number },
  pen: Pen,
  at: readonly string[],
): string {
  const share = high > low ? (estimate.mean - low) / (high - low) : 0.5;
  const ground = heat(pen.measure === 'accuracy' ? share : 1 - share);
  const ink = textOn(ground);
  const shown = figure(estimate.mean, pen.measure);
  const spread = spreadText(estimate, pen.measure) ?? '';
  const middle = x + width / 2;
  const lift = spread === '' ? 5 : -2;
  const frame = isSelected
    ? `<rect x="${coordinate(x - 2.5)}" y="${coordinate(y - 2.5)}" width="${width + 5}" height="${height + 5}" rx="6" fill="none" stroke="${pen.ink}" stroke-width="2"/>`
    : '';
  const words = `${displayText(subject, 40)} at ${at.map((label) => displayText(label, 40)).join(', ')}: ${figure(estimate.mean, pen.measure)}${isSelected ? ', chosen' : ''}`;
  return `<g><title>${escapeMarkup(words)}</title><rect x="${coordinate(x)}" y="${coordinate(y)}" width="${width}" height="${height}" rx="4" fill="${ground}"/>${text(shown, middle, y + height / 2 + lift, ink, 'text-anchor="middle" font-size="15" font-weight="600"')}${spread === '' ? '' : text(spread, middle, y + height / 2 + 13, ink, 'text-anchor="middle" font-size="11"')}</g>${frame}`;
}
