/** Values that are no numbers, or more than two keys: a line for each combination, a dot with its interval a subject. */
import { ticks } from '../curvesSvg';
import { fitName } from '../heatmapSvg';
import { coordinate, displayText, escapeMarkup } from '../text';
import type { Picture, PicturePoint } from './picture';
import { scaleOf } from './scale';
import { figure, text, type Drawing, type Pen } from './sweepSvg';

/** Most lines that are drawn. */
const MAX_LINES = 60;
const size = { labels: 300, plot: 500, right: 30, bottom: 44, gap: 15 } as const;

export function drawDots(picture: Picture, subjects: readonly string[], pen: Pen): Drawing {
  const lines = linesOf(picture).slice(0, MAX_LINES);
  const shown = lines.flatMap(({ points }) => points);
  const end = size.labels + size.plot;
  const x = scaleOf(shown, size.labels + 10, end - 10, pen.measure);
  const line = Math.max(34, subjects.length * size.gap + 12);
  const legend = legendOf(subjects, pen);
  const floor = legend.height + lines.length * line;
  const grid = ticks(x.low, x.high, 6).map((level) => {
    const at = coordinate(x.of(level));
    return `<path d="M${at} ${legend.height}V${floor}" stroke="${pen.line}"/>${text(x.label(level), x.of(level), floor + 20, pen.quiet, 'text-anchor="middle"')}`;
  });
  const rows = lines.map(({ label, points }, index) => {
    const top = legend.height + index * line;
    const middle = top + line / 2;
    const rule = `<path d="M0 ${coordinate(top)}H${end}" stroke="${pen.line}"/>`;
    const dots = points.map((point) => {
      const place = subjects.indexOf(point.subject);
      const y = middle + (place - (subjects.length - 1) / 2) * size.gap;
      return dot(point, x.of, y, place, pen, label);
    });
    return `${rule}${text(fitName(label, size.labels - 20, 13), 0, middle + 4, pen.ink)}${dots.join('')}`;
  });
  const body = [
    legend.body,
    ...grid,
    ...rows,
    `<path d="M0 ${floor}H${end}" stroke="${pen.quiet}"/>`,
  ];
  return { width: end + size.right, height: floor + size.bottom, body: body.join('') };
}

function linesOf({ points, axes }: Picture): readonly { label: string; points: PicturePoint[] }[] {
  const lines = new Map<string, PicturePoint[]>();
  for (const point of points) {
    const label = point.places
      .map((place, axis) => displayText(axes[axis]!.labels[place]!, 60))
      .join(' · ');
    const line = lines.get(label);
    if (line) line.push(point);
    else lines.set(label, [point]);
  }
  // Where seeds alone are swept there is nothing to name.
  return [...lines].map(([label, own]) => ({ label: label || 'all runs', points: own }));
}

/** Shapes tell subjects apart where colours don't. */
function shape(place: number, x: number, y: number): string {
  switch (place % 4) {
    case 0:
      return `M${coordinate(x - 5)} ${coordinate(y)}a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z`;
    case 1:
      return `M${coordinate(x - 4.5)} ${coordinate(y - 4.5)}h9v9h-9z`;
    case 2:
      return `M${coordinate(x)} ${coordinate(y - 6)}l6 6l-6 6l-6 -6z`;
    default:
      return `M${coordinate(x)} ${coordinate(y - 5.5)}l5.5 10h-11z`;
  }
}

function dot(
  { subject, estimate }: PicturePoint,
  x: (value: number) => number,
  y: number,
  place: number,
  pen: Pen,
  label: string,
): string {
  const colour = pen.of(subject);
  const span = estimate.interval;
  const interval = span
    ? `<path d="M${coordinate(x(span.low))} ${coordinate(y)}H${coordinate(x(span.high))}" stroke="${colour}" stroke-width="1.6" stroke-opacity="0.55"/>`
    : '';
  const words = `${displayText(subject, 40)}, ${label}: ${figure(estimate.mean, pen.measure)}`;
  return `${interval}<path d="${shape(place, x(estimate.mean), y)}" fill="${colour}"><title>${escapeMarkup(words)}</title></path>`;
}

/** As many lines as its names need. */
function legendOf(
  subjects: readonly string[],
  pen: Pen,
): { readonly height: number; readonly body: string } {
  const start = size.labels + 10;
  const end = size.labels + size.plot + size.right;
  let [x, y] = [start, 14];
  const marks = subjects.map((subject, place) => {
    const name = displayText(subject, 18);
    const width = 30 + name.length * 8.4;
    if (x > start && x + width > end) [x, y] = [start, y + 20];
    const at = x;
    x += width;
    return `<path d="${shape(place, at + 5, y)}" fill="${pen.of(subject)}"/>${text(name, at + 16, y + 4, pen.of(subject), 'font-weight="600"')}`;
  });
  return { height: y + 26, body: marks.join('') };
}
