/** The heatmap of α: rows are blocks, columns components, the numbers stand in the cells. */
import { heat, lightTheme, textOn } from './colour';
import type { Extent, ReportModel } from './modelTypes';
import { coordinate, displayText, escapeMarkup, formatFixed } from './text';

export interface HeatmapOptions {
  /** Inside the HTML page colours of words come from its theme, and the title stands outside. */
  readonly embedded?: boolean;
  /** Keeps ids of several drawings on one page apart. */
  readonly prefix?: string;
}

interface Layout {
  readonly left: number;
  readonly top: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
  readonly gap: number;
  readonly columns: number;
  readonly rows: number;
  readonly width: number;
  readonly height: number;
}

export const fontStack = "Inter, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

/** Ink of one drawing: CSS variables on the page, plain colours in a file. */
function inks(embedded: boolean): Record<'page' | 'ink' | 'quiet' | 'empty' | 'line', string> {
  const pick = (name: 'page' | 'ink' | 'quiet' | 'empty' | 'line'): string =>
    embedded ? `var(--${name})` : lightTheme[name];
  return {
    page: pick('page'),
    ink: pick('ink'),
    quiet: pick('quiet'),
    empty: pick('empty'),
    line: pick('line'),
  };
}
type Inks = ReturnType<typeof inks>;

function layoutOf(model: ReportModel, embedded: boolean): Layout {
  const columns = Math.max(1, model.components.length);
  const rows = model.blocks;
  const cellWidth = columns <= 3 ? 132 : columns <= 6 ? 104 : 84;
  const cellHeight = rows <= 12 ? 48 : 36;
  const gap = 8;
  const left = embedded ? 92 : 124;
  const top = embedded ? 42 : 138;
  const right = 84;
  const grid = rows * (cellHeight + gap);
  return {
    left,
    top,
    cellWidth,
    cellHeight,
    gap,
    columns,
    rows,
    width: Math.max(embedded ? 330 : 520, left + columns * (cellWidth + gap) + right),
    height: top + grid + (embedded ? 76 : 96),
  };
}

interface Words {
  readonly x: number;
  readonly y: number;
  readonly fill: string;
  readonly size?: number;
  readonly weight?: 400 | 600;
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly extra?: string;
}

function words(content: string, at: Words): string {
  const anchor = at.anchor && at.anchor !== 'start' ? ` text-anchor="${at.anchor}"` : '';
  const weight = at.weight === 600 ? ' font-weight="600"' : '';
  return `<text x="${coordinate(at.x)}" y="${coordinate(at.y)}" font-size="${at.size ?? 13}"${weight}${anchor} fill="${at.fill}"${at.extra ?? ''}>${escapeMarkup(content)}</text>`;
}

/** Shortens a name to what fits `width` at `size`, by the mean width of a letter. */
export function fitName(name: string, width: number, size: number): string {
  return displayText(name, Math.max(4, Math.floor(width / (size * 0.58))));
}

/** A drawing pin, 12 × 12, its top left corner at (x, y). */
function pinGlyph(x: number, y: number, fill: string): string {
  return `<path transform="translate(${coordinate(x)} ${coordinate(y)})" d="M3.5 0h5v1.2l-.9.5.5 3.4 1.9 1.5v1.1H6.7L6 12l-.7-4.3H2V6.6l1.9-1.5.5-3.4-.9-.5z" fill="${fill}"/>`;
}

const hatchId = (prefix: string): string => `${prefix}hatch`;

function hatch(prefix: string, ink: Inks): string {
  return `<pattern id="${hatchId(prefix)}" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="8" height="8" fill="${ink.empty}"/><path d="M0 0V8" stroke="${ink.quiet}" stroke-width="1.4" stroke-opacity="0.55"/></pattern>`;
}

