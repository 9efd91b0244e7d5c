/** How lines are told apart: by colour and by dash, so that neither is needed alone. */
import type { Where } from '../server/contract/events';
import { make, makeSvg } from './dom';

export interface LineStyle {
  /** A custom property of the theme. */
  readonly colour: string;
  readonly dash: readonly number[];
  readonly width: number;
}

const colours = ['blue', 'orange', 'green', 'purple', 'red', 'yellow'].map(
  (name) => `--series-${name}`,
);
// Five dashes to six colours: thirty lines before a pair comes again.
const dashes: readonly (readonly number[])[] = [[], [7, 4], [2, 3], [10, 3, 2, 3], [14, 5]];

export const componentStyle = (m: number): LineStyle => ({
  colour: colours[m % colours.length]!,
  dash: dashes[m % dashes.length]!,
  width: 1.5,
});

/** The hybrid in the colour of text, each component as everywhere. */
export function jobStyle({ stage, subject }: Where, names: readonly string[]): LineStyle {
  if (stage === 'baseline') {
    const m = names.indexOf(subject);
    if (m >= 0) return componentStyle(m);
    return { colour: '--series-ink', dash: [2, 3], width: 1.5 };
  }
  return {
    colour: '--series-ink',
    dash: stage === 'search' ? [] : stage === 'finetune' ? [7, 4] : [10, 3, 2, 3],
    width: 2,
  };
}

/** A short piece of the line, for legends. */
export function makeSample(style: LineStyle): SVGSVGElement {
  const line = makeSvg('line', {
    x1: 1,
    x2: 27,
    y1: 6,
    y2: 6,
    'stroke-width': style.width + 0.5,
    'stroke-dasharray': style.dash.join(' '),
  });
  line.style.stroke = `var(${style.colour})`;
  return makeSvg(
    'svg',
    { class: 'sample', width: 28, height: 12, viewBox: '0 0 28 12', 'aria-hidden': 'true' },
    line,
  );
}

/** The theme's value of a custom property, as a canvas takes it. */
export const themeColour = (property: string): string =>
  getComputedStyle(document.body).getPropertyValue(property).trim() || 'gray';

/** Calls back when the theme changes: VS Code writes it into the page's style and classes. */
export function onThemeChange(listener: () => void): void {
  const observer = new MutationObserver(listener);
  observer.observe(document.documentElement, { attributeFilter: ['style', 'class'] });
  observer.observe(document.body, { attributeFilter: ['class'] });
  matchMedia('(forced-colors: active)').addEventListener('change', listener);
}

export interface LegendEntry {
  readonly key: string;
  readonly text: string;
  readonly style: LineStyle;
}

/** A legend whose entries show and hide their lines. */
export class Legend {
  readonly root = make('ul', { class: 'legend' });
  #entries = new Map<string, { readonly button: HTMLElement; readonly value: HTMLElement }>();
  #shown = '';

  constructor(private readonly onToggle: (key: string) => void) {}

  update(entries: readonly LegendEntry[], hidden: ReadonlySet<string>): void {
    const shown = JSON.stringify(entries);
    if (shown !== this.#shown) {
      this.#shown = shown;
      this.#entries = new Map();
      this.root.replaceChildren(...entries.map((entry) => this.#makeEntry(entry)));
    }
    for (const [key, { button }] of this.#entries) {
      button.setAttribute('aria-pressed', String(!hidden.has(key)));
    }
  }

  setValue(key: string, text: string): void {
    const value = this.#entries.get(key)?.value;
    if (value && value.textContent !== text) value.textContent = text;
  }

  #makeEntry({ key, text, style }: LegendEntry): HTMLElement {
    const value = make('span', { class: 'legend-value' });
    const button = make(
      'button',
      { type: 'button', class: 'legend-button', title: `Show or hide ${text}` },
      makeSample(style),
      make('span', { class: 'legend-name' }, text),
      value,
    );
    button.addEventListener('click', () => this.onToggle(key));
    this.#entries.set(key, { button, value });
    return make('li', {}, button);
  }
}
