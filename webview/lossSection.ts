/** Losses of all jobs over the same axis of steps. */
import type { Where } from '../server/contract/events';
import { make, setHidden, setText } from './dom';
import { formatCount, formatLoss, jobTitle } from './format';
import type { Job } from './jobs';
import { curveLines, curveWords, groupKey } from './lossCurves';
import { Plot, type PlotLine } from './plot';
import { lossAt, type Component, type Scene } from './selectors';
import { jobStyle, Legend } from './seriesStyle';
import type { PanelModel, RunData } from './state';
import { makeCheckbox } from './toolkit';

/** Points that a zoomed stretch is asked for, at most. */
const zoomPoints = 2000;

export interface LossHandlers {
  readonly askLoss: (where: Where, from: number, to: number, maxPoints: number) => void;
  readonly onUnzoom: () => void;
  readonly onPick: (step: number) => void;
}

export class LossSection {
  readonly root: HTMLElement;
  readonly #plot: Plot;
  readonly #legend: Legend;
  readonly #summary = make('p', { class: 'only-read' });
  readonly #caption = make('p', { class: 'caption' });
  readonly #zoomOut = make('button', { type: 'button', class: 'link-button' }, 'Whole run');
  readonly #zoomIn = make('button', { type: 'button', class: 'link-button' }, 'Zoom to step');
  readonly #hidden = new Set<string>();
  #smooth = true;
  #logarithmic = false;
  #zoom: readonly [number, number] | undefined;
  #lines: readonly PlotLine[] = [];
  #drawn: readonly unknown[] = [];
  #hover: number | undefined;
  #redraw: (() => void) | undefined;
  #run: RunData | undefined;
  #step: number | undefined;

