/** One key with numbers: a line a subject, with its interval at each value. */
import { placeLabels, ticks } from '../curvesSvg';
import { coordinate, displayText, escapeMarkup } from '../text';
import type { Picture, PicturePoint } from './picture';
import { scaleOf, type Scale } from './scale';
import { figure, text, type Drawing, type Pen } from './sweepSvg';

const box = { width: 860, height: 400, left: 62, right: 170, top: 16, bottom: 56 } as const;
const dashes = ['', '7 4', '2 4', '9 3 2 3'];

export function drawCurve(picture: Picture, subjects: readonly string[], pen: Pen): Drawing {
  const [axis] = picture.axes;
  const numbers = axis!.numbers!;
  const place = axis!.isLogarithmic ? decades(numbers) : (value: number): number => value;
  const low = Math.min(...numbers.map(place));
  const high = Math.max(...numbers.map(place));
  const x = (value: number): number =>
    high > low
      ? box.left +
        14 +
        ((box.width - box.left - box.right - 28) * (place(value) - low)) / (high - low)
      : (box.left + box.width - box.right) / 2;
  const y = scaleOf(picture.points, box.height - box.bottom, box.top, pen.measure);
  const columns = [...new Set(numbers)].sort((a, b) => a - b);
  const drawn = subjects.map((subject, index) => {
    const own = picture.points
      .filter((point) => point.subject === subject)
      .sort((a, b) => numbers[a.places[0]!]! - numbers[b.places[0]!]!);
    return { subject, own, dash: dashes[index % dashes.length]! };
  });
  const at = ({ places }: PicturePoint): number => x(numbers[places[0]!]!);
  const body = [
    levels(y, pen),
    axisBelow(columns, x, pen, axis!.labels, numbers),
    axis!.isLogarithmic && columns[0] === 0 ? brokenAxis((x(0) + x(columns[1]!)) / 2, pen) : '',
    text(
      displayText(axis!.title, 60),
      (box.left + box.width - box.right) / 2,
      box.height - 8,
      pen.quiet,
      'text-anchor="middle"',
    ),
    ...drawn.map(({ subject, own, dash }) =>
      series(own, at, y, pen.of(subject), dash, pen, axis!.labels),
    ),
    endLabels(drawn, at, y, pen),
  ];
  return { width: box.width, height: box.height, body: body.join('') };
}

/** Place of a value by its decade; a zero stands apart, as far off as the others are from each other. */
function decades(numbers: readonly number[]): (value: number) => number {
  const places = numbers.filter((value) => value > 0).map((value) => Math.log10(value));
  const [low, high] = [Math.min(...places), Math.max(...places)];
  const gap = (high - low) / (places.length - 1);
  return (value) => (value > 0 ? Math.log10(value) : low - gap);
}

function levels(y: Scale, pen: Pen): string {
  const end = box.width - box.right;
  return ticks(y.low, y.high, 5)
    .map((level) => {
      const at = coordinate(y.of(level));
      return `<path d="M${box.left} ${at}H${end}" stroke="${pen.line}"/>${text(y.label(level), box.left - 10, y.of(level) + 4, pen.quiet, 'text-anchor="end"')}`;
    })
    .join('');
}

/** The values themselves, as far as they have room. */
function axisBelow(
  columns: readonly number[],
  x: (value: number) => number,
  pen: Pen,
  labels: readonly string[],
  numbers: readonly number[],
): string {
  const floor = box.height - box.bottom;
  let free = Number.NEGATIVE_INFINITY;
  const marks = columns.map((value) => {
    // Parts of two components are named by their number; plain values as they are written.
    const written = labels[numbers.indexOf(value)]!;
    const label = Number.isFinite(Number(written)) ? written : String(Number(value.toFixed(4)));
    const at = x(value);
    const half = label.length * 3.7;
    const mark = `<path d="M${coordinate(at)} ${floor}v5" stroke="${pen.quiet}"/>`;
    if (at - half < free) return mark;
    free = at + half + 8;
    return mark + text(label, at, floor + 20, pen.quiet, 'text-anchor="middle"');
  });
  return `<path d="M${box.left} ${floor}H${box.width - box.right}" stroke="${pen.quiet}"/>${marks.join('')}`;
}

