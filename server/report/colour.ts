/** Colours of the report, and the arithmetic that keeps every word readable (WCAG 2.2). */

/** Viridis (van der Walt and Smith, CC0) at 0, 0.1 … 1: luminance rises all the way. */
export const viridisAnchors = [
  '#440154',
  '#482576',
  '#414487',
  '#355f8d',
  '#2a788e',
  '#21908c',
  '#22a884',
  '#43bf71',
  '#7ad151',
  '#bbdf27',
  '#fde725',
] as const;

export interface Theme {
  readonly page: string;
  readonly panel: string;
  readonly ink: string;
  readonly quiet: string;
  readonly line: string;
  readonly link: string;
  readonly good: string;
  readonly bad: string;
  /** Ground of a pruned cell. */
  readonly empty: string;
  readonly hybrid: string;
  /** Colours of components and of the uniform mixture, in order; used again after the last. */
  readonly series: readonly string[];
}

export const lightTheme: Theme = {
  page: '#ffffff',
  panel: '#f6f7f9',
  ink: '#15191f',
  quiet: '#57606c',
  line: '#d9dde3',
  link: '#0b57a4',
  good: '#0b6b3a',
  bad: '#a3261b',
  empty: '#eceef1',
  hybrid: '#15191f',
  series: ['#0b62b0', '#b24a00', '#0a7355', '#8a3fa0', '#756000', '#a8326b'],
};

export const darkTheme: Theme = {
  page: '#14171c',
  panel: '#1c2027',
  ink: '#e9ecf1',
  quiet: '#a3acb9',
  line: '#343b46',
  link: '#7db7ff',
  good: '#5fd197',
  bad: '#ff8f80',
  empty: '#2a3039',
  hybrid: '#ffffff',
  series: ['#6fb1ff', '#ff9d5c', '#4fd1a5', '#d2a4ff', '#e0c24a', '#ff8fc0'],
};

type Rgb = readonly [number, number, number];

function parse(hex: string): Rgb {
  const value = Number.parseInt(hex.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

function toHex(rgb: Rgb): string {
  return `#${rgb.map((channel) => Math.round(channel).toString(16).padStart(2, '0')).join('')}`;
}

/** Relative luminance, 0 to 1, of `#rrggbb`. */
export function luminance(hex: string): number {
  const [red, green, blue] = parse(hex).map((channel) => {
    const value = channel / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as unknown as Rgb;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Contrast ratio of two colours, 1 to 21. */
export function contrast(first: string, second: string): number {
  const [low, high] = [luminance(first), luminance(second)].sort((a, b) => a - b) as [
    number,
    number,
  ];
  return (high + 0.05) / (low + 0.05);
}

/** Colour of a weight α in [0, 1]; outside it is clamped. */
export function heat(alpha: number): string {
  const position = Math.min(Math.max(Number.isFinite(alpha) ? alpha : 0, 0), 1) * 10;
  const index = Math.min(Math.floor(position), 9);
  const below = parse(viridisAnchors[index]!);
  const above = parse(viridisAnchors[index + 1]!);
  const share = position - index;
  return toHex([
    below[0] + share * (above[0] - below[0]),
    below[1] + share * (above[1] - below[1]),
    below[2] + share * (above[2] - below[2]),
  ]);
}

/** Black or white, whichever reads better; for any ground the better one has at least 4.58 : 1. */
export function textOn(ground: string): string {
  return contrast(ground, '#000000') >= contrast(ground, '#ffffff') ? '#000000' : '#ffffff';
}
