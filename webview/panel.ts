/** The whole panel: messages in, drawings out, what the user does back to the host. */
import type { HostToPanel } from '../server/contract/panel';
import { outcomeWords, pendingWords, type Ask } from './blockControls';
import { make, setHidden, setText } from './dom';
import { Header } from './header';
import type { Host } from './host';
import { closeMenu, makeMenuButton } from './menu';
import { sceneOf } from './selectors';
import { initialModel, panelState, type PanelModel } from './state';
import { Store } from './store';
import { WeightsSection } from './weights';

/** Milliseconds between two savings of the page's state. */
const saveInterval = 250;

export class Panel {
  readonly root = make('main', { class: 'panel' });
  readonly #live = make('div', { class: 'only-read', role: 'status', 'aria-live': 'polite' });
  readonly #store: Store;
  readonly #header: Header;
  readonly #weights: WeightsSection;
  #chosenBlock = 0;
  #saving = false;

  /** @param dir the run's folder */
  constructor(
    private readonly host: Host,
    dir: string,
  ) {
    this.#store = new Store(initialModel(host.saved, dir), (model) => this.#draw(model));
    this.#header = new Header({
      onCommand: (command) => host.post({ type: 'command', command }),
      exportButton: makeMenuButton('Export', 'Save what is drawn', () => []),
    });
    this.#weights = new WeightsSection(this.#store, {
      askAlphas: (where, step) => host.post({ type: 'alphasAt', where, step }),
      control: (ask) => this.#control(ask),
      chooseBlock: (block) => {
        this.#chosenBlock = block;
        this.#store.invalidate();
      },
    });
    this.root.append(this.#header.root, this.#weights.root, this.#live);
  }

  /** Listens, and tells the host so. */
  start(): void {
    this.host.onMessage((message) => this.#receive(message));
    this.host.post({ type: 'ready' });
    this.#store.invalidate();
  }

  #receive(message: HostToPanel): void {
    const before = this.#store.model;
    this.#store.dispatch({ type: 'host', message });
    const after = this.#store.model;
    if (message.type === 'snapshot') this.#weights.requests.reset();
    if (message.type === 'alphas') this.#weights.requests.answered(message.where, message.step);
    if (after.outcome && after.outcome !== before.outcome) this.#say(outcomeWords(after.outcome));
    if (after.gap && !before.gap) this.host.post({ type: 'ready' });
  }

  #control(ask: Ask): void {
    if ('refusal' in ask) {
      this.#say(ask.refusal);
      return;
    }
    const request = this.#store.model.nextRequest;
    this.#store.dispatch({ type: 'control', control: ask.control });
    this.host.post({ type: 'control', request, control: ask.control });
    this.#say(`Block ${ask.control.block}: ${pendingWords(ask.control)}`);
  }

  #say(words: string): void {
    setText(this.#live, words);
  }

  #draw(model: PanelModel): void {
    const { run } = model;
    setHidden(this.#header.root, run === undefined);
    setHidden(this.#weights.root, run === undefined);
    if (run) {
      this.#header.update(run);
      this.#weights.update(model, run, sceneOf(model), this.#chosenBlock);
    } else closeMenu();
    this.#saveSoon();
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
