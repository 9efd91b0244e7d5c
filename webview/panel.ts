/** The whole panel: messages in, drawings out, what the user does back to the host. */
import type { HostToPanel } from '../server/contract/panel';
import { BannerView, bannerOf, warningsOf } from './banner';
import { outcomeWords, pendingWords, type Ask } from './blockControls';
import { make, setHidden, setText } from './dom';
import { exportMenu } from './exportMenu';
import { Header } from './header';
import type { Host } from './host';
import { LossSection } from './lossSection';
import { closeMenu, makeMenuButton } from './menu';
import { PathSection } from './pathSection';
import { marksOf } from './marks';
import { blockCount, componentsOf, finishedOf, sceneOf, type Scene } from './selectors';
import { onThemeChange } from './seriesStyle';
import { Sparks } from './sparks';
import { initialModel, panelState, type PanelModel, type RunData } from './state';
import { Store } from './store';
import { makeAlphaTable, makeLossTable, makeResults } from './tables';
import { ViewBar } from './viewBar';
import { WeightsSection } from './weights';

/** Milliseconds between two savings of the page's state. */
const saveInterval = 250;

export class Panel {
  readonly root = make('main', { class: 'panel' });
  readonly #live = make('div', { class: 'only-read', role: 'status', 'aria-live': 'polite' });
  readonly #store: Store;
  readonly #header: Header;
  readonly #banner = new BannerView();
  readonly #viewBar: ViewBar;
  readonly #weights: WeightsSection;
  readonly #sparks = new Sparks();
  readonly #path: PathSection;
  readonly #loss: LossSection;
  readonly #columns: HTMLElement;
  readonly #left: HTMLElement;
  readonly #right: HTMLElement;
  readonly #tables = make('section', { class: 'card tables', 'aria-label': 'Tables' });
  readonly #results = make('div', {});
  #chosenBlock = 0;
  #saving = false;
  #drawnTables: readonly unknown[] = [];
  #drawnResults: unknown;

