/** A sweep's picture as SVG: a file of its own, or a part of the page, whose colours it then takes. */
import { lightTheme } from '../colour';
import { fontStack } from '../heatmapSvg';
import type { Estimate } from '../statistics';
import { displayText, escapeMarkup, formatFixed } from '../text';
import { drawCurve } from './curveSvg';
import { drawDots } from './dotsSvg';
import { drawHeatmaps } from './gridSvg';
import { pictureOf, type Picture } from './picture';
import type { SweepModel } from './sweepModel';

/** What a drawing is made with. */
export interface Pen {
  readonly ink: string;
  readonly quiet: string;
  readonly line: string;
  readonly page: string;
  readonly empty: string;
  /** Colour of a subject. */
  readonly of: (subject: string) => string;
  readonly measure: SweepModel['measure'];
}

/** A drawing and the room it takes. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly body: string;
}

export function sweepSvg(model: SweepModel, embedded = false): string {
  const picture = pictureOf(model);
  const pen = penOf(model, embedded);
  const drawing = picture
    ? draw(picture, model, pen)
    : { width: 520, height: 60, body: text('No cell has ended yet.', 0, 30, pen.quiet) };
  const margin = embedded ? { left: 0, top: 0, right: 0, bottom: 0 } : marginOfFile;
  const width = Math.max(drawing.width, embedded ? 0 : 560) + margin.left + margin.right;
  const height = drawing.height + margin.top + margin.bottom;
  const title = picture ? titleOf(picture, model) : 'A sweep';
  const head = embedded
    ? ''
    : `<rect width="100%" height="100%" fill="${pen.page}"/>${text(displayText(model.name, 60), margin.left, 44, pen.ink, 'font-size="20" font-weight="600"')}${text(title, margin.left, 70, pen.quiet)}`;
  const xmlns = embedded ? '' : ' xmlns="http://www.w3.org/2000/svg"';
  return `<svg${xmlns} width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="sweep-title sweep-desc" font-family="${fontStack}" font-size="13"><title id="sweep-title">${escapeMarkup(title)}</title><desc id="sweep-desc">${escapeMarkup(picture ? describe(picture, model) : '')}</desc>${head}<g transform="translate(${margin.left} ${margin.top})">${drawing.body}</g></svg>`;
}

const marginOfFile = { left: 32, top: 100, right: 32, bottom: 28 };

function draw(picture: Picture, model: SweepModel, pen: Pen): Drawing {
  switch (picture.kind) {
    case 'curve':
      return drawCurve(picture, model.subjects, pen);
    case 'heatmap':
      return drawHeatmaps(picture, model.subjects, pen);
    case 'dots':
      return drawDots(picture, model.subjects, pen);
  }
}

/** CSS class with a subject's colour: the hybrid's own, the others in order. */
export function subjectClass(subjects: readonly string[], subject: string): string {
  if (subject === 'hybrid') return 'c-hybrid';
  return `c-s${subjects.filter((one) => one !== 'hybrid').indexOf(subject) % 6}`;
}

function penOf({ subjects, measure }: SweepModel, embedded: boolean): Pen {
  const own = (name: 'ink' | 'quiet' | 'line' | 'page' | 'empty'): string =>
    embedded ? `var(--${name})` : lightTheme[name];
  const { series, hybrid } = lightTheme;
  const others = subjects.filter((subject) => subject !== 'hybrid');
  const of = (subject: string): string => {
    const place = others.indexOf(subject) % series.length;
    if (embedded) return subject === 'hybrid' ? 'var(--hybrid)' : `var(--s${place})`;
    return subject === 'hybrid' ? hybrid : series[place]!;
  };
  const [ink, quiet, line] = [own('ink'), own('quiet'), own('line')];
  return { ink, quiet, line, page: own('page'), empty: own('empty'), of, measure };
}

export function titleOf({ split, axes, points }: Picture, { measure }: SweepModel): string {
  const titles = axes.map(({ title }) => displayText(title, 60)).join(' and ');
  const over = titles === '' ? '' : ` over ${titles}`;
  const seeds = Math.max(...points.map(({ estimate }) => estimate.n));
  const n = seeds > 1 ? `, mean and 95 % interval over ${seeds} seeds` : ', one seed';
  const name = split === 'test' ? 'Test' : 'Validation';
  return `${name} ${measure}${measure === 'loss' ? ' (nats a token)' : ''}${over}${n}`;
}

/** In words, for those who can't see the picture. */
function describe({ axes, points }: Picture, { measure }: SweepModel): string {
  const parts = points.slice(0, 200).map(({ places, subject, estimate }) => {
    const at = places.map((place, axis) => displayText(axes[axis]!.labels[place]!, 40)).join(', ');
    return `${displayText(subject, 40)}${at === '' ? '' : ` at ${at}`}: ${figure(estimate.mean, measure)}`;
  });
  return `${parts.join('; ')}.`;
}

/** `3.867`, or `62.5 %`. */
export function figure(value: number, measure: SweepModel['measure'], digits = 3): string {
  return measure === 'accuracy' ? `${formatFixed(value * 100, 1)} %` : formatFixed(value, digits);
}

/** A figure's interval, in short: `± 0.02`, or of shares, whose ends are cut, `31 to 45`. */
export function spreadText(
  { interval }: Estimate,
  measure: SweepModel['measure'],
): string | undefined {
  if (!interval) return undefined;
  const { low, high } = interval;
  return measure === 'accuracy'
    ? `${formatFixed(low * 100, 0)} to ${formatFixed(high * 100, 0)}`
    : `± ${formatFixed((high - low) / 2)}`;
}

export function text(content: string, x: number, y: number, fill: string, extra = ''): string {
  return `<text x="${Math.round(x * 10) / 10}" y="${Math.round(y * 10) / 10}" fill="${fill}"${extra === '' ? '' : ` ${extra}`}>${escapeMarkup(content)}</text>`;
}