/** One cell: its ground, its number, and what is to be said of it. The page's script reads the `data-` attributes. */
function cell(
  model: ReportModel,
  layout: Layout,
  i: number,
  m: number,
  ink: Inks,
  prefix: string,
): string {
  const x = layout.left + m * (layout.cellWidth + layout.gap);
  const y = layout.top + i * (layout.cellHeight + layout.gap);
  const middle = x + layout.cellWidth / 2;
  const box = `x="${coordinate(x)}" y="${coordinate(y)}" width="${layout.cellWidth}" height="${layout.cellHeight}" rx="4"`;
  const name = displayText(model.components[m]?.name ?? '');
  const alpha = model.alphas.mean?.[i]?.[m];
  const pruned: Extent = model.alphas.marks[i]?.pruned[m] ?? 'none';
  const place = `data-block="${i}" data-component="${m}" data-middle="${coordinate(y + layout.cellHeight / 2 + 6)}"`;
  if (pruned === 'all' || alpha === undefined) {
    const label = pruned === 'all' ? 'pruned' : 'no α yet';
    const width = label.length * 7 + 12;
    return `<g ${place}><title>${escapeMarkup(`Block ${i + 1}, ${name}: ${label}`)}</title><rect ${box} fill="url(#${hatchId(prefix)})"/><rect x="${coordinate(middle - width / 2)}" y="${coordinate(y + layout.cellHeight / 2 - 10)}" width="${width}" height="20" rx="3" fill="${ink.empty}"/>${words(label, { x: middle, y: y + layout.cellHeight / 2 + 4.5, fill: ink.ink, anchor: 'middle' })}</g>`;
  }
  const ground = heat(alpha);
  const text = textOn(ground);
  const pinned = model.alphas.marks[i]?.pinned === 'all';
  const spread = pinned ? undefined : model.alphas.spread?.[i]?.[m];
  const note = [
    ...(spread === undefined ? [] : [`± ${formatFixed(spread, 2)}`]),
    ...(pruned === 'some' ? ['× pruned in some'] : []),
  ].join(' ');
  const lift = note && layout.cellHeight > 40 ? 7 : 0;
  const title = `Block ${i + 1}, ${name}: α ${formatFixed(alpha, 4)}${note ? `, ${note}` : ''}`;
  return [
    `<g ${place}><title>${escapeMarkup(title)}</title><rect ${box} fill="${ground}"/>`,
    words(formatFixed(alpha, 2), {
      x: middle,
      y: y + layout.cellHeight / 2 + 6 - lift,
      size: 17,
      weight: 600,
      anchor: 'middle',
      fill: text,
    }),
    lift
      ? words(note, {
          x: middle,
          y: y + layout.cellHeight / 2 + 16,
          size: 12,
          anchor: 'middle',
          fill: text,
        })
      : '',
    '</g>',
  ].join('');
}

function row(model: ReportModel, layout: Layout, i: number, ink: Inks, prefix: string): string {
  const y = layout.top + i * (layout.cellHeight + layout.gap);
  const gridWidth = layout.columns * (layout.cellWidth + layout.gap) - layout.gap;
  const pinned = model.alphas.marks[i]?.pinned ?? 'none';
  const label = words(`block ${i + 1}`, {
    x: layout.left - 14,
    y: y + layout.cellHeight / 2 + 4.5,
    anchor: 'end',
    fill: ink.ink,
  });
  const cells = model.components.map((_, m) => cell(model, layout, i, m, ink, prefix)).join('');
  if (pinned === 'none') return label + cells;
  const right = layout.left + gridWidth + 10;
  const frame = `<rect x="${coordinate(layout.left - 2.5)}" y="${coordinate(y - 2.5)}" width="${coordinate(gridWidth + 5)}" height="${coordinate(layout.cellHeight + 5)}" rx="6" fill="none" stroke="${ink.ink}" stroke-width="2"${pinned === 'some' ? ' stroke-dasharray="5 4"' : ''}/>`;
  const mark =
    pinGlyph(right, y + layout.cellHeight / 2 - 6, ink.ink) +
    words(pinned === 'all' ? 'pinned' : 'in some', {
      x: right + 15,
      y: y + layout.cellHeight / 2 + 4,
      size: 12,
      fill: ink.ink,
    });
  return `${label}${cells}<g data-held-from="${heldFrom(model, i + 1)}">${frame}${mark}</g>`;
}

/** Step of the search after which the block was held; 0 when the config held it. The page's script reads it. */
function heldFrom(model: ReportModel, block: number): number {
  const stage = model.alphas.paths[0]?.stage;
  const pin = model.controls.findLast(
    (control) => control.block === block && control.action === 'pin' && control.stage === stage,
  );
  return pin?.step ?? 0;
}

