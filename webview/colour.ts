/** Colour of a weight, and of the words on it (WCAG 2.2). */

/** Viridis (van der Walt and Smith, CC0) at 0, 0.1 … 1: luminance rises all the way. */
const anchors: readonly (readonly [number, number, number])[] = [
  [68, 1, 84],
  [72, 37, 118],
  [65, 68, 135],
  [53, 95, 141],
  [42, 120, 142],
  [33, 144, 140],
  [34, 168, 132],
  [67, 191, 113],
  [122, 209, 81],
  [187, 223, 39],
  [253, 231, 37],
];

type Rgb = readonly [number, number, number];

/** Colour of α in [0, 1]; outside it is clamped, what is no number is the lowest. */
export function heatRgb(alpha: number): Rgb {
  const position = Math.min(Math.max(Number.isFinite(alpha) ? alpha : 0, 0), 1) * 10;
  const index = Math.min(Math.floor(position), 9);
  const share = position - index;
  const below = anchors[index]!;
  const above = anchors[index + 1]!;
  const mix = (channel: 0 | 1 | 2): number =>
    Math.round(below[channel] + share * (above[channel] - below[channel]));
  return [mix(0), mix(1), mix(2)];
}

/** Relative luminance, 0 to 1. */
export function luminance(rgb: Rgb): number {
  const [red, green, blue] = rgb.map((channel) => {
    const value = channel / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Black or white, whichever reads better: at least 4.58 : 1 on any ground. */
export const inkOn = (ground: Rgb): '#000000' | '#ffffff' =>
  luminance(ground) + 0.05 >= Math.sqrt(1.05 * 0.05) ? '#000000' : '#ffffff';

export interface HeatColour {
  readonly ground: string;
  readonly ink: string;
}

const hex = (rgb: Rgb): string =>
  `#${rgb.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;

/** Ground and ink for α in hundredths: a frame of the slider looks them up. */
const table: readonly HeatColour[] = Array.from({ length: 101 }, (_, hundredth) => {
  const rgb = heatRgb(hundredth / 100);
  return { ground: hex(rgb), ink: inkOn(rgb) };
});

/** Ground and ink of α, to the nearest hundredth, as the number in the cell is. */
export const heat = (alpha: number): HeatColour =>
  table[Number.isFinite(alpha) ? Math.min(100, Math.max(0, Math.round(alpha * 100))) : 0]!;
