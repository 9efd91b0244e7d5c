/** Between head and drawings: which search is on show, and as what. */
import type { Where } from '../server/contract/events';
import type { PanelState } from '../server/contract/panel';
import { make, setAttribute, setHidden } from './dom';
import { jobTitle } from './format';
import { whereKey } from './jobs';
import { finishedOf, isProgrammed, jobsWithAlphas } from './selectors';
import type { PanelModel, RunData } from './state';
import { makeDropdown } from './toolkit';

export interface ViewBarHandlers {
  readonly onChoose: (where: Where | undefined) => void;
  readonly onView: (view: PanelState['view']) => void;
}

export class ViewBar {
  readonly root: HTMLElement;
  readonly #chooser;
  readonly #choice: HTMLElement;
  readonly #views: { readonly view: PanelState['view']; readonly button: HTMLElement }[] = [];
  #jobs: readonly Where[] = [];

  constructor(handlers: ViewBarHandlers) {
    this.#chooser = makeDropdown('Weights of', (value) => {
      const job = this.#jobs.find((each) => whereKey(each) === value);
      handlers.onChoose(job && { stage: job.stage, subject: job.subject, seed: job.seed });
    });
    const viewButton = (view: PanelState['view'], text: string): HTMLElement => {
      const button = make('button', { type: 'button', class: 'segment' }, text);
      button.addEventListener('click', () => handlers.onView(view));
      this.#views.push({ view, button });
      return button;
    };
    this.#choice = make(
      'div',
      { class: 'choice' },
      make('span', { class: 'quiet', 'aria-hidden': 'true' }, 'Weights of'),
      this.#chooser.root,
    );
    this.root = make(
      'div',
      { class: 'view-bar' },
      this.#choice,
      make(
        'div',
        { class: 'segments', role: 'group', 'aria-label': 'Show as' },
        viewButton('heatmap', 'Heatmap & curves'),
        viewButton('table', 'Tables'),
      ),
    );
  }

  update(model: PanelModel, run: RunData): void {
    this.#jobs = jobsWithAlphas(run);
    const seeds = new Set(run.jobs.map(({ seed }) => seed)).size;
    const finished = finishedOf(run);
    const follow =
      finished && finished.perSeed.length > 1
        ? `Mean over ${finished.perSeed.length} seeds`
        : isProgrammed(run)
          ? finished
            ? 'The hybrid'
            : 'The newest stage'
          : finished
            ? 'The search'
            : 'The newest search';
    setHidden(this.#choice, this.#jobs.length < 2);
    const known = model.where && this.#jobs.some((job) => whereKey(job) === whereKey(model.where!));
    this.#chooser.update(
      [
        { value: 'follow', text: follow },
        ...this.#jobs.map((job) => ({ value: whereKey(job), text: jobTitle(job, seeds) })),
      ],
      known ? whereKey(model.where) : 'follow',
    );
    for (const { view, button } of this.#views) {
      setAttribute(button, 'aria-pressed', String(view === model.view));
    }
  }
}