  /** @param dir the run's folder */
  constructor(
    private readonly host: Host,
    dir: string,
  ) {
    this.#store = new Store(
      // An answer to a page before this one must not be taken for an answer to this.
      initialModel(host.saved, dir, Math.floor(performance.timeOrigin)),
      (model) => this.#draw(model),
    );
    const goTo = (step: number): void => this.#store.dispatch({ type: 'goTo', step });
    this.#header = new Header({
      onCommand: (command) => host.post({ type: 'command', command }),
      exportButton: makeMenuButton('Export', 'Save what is drawn', () =>
        exportMenu(this.#store.model, {
          save: (message) => host.post(message),
          say: (words) => this.#say(words),
        }),
      ),
    });
    this.#viewBar = new ViewBar({
      onChoose: (where) => this.#store.dispatch({ type: 'choose', where }),
      onView: (view) => this.#store.dispatch({ type: 'view', view }),
    });
    this.#weights = new WeightsSection(this.#store, {
      askAlphas: (where, step) => host.post({ type: 'alphasAt', where, step }),
      control: (ask) => this.#control(ask),
      chooseBlock: (block) => {
        this.#chosenBlock = block;
        this.#store.invalidate();
      },
    });
    this.#path = new PathSection({ onPick: goTo });
    this.#loss = new LossSection({
      askLoss: (where, fromStep, toStep, maxPoints) =>
        host.post({ type: 'loss', where, fromStep, toStep, maxPoints }),
      onUnzoom: () => this.#store.dispatch({ type: 'unzoom' }),
      onPick: goTo,
    });
    this.#left = make('div', {}, this.#weights.root, this.#tables);
    this.#right = make('div', {}, this.#path.root, this.#loss.root);
    this.#columns = make('div', { class: 'columns' }, this.#left, this.#right);
    this.root.append(
      this.#header.root,
      this.#banner.root,
      this.#viewBar.root,
      this.#columns,
      this.#results,
      this.#live,
    );
  }

  /** Listens, and tells the host so. */
  start(): void {
    this.host.onMessage((message) => this.#receive(message));
    this.host.post({ type: 'ready' });
    onThemeChange(() => {
      this.#sparks.repaint();
      this.#path.repaint();
      this.#loss.repaint();
    });
    this.#store.invalidate();
  }

  #receive(message: HostToPanel): void {
    const before = this.#store.model;
    this.#store.dispatch({ type: 'host', message });
    const after = this.#store.model;
    if (message.type === 'snapshot') this.#weights.requests.reset();
    if (message.type === 'alphas') {
      const { where, step, alphas } = message;
      this.#weights.requests.answered(where, step, alphas !== null);
    }
    if (after.outcome && after.outcome !== before.outcome) this.#say(outcomeWords(after.outcome));
    if (after.run && before.run && after.run.state !== before.run.state) this.#sayState(after.run);
    if (after.gap && !before.gap) this.host.post({ type: 'ready' });
  }

  #control(ask: Ask): void {
    if ('refusal' in ask) {
      this.#store.dispatch({ type: 'refuse', words: ask.refusal });
      this.#say(ask.refusal);
      return;
    }
    const request = this.#store.model.nextRequest;
    this.#store.dispatch({ type: 'control', control: ask.control });
    this.host.post({ type: 'control', request, control: ask.control });
    this.#say(`Block ${ask.control.block}: ${pendingWords(ask.control)}`);
  }

  #sayState(run: RunData): void {
    const failed = run.events.findLast((event) => event.type === 'failed');
    this.#say(
      run.state === 'failed' && failed ? `The run failed. ${failed.message}` : `Run ${run.state}.`,
    );
  }

  /** Said again, the same words have to differ to be read out. */
  #say(words: string): void {
    const again = this.#live.textContent === words;
    setText(this.#live, again ? `${words}\u00a0` : words);
  }

  #draw(model: PanelModel): void {
    const { run } = model;
    this.#banner.update(bannerOf(model), run ? warningsOf(run) : []);
    for (const part of [this.#header.root, this.#viewBar.root, this.#columns, this.#results]) {
      setHidden(part, run === undefined);
    }
    if (run) this.#drawRun(model, run, sceneOf(model));
    else closeMenu();
    this.#saveSoon();
  }

  #drawRun(model: PanelModel, run: RunData, scene: Scene): void {
    const components = componentsOf(run);
    const block = Math.min(this.#chosenBlock, Math.max(0, blockCount(run) - 1));
    const asTable = model.view === 'table';
    this.#header.update(run);
    setHidden(this.#viewBar.root, scene.kind === 'none' && run.jobs.length === 0);
    this.#viewBar.update(model, run);
    this.#weights.update(model, run, scene, block);
    this.#columns.classList.toggle('as-table', asTable);
    this.#columns.classList.toggle('wide', components.length > 6);
    this.#balance(blockCount(run));
    setHidden(this.#tables, !asTable || scene.kind === 'none');
    const job = scene.kind === 'job' ? scene.job : undefined;
    if (asTable) {
      setHidden(this.#path.root, true);
      setHidden(this.#loss.root, true);
      this.#drawTables(run, scene);
    } else {
      this.#sparks.update(
        this.#weights.heatmap.sparks,
        job,
        job && scene.kind === 'job' ? scene.step : undefined,
      );
      this.#path.update(scene, components, block);
      this.#loss.update(model, run, components, scene);
    }
    this.#drawResults(run);
  }

  /** The path stands under a short heatmap, and beside a long one. */
  #balance(blocks: number): void {
    const short = blocks <= 8;
    const place = short ? this.#left : this.#right;
    if (this.#path.root.parentElement === place) return;
    if (short) place.append(this.#path.root);
    else place.prepend(this.#path.root);
  }

  #drawTables(run: RunData, scene: Scene): void {
    if (scene.kind === 'none') return;
    const drawn = [run, scene.alphas, scene.kind === 'job' ? scene.step : scene.kind];
    if (drawn.every((each, at) => each === this.#drawnTables[at])) return;
    this.#drawnTables = drawn;
    const step = scene.kind === 'job' && !scene.following ? scene.step : undefined;
    this.#tables.replaceChildren(
      makeAlphaTable(componentsOf(run), scene, marksOf(run, scene)),
      ...(run.jobs.length > 0 ? [makeLossTable(run, step)] : []),
    );
  }

  #drawResults(run: RunData): void {
    const finished = finishedOf(run);
    if (finished === this.#drawnResults) return;
    this.#drawnResults = finished;
    const results = makeResults(run);
    this.#results.replaceChildren(...(results ? [results] : []));
  }

  #saveSoon(): void {
    if (this.#saving) return;
    this.#saving = true;
    setTimeout(() => {
      this.#saving = false;
      if (this.#store.model.dir !== '') this.host.save(panelState(this.#store.model));
    }, saveInterval);
  }
}
