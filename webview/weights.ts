/** The section of the heatmap: grid, keys, the notice of the last control, and the slider. */
import type { Where } from '../server/contract/events';
import { AlphaRequests } from './alphaRequests';
import {
  outcomeWords,
  pendingWords,
  pinTo,
  prune,
  restore,
  unpin,
  type Ask,
  type CellContext,
} from './blockControls';
import { cellMenu } from './cellMenu';
import { make, setHidden, setText } from './dom';
import { formatCount } from './format';
import { Heatmap, type CellPlace } from './heatmap';
import { makeKeys } from './keys';
import { openMenu } from './menu';
import { openPinDialog } from './pinDialog';
import { marksOf, type BlockMarks } from './marks';
import { blockCount, componentsOf, movesAlphas, sceneOf, type Scene } from './selectors';
import type { PanelModel, RunData } from './state';
import type { Store } from './store';
import { Timeline, type TimelineView } from './timeline';

export interface WeightsHandlers {
  readonly askAlphas: (where: Where, step: number) => void;
  /** Sends the control and remembers it until the host answers. */
  readonly control: (ask: Ask) => void;
  readonly chooseBlock: (block: number) => void;
}

export class WeightsSection {
  readonly root: HTMLElement;
  readonly heatmap: Heatmap;
  readonly requests: AlphaRequests;
  readonly timeline: Timeline;
  readonly #caption = make('p', { class: 'caption' });
  readonly #notice = make('div', { class: 'notice', hidden: true });
  readonly #noticeText = make('p', {});
  #job = '';

  constructor(
    private readonly store: Store,
    private readonly handlers: WeightsHandlers,
  ) {
    this.requests = new AlphaRequests(handlers.askAlphas);
    this.timeline = new Timeline({
      onStep: (step) => store.dispatch({ type: 'goTo', step }),
    });
    const onCell =
      (ask: (context: CellContext) => Ask) =>
      (place: CellPlace): void => {
        const context = this.#context(place);
        if (context) handlers.control(ask(context));
      };
    this.heatmap = new Heatmap({
      onMenu: (place, at) => this.#openMenu(place, at),
      onPin: onCell(pinTo),
      onPinDialog: (place) => this.#openDialog(place),
      onUnpin: onCell(unpin),
      onPrune: onCell(prune),
      onRestore: onCell(restore),
      onChoose: handlers.chooseBlock,
    });
    const dismiss = make('button', { type: 'button', class: 'link-button' }, 'Dismiss');
    dismiss.addEventListener('click', () => store.dispatch({ type: 'dismiss' }));
    this.#notice.append(this.#noticeText, dismiss);
    this.root = make(
      'section',
      { class: 'card weights', 'aria-labelledby': 'weights-title' },
      make('h2', { id: 'weights-title' }, 'Mixture weights α'),
      this.#caption,
      make('div', { class: 'scroll' }, this.heatmap.root),
      makeKeys(),
      this.#notice,
      this.timeline.root,
    );
  }

