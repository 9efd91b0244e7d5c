/** The heatmap as a file: SVG, and PNG made of it. Names are escaped; colours are those of paper. */
import { heat } from './colour';
import { formatAlpha, layerRange } from './format';
import type { BlockMarks } from './marks';
import type { Component } from './selectors';

export interface Picture {
  readonly title: string;
  readonly subtitle: string;
  readonly components: readonly Component[];
  readonly alphas: readonly (readonly number[])[];
  readonly marks: readonly BlockMarks[];
}

/** Text as XML takes it: what it can't hold in any form becomes U+FFFD. */
export function escapeMarkup(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

const ink = '#15191f';
const quiet = '#57606c';
const fonts = "Inter, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

const layout = { left: 120, top: 132, cellHeight: 44, gap: 4, right: 32 } as const;

interface Words {
  readonly size?: number;
  readonly weight?: 600;
  readonly anchor?: 'middle';
  readonly fill?: string;
}

function words(text: string, x: number, y: number, style: Words = {}): string {
  const weight = style.weight ? ' font-weight="600"' : '';
  const anchor = style.anchor ? ' text-anchor="middle"' : '';
  return `<text x="${x}" y="${y}" font-size="${style.size ?? 13}"${weight}${anchor} fill="${style.fill ?? ink}">${escapeMarkup(text)}</text>`;
}

/** Shortens a text to what fits `width` at `size`, by the mean width of a letter. */
function fit(text: string, width: number, size: number): string {
  const letters = Math.max(3, Math.floor(width / (size * 0.58)));
  const all = Array.from(text);
  return all.length <= letters ? text : `${all.slice(0, letters - 1).join('')}…`;
}

/** A whole SVG document. */
export function heatmapSvg(picture: Picture): string {
  const { components, alphas } = picture;
  const cellWidth = components.length <= 3 ? 140 : components.length <= 6 ? 108 : 84;
  const columns = components.length * (cellWidth + layout.gap);
  const width = Math.max(480, layout.left + columns + layout.right);
  const height = layout.top + alphas.length * (layout.cellHeight + layout.gap) + 64;
  const heads = components.map(({ name, family }, m) => {
    const x = layout.left + m * (cellWidth + layout.gap) + cellWidth / 2;
    return (
      words(fit(name, cellWidth, 14), x, layout.top - 28, {
        size: 14,
        weight: 600,
        anchor: 'middle',
      }) +
      words(fit(family, cellWidth, 12), x, layout.top - 12, {
        size: 12,
        anchor: 'middle',
        fill: quiet,
      })
    );
  });
  const rows = alphas.map((_, block) => rowSvg(picture, block, cellWidth));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="${fonts}">`,
    `<title>${escapeMarkup(picture.title)}</title>`,
    `<defs><pattern id="hatch" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="8" height="8" fill="#eceef1"/><path d="M0 0V8" stroke="${quiet}" stroke-width="1.4" stroke-opacity="0.55"/></pattern></defs>`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    words(fit(picture.title, width - 64, 20), 32, 46, { size: 20, weight: 600 }),
    words(fit(picture.subtitle, width - 64, 13), 32, 70, { fill: quiet }),
    ...heads,
    ...rows,
    scale(height - 40),
    '</svg>',
  ].join('\n');
}

function rowSvg(picture: Picture, block: number, cellWidth: number): string {
  const y = layout.top + block * (layout.cellHeight + layout.gap);
  const held = picture.marks[block];
  const middle = y + layout.cellHeight / 2;
  const cells = picture.components.map((component, m) => {
    const x = layout.left + m * (cellWidth + layout.gap);
    const box = `x="${x}" y="${y}" width="${cellWidth}" height="${layout.cellHeight}" rx="4"`;
    const centre = x + cellWidth / 2;
    if (held?.pruned.includes(m)) {
      return `<rect ${box} fill="url(#hatch)"/><rect x="${centre - 28}" y="${middle - 10}" width="56" height="20" rx="3" fill="#eceef1"/>${words('pruned', centre, middle + 4, { anchor: 'middle' })}`;
    }
    const alpha = held?.weights?.[m] ?? picture.alphas[block]![m]!;
    const colour = heat(alpha);
    const layers = component.layers[block];
    const frame = held?.pinned ? ` stroke="${ink}" stroke-width="2"` : '';
    const number = words(formatAlpha(alpha), centre, middle + (layers ? 0 : 5), {
      size: 16,
      weight: 600,
      anchor: 'middle',
      fill: colour.ink,
    });
    const range = layers
      ? words(layerRange(layers.first, layers.last), centre, middle + 15, {
          size: 11,
          anchor: 'middle',
          fill: colour.ink,
        })
      : '';
    return `<rect ${box} fill="${colour.ground}"${frame}/>${number}${range}`;
  });
  const name = words(`Block ${block + 1}`, 32, held?.pinned ? middle - 2 : middle + 4);
  const note = held?.pinned ? words('pinned', 32, middle + 14, { size: 12, fill: quiet }) : '';
  return name + note + cells.join('');
}

function scale(y: number): string {
  const stops = 40;
  const width = 160;
  const bars = Array.from({ length: stops }, (_, stop) => {
    const x = layout.left + (stop * width) / stops;
    return `<rect x="${x}" y="${y}" width="${width / stops + 0.4}" height="10" fill="${heat((stop + 0.5) / stops).ground}"/>`;
  });
  return [
    words('α', layout.left - 18, y + 10, { fill: quiet }),
    ...bars,
    words('0', layout.left, y + 26, { size: 12, fill: quiet }),
    words('1', layout.left + width - 6, y + 26, { size: 12, fill: quiet }),
  ].join('');
}

/** Pixels a unit of the drawing. */
const pngScale = 2;

/** The drawing as PNG, base64 without a prefix. */
export async function pngOf(svg: string): Promise<string> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = image.naturalWidth * pngScale;
  canvas.height = image.naturalHeight * pngScale;
  const context = canvas.getContext('2d');
  if (!context) throw new Error('no canvas');
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL('image/png').replace(/^data:image\/png;base64,/, '');
}
