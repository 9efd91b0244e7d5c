/** Holds the state, and draws at most once a frame. */
import { reduce, type PanelAction, type PanelModel } from './state';

export class Store {
  #drawing = false;

  constructor(
    private current: PanelModel,
    private readonly draw: (model: PanelModel) => void,
  ) {}

  get model(): PanelModel {
    return this.current;
  }

  dispatch(action: PanelAction): void {
    const next = reduce(this.current, action);
    if (next === this.current) return;
    this.current = next;
    this.invalidate();
  }

  /** Draws in the next frame. */
  invalidate(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.draw(this.current);
    });
  }
}