  constructor(private readonly handlers: LossHandlers) {
    this.#plot = new Plot(320, {
      onHover: (step) => {
        this.#hover = step;
        this.#showValues();
      },
      onPick: handlers.onPick,
      onZoom: (from, to) => this.#zoomTo(from, to),
      onReset: () => this.#unzoom(),
    });
    this.#legend = new Legend((key) => {
      if (!this.#hidden.delete(key)) this.#hidden.add(key);
      this.#again();
    });
    this.#zoomOut.addEventListener('click', () => this.#unzoom());
    this.#zoomIn.addEventListener('click', () => this.#zoomToStep());
    this.root = make(
      'section',
      { class: 'card', 'aria-labelledby': 'loss-title' },
      make(
        'div',
        { class: 'card-head' },
        make('div', {}, make('h2', { id: 'loss-title' }, 'Loss'), this.#caption),
        make('div', { class: 'card-tools' }, this.#zoomIn, this.#zoomOut, ...this.#toggles()),
      ),
      this.#plot.root,
      this.#legend.root,
      this.#summary,
    );
  }

  update(model: PanelModel, run: RunData, components: readonly Component[], scene: Scene): void {
    const shown = run.jobs.filter(({ steps }) => steps.length > 0);
    setHidden(this.root, shown.length === 0);
    if (shown.length === 0) return;
    this.#redraw = () => this.update(model, run, components, scene);
    this.#run = run;
    this.#step = scene.kind === 'job' && !scene.following ? scene.step : undefined;
    this.#prepare(model, run, components);
    this.#plot.update({
      lines: this.#lines,
      range: this.#zoom ?? [0, longest(shown)],
      values: undefined,
      logarithmic: this.#logarithmic,
      step: scene.kind === 'job' ? scene.step : undefined,
    });
    this.#showValues();
  }

  repaint(): void {
    this.#plot.repaint();
  }

  #prepare(model: PanelModel, run: RunData, components: readonly Component[]): void {
    const [jobs, zoomed, events] = this.#drawn;
    if (jobs === run.jobs && zoomed === model.zoomed && events === run.events) return;
    this.#drawn = [run.jobs, model.zoomed, run.events];
    const names = components.map(({ name }) => name);
    this.#lines = curveLines(run, names, {
      zoomed: model.zoomed,
      hidden: this.#hidden,
      smooth: this.#smooth,
      logarithmic: this.#logarithmic,
    });
    const seeds = new Set(run.jobs.map(({ seed }) => seed)).size;
    const titled = run.jobs.filter(({ steps }) => steps.length > 0);
    this.#legend.update(
      [...grouped(titled)].map(([key, jobs]) => ({
        key,
        text: jobTitle(jobs[0]!, 1) + (jobs.length > 1 ? ` · ${jobs.length} seeds` : ''),
        style: jobStyle(jobs[0]!, names),
      })),
      this.#hidden,
    );
    const words = titled.map((job) => curveWords(job, jobTitle(job, seeds), formatLoss));
    setText(this.#summary, words.join(' '));
    const range = this.#zoom;
    setText(
      this.#caption,
      range
        ? `Nats by step, ${formatCount(range[0])} to ${formatCount(range[1])}`
        : 'Nats by step of each job; ● validation, ◇ test',
    );
    setHidden(this.#zoomOut, range === undefined);
  }

  #toggles(): HTMLElement[] {
    const smooth = makeCheckbox('Smooth', this.#smooth, (on) => {
      this.#smooth = on;
      this.#again();
    });
    const logarithmic = makeCheckbox('Log scale', this.#logarithmic, (on) => {
      this.#logarithmic = on;
      this.#again();
    });
    return [smooth.root, logarithmic.root];
  }

  #again(): void {
    this.#drawn = [];
    this.#redraw?.();
  }

  #zoomToStep(): void {
    const run = this.#run;
    if (!run) return;
    const [from, to] = this.#zoom ?? [0, longest(run.jobs)];
    const quarter = (to - from) / 4;
    const middle = Math.min(to - quarter, Math.max(from + quarter, this.#step ?? to));
    this.#zoomTo(middle - quarter, middle + quarter);
  }

  #zoomTo(from: number, to: number): void {
    const first = Math.max(0, Math.floor(from));
    const last = Math.max(first + 2, Math.ceil(to));
    this.#zoom = [first, last];
    for (const job of this.#run?.jobs ?? []) {
      if (!this.#hidden.has(groupKey(job)) && isThinned(job, first, last)) {
        const { stage, subject, seed } = job;
        this.handlers.askLoss({ stage, subject, seed }, first, last, zoomPoints);
      }
    }
    this.#again();
  }

  #unzoom(): void {
    if (!this.#zoom) return;
    this.#zoom = undefined;
    this.handlers.onUnzoom();
    this.#again();
  }

  /** Of several seeds the mean. */
  #showValues(): void {
    const step = this.#hover ?? this.#step ?? Infinity;
    for (const [key, jobs] of grouped(this.#run?.jobs ?? [])) {
      const losses = jobs.map((job) => lossAt(job, step)).filter((loss) => loss !== null);
      const sum = losses.reduce((all, loss) => all + loss, 0);
      this.#legend.setValue(key, formatLoss(losses.length > 0 ? sum / losses.length : null));
    }
  }
}

function grouped(jobs: readonly Job[]): Map<string, Job[]> {
  const groups = new Map<string, Job[]>();
  for (const job of jobs) {
    const key = groupKey(job);
    const own = groups.get(key);
    if (own) own.push(job);
    else groups.set(key, [job]);
  }
  return groups;
}

const longest = (jobs: readonly Job[]): number =>
  Math.max(2, ...jobs.map(({ steps }) => steps.at(-1) ?? 0));

/** Whether the job has steps in the stretch that aren't in its curve. */
function isThinned({ steps }: Job, from: number, to: number): boolean {
  const known = steps.filter((step) => step >= from && step <= to).length;
  const there = Math.min(to, steps.at(-1) ?? 0) - Math.max(from, steps[0] ?? 0) + 1;
  return known < there;
}