/** The sign that the scale doesn't go on to zero. */
function brokenAxis(at: number, pen: Pen): string {
  const floor = box.height - box.bottom;
  return `<path d="M${coordinate(at - 3)} ${floor}h6" stroke="${pen.page}" stroke-width="3"/><path d="M${coordinate(at - 6)} ${floor + 5}l6 -10M${coordinate(at)} ${floor + 5}l6 -10" stroke="${pen.quiet}"/>`;
}

function series(
  own: readonly PicturePoint[],
  at: (point: PicturePoint) => number,
  y: Scale,
  colour: string,
  dash: string,
  pen: Pen,
  labels: readonly string[],
): string {
  const line = own
    .map(
      (point, k) =>
        `${k === 0 ? 'M' : 'L'}${coordinate(at(point))} ${coordinate(y.of(point.estimate.mean))}`,
    )
    .join('');
  const marks = own.map((point) => {
    const { estimate, subject, places } = point;
    const [px, py] = [coordinate(at(point)), coordinate(y.of(estimate.mean))];
    const span = estimate.interval;
    const whisker = span
      ? `<path d="M${px} ${coordinate(y.of(span.low))}V${coordinate(y.of(span.high))}" stroke-opacity="0.55"/><path d="M${coordinate(at(point) - 4)} ${coordinate(y.of(span.low))}h8M${coordinate(at(point) - 4)} ${coordinate(y.of(span.high))}h8" stroke-opacity="0.55"/>`
      : '';
    const words = `${displayText(subject, 40)} at ${displayText(labels[places[0]!]!, 60)}: ${figure(estimate.mean, pen.measure)}${span ? `, 95 % interval ${figure(span.low, pen.measure)} to ${figure(span.high, pen.measure)}` : ''}`;
    return `${whisker}<circle cx="${px}" cy="${py}" r="4" fill="${point.isSelected ? colour : pen.page}"><title>${escapeMarkup(words)}</title></circle>`;
  });
  return `<g stroke="${colour}" stroke-width="1.6" fill="none"><path d="${line}" stroke-width="2.2" stroke-linejoin="round"${dash ? ` stroke-dasharray="${dash}"` : ''}/>${marks.join('')}</g>`;
}

function endLabels(
  drawn: readonly { subject: string; own: readonly PicturePoint[]; dash: string }[],
  at: (point: PicturePoint) => number,
  y: Scale,
  pen: Pen,
): string {
  const labels = drawn.flatMap(({ subject, own, dash }) => {
    const last = own.at(-1);
    if (!last) return [];
    const anchorY = y.of(last.estimate.mean);
    // `placeLabels` needs no more of a label than its height.
    return [
      {
        group: { label: subject, colour: '', curves: [] },
        anchorX: at(last),
        anchorY,
        y: anchorY,
        dash,
      },
    ];
  });
  placeLabels(labels, box.top + 4, box.height - box.bottom - 4, 19);
  const x = box.width - box.right + 34;
  return labels
    .map(({ group, anchorX, anchorY, y: height, dash }) => {
      const colour = pen.of(group.label);
      return `<path d="M${coordinate(anchorX + 7)} ${coordinate(anchorY)}L${x - 24} ${coordinate(height)}" stroke="${colour}" stroke-opacity="0.35"/><path d="M${x - 24} ${coordinate(height)}h19" stroke="${colour}" stroke-width="2.2"${dash ? ` stroke-dasharray="${dash}"` : ''}/>${text(displayText(group.label, 18), x, height + 4, colour, 'font-weight="600"')}`;
    })
    .join('');
}