function legend(model: ReportModel, layout: Layout, ink: Inks, prefix: string): string {
  const y = layout.top + layout.rows * (layout.cellHeight + layout.gap) + 20;
  const width = 160;
  const steps = 40;
  const bars = Array.from({ length: steps }, (_, step) => {
    const x = layout.left + (step * width) / steps;
    return `<rect x="${coordinate(x)}" y="${coordinate(y)}" width="${coordinate(width / steps + 0.3)}" height="10" fill="${heat((step + 0.5) / steps)}"/>`;
  }).join('');
  const ticks = [0, 0.5, 1]
    .map((value, index) =>
      words(String(value), {
        x: layout.left + value * width,
        y: y + 26,
        size: 12,
        fill: ink.quiet,
        anchor: index === 0 ? 'start' : index === 1 ? 'middle' : 'end',
      }),
    )
    .join('');
  const name = words('α', { x: layout.left - 14, y: y + 10, anchor: 'end', fill: ink.quiet });
  const notes: string[] = [];
  const anyPinned = model.alphas.marks.some((mark) => mark.pinned !== 'none');
  const anyPruned = model.alphas.marks.some((mark) => mark.pruned.some((e) => e !== 'none'));
  let x = layout.left;
  if (anyPinned) {
    notes.push(
      pinGlyph(x, y + 39, ink.quiet),
      words('held by hand', { x: x + 16, y: y + 49, size: 12, fill: ink.quiet }),
    );
    x += 110;
  }
  if (anyPruned) {
    notes.push(
      `<rect x="${x}" y="${y + 38}" width="16" height="13" rx="2" fill="url(#${hatchId(prefix)})"/>`,
      words('not computed', { x: x + 22, y: y + 49, size: 12, fill: ink.quiet }),
    );
  }
  return name + bars + ticks + notes.join('');
}

/** Where these α are from, in words. */
export function alphaSource(model: ReportModel): string {
  const seeds = model.alphas.perSeed.length;
  const ran = seeds > 1 ? `mean over ${seeds} seeds, ± standard deviation` : 'one seed';
  const over = model.program ? `programmed on synthetic tasks, ${ran}` : ran;
  switch (model.alphas.source) {
    case 'finished':
      return `${over}, as the run ended`;
    case 'log':
      return `${over}, at the last step in the log`;
    case 'plan':
      return 'as the plan starts them; no step was taken';
    case 'none':
      return 'no α was recorded';
  }
}

/** In words, for those who can't see the picture. */
export function describeHeatmap(model: ReportModel): string {
  const rows = (model.alphas.mean ?? []).map((alphas, i) => {
    const parts = model.components.map((component, m) => {
      const pruned = model.alphas.marks[i]?.pruned[m] === 'all';
      return `${displayText(component.name)} ${pruned ? 'pruned' : formatFixed(alphas[m] ?? 0, 2)}`;
    });
    const held = model.alphas.marks[i]?.pinned === 'all' ? ' (pinned)' : '';
    return `block ${i + 1}${held}: ${parts.join(', ')}`;
  });
  return rows.length > 0 ? `${rows.join('; ')}.` : 'No α was recorded.';
}

/** A whole SVG document (or, embedded, an element of the page). */
export function heatmapSvg(model: ReportModel, options: HeatmapOptions = {}): string {
  const embedded = options.embedded ?? false;
  const prefix = options.prefix ?? 'heatmap-';
  const layout = layoutOf(model, embedded);
  const ink = inks(embedded);
  const title = 'Mixture weights α by block and component';
  const columns = model.components
    .map(
      (component, m) =>
        words(fitName(component.name, layout.cellWidth, 14), {
          x: layout.left + m * (layout.cellWidth + layout.gap) + layout.cellWidth / 2,
          y: layout.top - (embedded ? 28 : 32) + 4,
          size: 14,
          weight: 600,
          anchor: 'middle',
          fill: ink.ink,
        }) +
        words(fitName(component.family, layout.cellWidth, 12), {
          x: layout.left + m * (layout.cellWidth + layout.gap) + layout.cellWidth / 2,
          y: layout.top - 10,
          size: 12,
          anchor: 'middle',
          fill: ink.quiet,
        }),
    )
    .join('');
  const head = embedded
    ? ''
    : `<rect width="100%" height="100%" fill="${ink.page}"/>${words(title, { x: 32, y: 46, size: 20, weight: 600, fill: ink.ink })}${words(`${fitName(model.run.name, layout.width - 300, 13)} · ${alphaSource(model)}`, { x: 32, y: 70, size: 13, fill: ink.quiet })}`;
  const rows = Array.from({ length: layout.rows }, (_, i) =>
    row(model, layout, i, ink, prefix),
  ).join('');
  const size = embedded
    ? `width="${layout.width}" height="${layout.height}"`
    : `xmlns="http://www.w3.org/2000/svg" width="${layout.width}" height="${layout.height}"`;
  return [
    `<svg ${size} viewBox="0 0 ${layout.width} ${layout.height}" role="img" aria-labelledby="${prefix}title ${prefix}desc" font-family="${fontStack}">`,
    `<title id="${prefix}title">${title}</title><desc id="${prefix}desc">${escapeMarkup(describeHeatmap(model))}</desc>`,
    `<defs>${hatch(prefix, ink)}</defs>`,
    head,
    columns,
    rows,
    legend(model, layout, ink, prefix),
    '</svg>',
  ].join('\n');
}