  update(model: PanelModel, run: RunData, scene: Scene, chosen: number): void {
    setHidden(this.root, scene.kind === 'none');
    setText(this.#caption, captionOf(scene));
    this.#updateNotice(model);
    this.#updateTimeline(run, scene);
    if (scene.kind === 'none') return;
    this.heatmap.update({
      components: componentsOf(run),
      blocks: blockCount(run),
      alphas: scene.alphas,
      marks: marksOf(run, scene),
      pending: new Map(
        model.pending.map(({ control }) => [control.block - 1, pendingWords(control)]),
      ),
      chosen,
      paths: scene.kind === 'job',
    });
  }

  #updateNotice({ outcome, refusal }: PanelModel): void {
    const words = outcome?.error ? outcomeWords(outcome) : refusal;
    setHidden(this.#notice, words === undefined);
    if (words !== undefined) setText(this.#noticeText, words);
  }

  #updateTimeline(run: RunData, scene: Scene): void {
    setHidden(this.timeline.root, scene.kind !== 'job');
    if (scene.kind !== 'job') {
      this.timeline.stop();
      return;
    }
    const key = `${scene.job.stage} ${scene.job.subject} ${scene.job.seed}`;
    if (key !== this.#job) this.timeline.stop();
    this.#job = key;
    this.timeline.update(timelineView(run, scene));
    if (scene.exact) this.requests.satisfied();
    else this.requests.want(whereOf(scene.job), scene.step);
  }

  /** The cell as it is after the newest step: controls act on the run, not on the step that the slider shows. */
  #context(place: CellPlace): CellContext | undefined {
    const { run } = this.store.model;
    if (!run) return undefined;
    return { run, components: componentsOf(run), ...place, marks: newestMarks(run, place.block) };
  }

  #openMenu(place: CellPlace, at: DOMRect): void {
    const context = this.#context(place);
    if (!context) return;
    const name = context.components[place.component]?.name ?? '';
    openMenu(
      `Block ${place.block + 1}, ${name}`,
      cellMenu(context, this.#shown(place.block), {
        control: this.handlers.control,
        dialog: () => this.#openDialog(place),
      }),
      at,
      () => this.heatmap.focusActive(),
    );
  }

  /** α of a block as it is on show, and where that is from. */
  #shown(block: number): { readonly weights: readonly number[]; readonly words: string } {
    const scene = sceneOf(this.store.model);
    if (scene.kind === 'none') return { weights: [], words: '' };
    const weights = scene.alphas[block] ?? [];
    const past = scene.kind === 'job' && !scene.following && scene.step < scene.lastStep;
    return { weights, words: past ? `step ${formatCount(scene.step)}` : 'now' };
  }

  #openDialog(place: CellPlace): void {
    const context = this.#context(place);
    if (!context) return;
    openPinDialog(context, this.#shown(place.block), {
      control: this.handlers.control,
      onClose: () => this.heatmap.focusActive(),
    });
  }
}

export const whereOf = ({ stage, subject, seed }: Where): Where => ({ stage, subject, seed });

function newestMarks(run: RunData, block: number): BlockMarks {
  const job = run.jobs.findLast(({ stage }) => movesAlphas(stage));
  const all = marksOf(
    run,
    job
      ? {
          kind: 'job',
          job,
          step: Infinity,
          firstStep: 0,
          lastStep: Infinity,
          following: true,
          alphas: [],
          exact: true,
        }
      : { kind: 'none' },
  );
  return (
    all[block] ?? {
      pinned: false,
      pinnedByConfig: false,
      weights: undefined,
      pruned: [],
      prunedByConfig: [],
    }
  );
}

function timelineView(run: RunData, scene: Scene & { readonly kind: 'job' }): TimelineView {
  const ticks = run.events.flatMap((event) =>
    event.type === 'control' &&
    event.block !== undefined &&
    event.seed === scene.job.seed &&
    event.stage === scene.job.stage
      ? [{ step: event.step, title: `Step ${event.step}: ${event.action} block ${event.block}` }]
      : [],
  );
  const { step, firstStep, lastStep, following, exact } = scene;
  return { step, firstStep, lastStep, following, exact, ticks };
}

function captionOf(scene: Scene): string {
  switch (scene.kind) {
    case 'job': {
      const past = scene.step < scene.lastStep;
      if (scene.step === 0) return 'Before the first step, as the config starts them.';
      return past
        ? `After step ${formatCount(scene.step)}, looking back.`
        : `After step ${formatCount(scene.step)}, the latest.`;
    }
    case 'mean':
      return scene.seeds > 1
        ? `Mean over ${scene.seeds} seeds, as the run ended.`
        : 'As the run ended.';
    case 'plan':
      return 'As the config starts them; no step was taken yet.';
    case 'none':
      return '';
  }
}
