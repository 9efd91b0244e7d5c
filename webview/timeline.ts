/** The slider that replays a search step by step, with a button that plays it. */
import { make, setAttribute, setText } from './dom';
import { formatCount } from './format';
import { makeIcon } from './icons';
import { makeCheckbox } from './toolkit';

export interface TimelineView {
  readonly step: number;
  readonly firstStep: number;
  readonly lastStep: number;
  readonly following: boolean;
  /** Whether the α on show are of exactly this step. */
  readonly exact: boolean;
  /** Steps after which something was done. */
  readonly ticks: readonly { readonly step: number; readonly title: string }[];
}

export interface TimelineHandlers {
  /** `undefined`: follow the latest step. */
  readonly onStep: (step: number | undefined) => void;
}

/** Seconds that playing takes, whatever the number of steps. */
const playSeconds = (steps: number): number => Math.max(3, Math.min(15, steps / 20));

/** Milliseconds between two frames where motion is to be reduced. */
const calmInterval = 500;

export class Timeline {
  readonly root: HTMLElement;
  readonly #range = make('input', { type: 'range', step: 1, 'aria-label': 'Step of the search' });
  readonly #ticks = make('div', { class: 'ticks', 'aria-hidden': 'true' });
  readonly #play = make('button', { type: 'button', class: 'icon-button play' });
  readonly #now = make('span', { class: 'now' });
  readonly #of = make('span', { class: 'quiet' });
  readonly #follow;
  #view: TimelineView | undefined;
  #shownTicks = '';
  #playing: { readonly start: number; readonly from: number; shownAt: number } | undefined;

  constructor(private readonly handlers: TimelineHandlers) {
    this.#follow = makeCheckbox('Follow latest', true, (follow) => {
      this.stop();
      handlers.onStep(follow ? undefined : this.#view?.step);
    });
    this.#play.append(makeIcon('play'));
    this.#play.addEventListener('click', () => (this.#playing ? this.stop() : this.#start()));
    this.#range.addEventListener('input', () => {
      this.stop();
      handlers.onStep(Number(this.#range.value));
    });
    this.#showPlaying(false);
    this.root = make(
      'div',
      { class: 'timeline' },
      this.#play,
      make('div', { class: 'track' }, this.#ticks, this.#range),
      make(
        'div',
        { class: 'position' },
        make('span', { class: 'quiet' }, 'Step'),
        this.#now,
        this.#of,
      ),
      this.#follow.root,
    );
  }

  update(view: TimelineView): void {
    this.#view = view;
    const { step, firstStep, lastStep } = view;
    setAttribute(this.#range, 'min', String(firstStep));
    setAttribute(this.#range, 'max', String(lastStep));
    if (Number(this.#range.value) !== step) this.#range.value = String(step);
    const share = lastStep > firstStep ? (step - firstStep) / (lastStep - firstStep) : 1;
    this.#range.style.setProperty('--done', `${share * 100}%`);
    const about = view.exact ? '' : ', nearest known weights';
    const words = `step ${formatCount(step)} of ${formatCount(lastStep)}${about}`;
    setAttribute(this.#range, 'aria-valuetext', words);
    setText(this.#now, formatCount(step));
    setText(this.#of, `of ${formatCount(lastStep)}`);
    this.root.classList.toggle('inexact', !view.exact);
    this.#follow.setChecked(view.following);
    this.#updateTicks(view);
  }

  /** Ends playing: another job is on show, or the page is hidden. */
  stop(): void {
    if (!this.#playing) return;
    this.#playing = undefined;
    this.#showPlaying(false);
  }

  #updateTicks({ ticks, firstStep, lastStep }: TimelineView): void {
    const key = JSON.stringify([ticks, firstStep, lastStep]);
    if (key === this.#shownTicks) return;
    this.#shownTicks = key;
    const span = Math.max(1, lastStep - firstStep);
    this.#ticks.replaceChildren(
      ...ticks
        .filter(({ step }) => step >= firstStep && step <= lastStep)
        .map(({ step, title }) => {
          const tick = make('span', { class: 'tick', title });
          tick.style.left = `${((step - firstStep) / span) * 100}%`;
          return tick;
        }),
    );
  }

  #showPlaying(playing: boolean): void {
    const label = playing ? 'Pause the replay' : 'Replay the search';
    setAttribute(this.#play, 'aria-label', label);
    this.#play.title = label;
    this.#play.replaceChildren(makeIcon(playing ? 'pause' : 'play'));
  }

  #start(): void {
    const view = this.#view;
    if (!view || view.lastStep <= view.firstStep) return;
    // From the end it starts again.
    const from = view.step >= view.lastStep ? view.firstStep : view.step;
    const now = performance.now();
    this.#playing = { start: now, from, shownAt: Number.NEGATIVE_INFINITY };
    this.#showPlaying(true);
    requestAnimationFrame((time) => this.#tick(time));
  }

  #tick(time: number): void {
    const playing = this.#playing;
    const view = this.#view;
    if (!playing || !view) return;
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    const span = view.lastStep - view.firstStep;
    const perSecond = span / playSeconds(span);
    const passed = Math.max(0, time - playing.start) / 1000;
    const step = Math.min(view.lastStep, playing.from + Math.round(passed * perSecond));
    const ended = step >= view.lastStep;
    if (ended || time - playing.shownAt >= (calm ? calmInterval : 0)) {
      playing.shownAt = time;
      this.handlers.onStep(step);
    }
    if (ended) this.stop();
    else requestAnimationFrame((next) => this.#tick(next));
  }
}
