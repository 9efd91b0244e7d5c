/** How α of one block moved, component by component, with the slider's step marked. */
import { make, setHidden, setText } from './dom';
import { formatAlpha } from './format';
import { countUpTo, type Job } from './jobs';
import { Plot, type PlotLine } from './plot';
import { pathOf, type Component, type Scene } from './selectors';
import { componentStyle, Legend } from './seriesStyle';

export interface PathHandlers {
  readonly onPick: (step: number) => void;
}

export class PathSection {
  readonly root: HTMLElement;
  readonly #title = make('h2', { id: 'path-title' });
  readonly #caption = make('p', { class: 'caption' });
  readonly #summary = make('p', { class: 'only-read' });
  readonly #plot: Plot;
  readonly #legend: Legend;
  readonly #hidden = new Set<string>();
  #lines: readonly PlotLine[] = [];
  #drawn: readonly unknown[] = [];
  #hover: number | undefined;
  #step = 0;
  #top = 1;

  constructor(handlers: PathHandlers) {
    this.#plot = new Plot(180, {
      onHover: (step) => {
        this.#hover = step;
        this.#showValues();
      },
      onPick: handlers.onPick,
    });
    this.#legend = new Legend((key) => {
      if (!this.#hidden.delete(key)) this.#hidden.add(key);
      this.#drawn = [];
      this.#redraw?.();
    });
    this.root = make(
      'section',
      { class: 'card', 'aria-labelledby': 'path-title' },
      this.#title,
      this.#caption,
      this.#plot.root,
      this.#legend.root,
      this.#summary,
    );
  }

  #redraw: (() => void) | undefined;

  update(scene: Scene, components: readonly Component[], block: number): void {
    setHidden(this.root, scene.kind !== 'job');
    if (scene.kind !== 'job') return;
    this.#redraw = () => this.update(scene, components, block);
    const { job } = scene;
    setText(this.#title, `α of block ${block + 1}`);
    setText(this.#caption, 'Choose a block in the heatmap, a step in the chart.');
    this.#prepare(job, components, block);
    this.#step = scene.step;
    this.#plot.update({
      lines: this.#lines,
      range: [job.frameSteps[0]!, Math.max(job.frameSteps.at(-1)!, job.frameSteps[0]! + 1)],
      values: [0, this.#top],
      logarithmic: false,
      step: scene.step,
    });
    this.#legend.update(
      components.map(({ name }, m) => ({ key: String(m), text: name, style: componentStyle(m) })),
      this.#hidden,
    );
    this.#showValues();
  }

  repaint(): void {
    this.#plot.repaint();
  }

  #prepare(job: Job, components: readonly Component[], block: number): void {
    const [job0, block0, names0] = this.#drawn;
    const names = components.map(({ name }) => name).join('\n');
    if (job0 === job && block0 === block && names0 === names) return;
    this.#drawn = [job, block, names];
    this.#lines = components.flatMap((_, m): PlotLine[] =>
      this.#hidden.has(String(m))
        ? []
        : [{ key: String(m), ...pathOf(job, block, m), style: componentStyle(m) }],
    );
    this.#top = topOf(this.#lines);
    const words = components.map(({ name }, m) => {
      const { values } = pathOf(job, block, m);
      return `${name} from ${formatAlpha(values[0]!)} to ${formatAlpha(values.at(-1)!)}`;
    });
    setText(this.#summary, `α of block ${block + 1} over the search: ${words.join(', ')}.`);
  }

  #showValues(): void {
    const step = this.#hover ?? this.#step;
    for (const { key, steps, values } of this.#lines) {
      const value = values[Math.max(0, countUpTo(steps, step) - 1)];
      this.#legend.setValue(key, formatAlpha(value ?? Number.NaN));
    }
  }
}

/** Top of the axis: 1, or less where many components share it. */
function topOf(lines: readonly PlotLine[]): number {
  let most = 0;
  for (const { values } of lines) for (const value of values) most = Math.max(most, value ?? 0);
  return most <= 0.25 ? 0.25 : most <= 0.5 ? 0.5 : 1;
}
