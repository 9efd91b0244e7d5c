/** Icons of the panel, 16 × 16, in the colour of the text beside them. All are decoration: words stand next to them. */
import { makeSvg } from './dom';

const outlines = {
  pause: 'M5 3v10M11 3v10',
  play: 'M4.5 2.8v10.4L13 8z',
  stop: 'M3.5 3.5h9v9h-9z',
  save: 'M3 2.5h8l2 2v9H3zM5.5 2.5v3.5h4V2.5M5.5 13.5V9.5h5v4',
  report: 'M3.5 1.5h6l3 3v10h-9zM9.5 1.5v3h3M5.5 8h5M5.5 11h5',
  config: 'M10.8 2.7l2.5 2.5L6 12.5l-3.3.8.8-3.3z',
  write: 'M8 2v8M4.8 7L8 10.2 11.2 7M2.5 13.5h11',
  generate: 'M2.5 3.5h11v7h-6l-3 3v-3h-2z',
  share: 'M8 10V2M5 4.8L8 1.8l3 3M3 8v5.5h10V8',
  log: 'M2.5 3.5h11M2.5 6.5h7M2.5 9.5h11M2.5 12.5h5',
  chevron: 'M4 6l4 4 4-4',
  warning: 'M8 2l6.5 11.5h-13zM8 6.5v3.2M8 11.4v.6',
  error: 'M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8zM5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4',
  check: 'M3 8.5l3.2 3.2L13 4.8',
  clock: 'M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8zM8 4.5V8l2.5 1.5',
  lost: 'M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8zM6.2 6.3c0-2.4 3.6-2.4 3.6 0 0 1.4-1.8 1.5-1.8 2.9M8 11.2v.4',
  close: 'M4 4l8 8M12 4l-8 8',
} as const;

export type IconName = keyof typeof outlines;

export function makeIcon(name: IconName): SVGSVGElement {
  return makeSvg(
    'svg',
    { class: 'icon', viewBox: '0 0 16 16', width: 16, height: 16, 'aria-hidden': 'true' },
    makeSvg('path', {
      d: outlines[name],
      fill: name === 'play' || name === 'stop' ? 'currentColor' : 'none',
      stroke: 'currentColor',
      'stroke-width': '1.4',
      'stroke-linejoin': 'round',
      'stroke-linecap': 'round',
    }),
  );
}

/** A drawing pin, 12 × 12. */
export const makePinIcon = (): SVGSVGElement =>
  makeSvg(
    'svg',
    { class: 'pin', viewBox: '0 0 12 12', width: 12, height: 12, 'aria-hidden': 'true' },
    makeSvg('path', {
      d: 'M3.5 0h5v1.2l-.9.5.5 3.4 1.9 1.5v1.1H6.7L6 12l-.7-4.3H2V6.6l1.9-1.5.5-3.4-.9-.5z',
      fill: 'currentColor',
    }),
  );
