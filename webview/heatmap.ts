/** The heatmap: a grid of blocks × components with α in the cells. Only what changed is written. */
import type { Alphas } from '../server/contract/events';
import { heat } from './colour';
import { make, setAttribute, setText } from './dom';
import { formatAlpha, layerRange } from './format';
import { makePinIcon } from './icons';
import type { BlockMarks } from './marks';
import type { Component } from './selectors';

export interface CellPlace {
  /** From 0. */
  readonly block: number;
  readonly component: number;
}

export interface HeatmapView {
  readonly components: readonly Component[];
  readonly blocks: number;
  readonly alphas: Alphas;
  readonly marks: readonly BlockMarks[];
  /** What is on its way, by block: `pinning…`. */
  readonly pending: ReadonlyMap<number, string>;
  /** Block whose α are drawn as a path. */
  readonly chosen: number;
  /** Whether paths are drawn beside the rows. */
  readonly paths: boolean;
}

export interface HeatmapHandlers {
  readonly onMenu: (place: CellPlace, at: DOMRect) => void;
  readonly onPin: (place: CellPlace) => void;
  readonly onPinDialog: (place: CellPlace) => void;
  readonly onUnpin: (place: CellPlace) => void;
  readonly onPrune: (place: CellPlace) => void;
  readonly onRestore: (place: CellPlace) => void;
  readonly onChoose: (block: number) => void;
}

interface Cell {
  readonly root: HTMLElement;
  readonly value: HTMLElement;
  readonly mark: HTMLElement;
  shown: number;
}

interface Row {
  readonly root: HTMLElement;
  readonly note: HTMLElement;
  readonly spark: HTMLElement;
  readonly cells: readonly Cell[];
}

export class Heatmap {
  readonly root = make('div', {
    class: 'heatmap',
    role: 'grid',
    'aria-label': 'Mixture weights α: blocks by components',
    'aria-describedby': 'heatmap-keys',
  });
  #rows: Row[] = [];
  #shape = '';
  #built: Pick<HeatmapView, 'components' | 'blocks'> | undefined;
  #active: CellPlace = { block: 0, component: 0 };

  constructor(private readonly handlers: HeatmapHandlers) {
    this.root.addEventListener('keydown', (event) => this.#onKey(event));
    this.root.addEventListener('focusin', (event) => this.#onFocus(event));
    this.root.addEventListener('click', (event) => this.#openFrom(event));
    this.root.addEventListener('contextmenu', (event) => {
      event.preventDefault();
      this.#openFrom(event);
    });
  }

  /** Where paths of each block are drawn, by block. */
  get sparks(): readonly HTMLElement[] {
    return this.#rows.map(({ spark }) => spark);
  }

  get active(): CellPlace {
    return this.#active;
  }

  update(view: HeatmapView): void {
    const before = this.#built;
    if (before?.components !== view.components || before.blocks !== view.blocks) {
      this.#built = { components: view.components, blocks: view.blocks };
      // A list that is new may say the same: rebuilding would take the focus away.
      const shape = JSON.stringify(this.#built);
      if (shape !== this.#shape) this.#build(view);
      this.#shape = shape;
    }
    this.root.classList.toggle('no-paths', !view.paths);
    this.#rows.forEach((row, block) => this.#updateRow(row, view, block));
  }

  /** Puts the focus back where it was before a menu or dialog. */
  focusActive(): void {
    this.#cell(this.#active)?.focus();
  }

  #build(view: HeatmapView): void {
    const { components, blocks } = view;
    this.#active = {
      block: Math.min(this.#active.block, Math.max(0, blocks - 1)),
      component: Math.min(this.#active.component, Math.max(0, components.length - 1)),
    };
    this.root.style.setProperty('--columns', String(components.length));
    this.root.classList.toggle('compact', blocks > 12);
    this.root.classList.toggle('narrow', components.length > 4);
    this.root.setAttribute('aria-rowcount', String(blocks + 1));
    this.root.setAttribute('aria-colcount', String(components.length + 1));
    this.#rows = Array.from({ length: blocks }, (_, block) => makeRow(components, block));
    const at = this.#rows[this.#active.block]?.cells[this.#active.component];
    at?.root.setAttribute('tabindex', '0');
    this.root.replaceChildren(makeHeadRow(components), ...this.#rows.map(({ root }) => root));
  }

  #updateRow(row: Row, view: HeatmapView, block: number): void {
    const marks = view.marks[block];
    const pending = view.pending.get(block);
    row.root.classList.toggle('pinned', marks?.pinned === true);
    row.root.classList.toggle('chosen', view.chosen === block);
    row.root.classList.toggle('pending', pending !== undefined);
    setAttribute(row.root, 'aria-busy', pending === undefined ? undefined : 'true');
    const held = marks?.pinned ? (marks.pinnedByConfig ? 'pinned in config' : 'pinned') : '';
    setText(row.note, pending ?? held);
    row.cells.forEach((cell, component) => {
      const pruned = marks?.pruned.includes(component) === true;
      const alpha = marks?.weights?.[component] ?? view.alphas[block]?.[component] ?? Number.NaN;
      paint(cell, pruned ? 'pruned' : alpha);
    });
  }

  #cell({ block, component }: CellPlace): HTMLElement | undefined {
    return this.#rows[block]?.cells[component]?.root;
  }

  #placeOf(target: EventTarget | null): CellPlace | undefined {
    const cell = target instanceof Element ? target.closest<HTMLElement>('[role=gridcell]') : null;
    if (!cell) return undefined;
    return { block: Number(cell.dataset['block']), component: Number(cell.dataset['component']) };
  }

  #onFocus(event: FocusEvent): void {
    const place = this.#placeOf(event.target);
    if (!place) return;
    this.#cell(this.#active)?.setAttribute('tabindex', '-1');
    this.#active = place;
    this.#cell(place)?.setAttribute('tabindex', '0');
    this.handlers.onChoose(place.block);
  }

  #openFrom(event: MouseEvent): void {
    const place = this.#placeOf(event.target);
    const cell = place && this.#cell(place);
    if (!cell) return;
    cell.focus();
    this.handlers.onMenu(place, cell.getBoundingClientRect());
  }

  #onKey(event: KeyboardEvent): void {
    const place = this.#placeOf(event.target);
    if (!place) return;
    const next = this.#moved(place, event);
    if (next) this.#cell(next)?.focus();
    else if (event.ctrlKey || event.metaKey || event.altKey || !this.#act(place, event)) return;
    event.preventDefault();
  }

  #moved({ block, component }: CellPlace, event: KeyboardEvent): CellPlace | undefined {
    const lastBlock = this.#rows.length - 1;
    const lastComponent = (this.#rows[0]?.cells.length ?? 1) - 1;
    const within = (value: number, last: number): number => Math.max(0, Math.min(last, value));
    switch (event.key) {
      case 'ArrowUp':
        return { block: within(block - 1, lastBlock), component };
      case 'ArrowDown':
        return { block: within(block + 1, lastBlock), component };
      case 'ArrowLeft':
        return { block, component: within(component - 1, lastComponent) };
      case 'ArrowRight':
        return { block, component: within(component + 1, lastComponent) };
      case 'PageUp':
        return { block: within(block - 8, lastBlock), component };
      case 'PageDown':
        return { block: within(block + 8, lastBlock), component };
      case 'Home':
        return { block: event.ctrlKey ? 0 : block, component: 0 };
      case 'End':
        return { block: event.ctrlKey ? lastBlock : block, component: lastComponent };
      default:
        return undefined;
    }
  }

  #act(place: CellPlace, event: KeyboardEvent): boolean {
    switch (event.key) {
      case 'Enter':
      case ' ':
      case 'ContextMenu':
        this.#openMenu(place);
        return true;
      case 'F10':
        if (!event.shiftKey) return false;
        this.#openMenu(place);
        return true;
      case 'p':
        this.handlers.onPin(place);
        return true;
      case 'P':
        this.handlers.onPinDialog(place);
        return true;
      case 'u':
      case 'U':
        this.handlers.onUnpin(place);
        return true;
      case 'Delete':
      case 'Backspace':
        this.handlers.onPrune(place);
        return true;
      case 'r':
      case 'R':
        this.handlers.onRestore(place);
        return true;
      default:
        return false;
    }
  }

  #openMenu(place: CellPlace): void {
    const cell = this.#cell(place);
    if (cell) this.handlers.onMenu(place, cell.getBoundingClientRect());
  }
}

function makeHeadRow(components: readonly Component[]): HTMLElement {
  const heads = components.map(({ name, family }) =>
    make(
      'div',
      { role: 'columnheader', class: 'column-head', title: `${name} (${family})` },
      make('span', { class: 'name' }, name),
      make('span', { class: 'quiet' }, family),
    ),
  );
  return make(
    'div',
    { role: 'row', class: 'row head-row' },
    make('div', { role: 'columnheader', class: 'corner' }, make('span', {}, 'Block')),
    ...heads,
    make('div', { class: 'spark-head quiet', 'aria-hidden': 'true' }, 'over the search'),
  );
}

function makeRow(components: readonly Component[], block: number): Row {
  const note = make('span', { class: 'note' });
  const spark = make('div', { class: 'spark', 'aria-hidden': 'true' });
  const cells = components.map((component, m) => makeCell(component, block, m));
  const root = make(
    'div',
    { role: 'row', class: 'row' },
    make(
      'div',
      { role: 'rowheader', class: 'row-head' },
      make('span', { class: 'row-name' }, makePinIcon(), `Block ${block + 1}`),
      note,
    ),
    ...cells.map((cell) => cell.root),
    spark,
  );
  return { root, note, spark, cells };
}

function makeCell(component: Component, block: number, m: number): Cell {
  const value = make('span', { class: 'value' });
  const mark = make('span', { class: 'fill', 'aria-hidden': 'true' });
  const layers = component.layers[block];
  const range = layers && rangeWords(layers.first, layers.last);
  const root = make(
    'div',
    {
      role: 'gridcell',
      class: 'cell',
      tabindex: -1,
      'aria-haspopup': 'menu',
      'data-block': block,
      'data-component': m,
    },
    mark,
    value,
    range && make('span', { class: 'layers' }, ...range),
  );
  return { root, value, mark, shown: -2 };
}

/** `layers 1–2`, of which a narrow column leaves the word out. */
function rangeWords(first: number, last: number): (Node | string)[] {
  const [word, numbers] = layerRange(first, last).split(' ') as [string, string];
  return [make('span', { class: 'word' }, `${word} `), numbers];
}

/** Writes a cell where its number differs in what is seen of it. */
function paint(cell: Cell, state: number | 'pruned'): void {
  const hundredth = state === 'pruned' ? -1 : Number.isFinite(state) ? Math.round(state * 100) : -3;
  if (cell.shown === hundredth) return;
  const wasPruned = cell.shown === -1;
  cell.shown = hundredth;
  if (state === 'pruned') {
    cell.root.classList.add('pruned');
    cell.root.style.removeProperty('--heat');
    cell.root.style.removeProperty('--heat-ink');
    cell.mark.style.transform = 'scaleX(0)';
    setText(cell.value, 'pruned');
    return;
  }
  if (wasPruned) cell.root.classList.remove('pruned');
  const { ground, ink } = heat(state);
  cell.root.style.setProperty('--heat', ground);
  cell.root.style.setProperty('--heat-ink', ink);
  cell.mark.style.transform = `scaleX(${Number.isFinite(state) ? Math.min(1, Math.max(0, state)) : 0})`;
  setText(cell.value, formatAlpha(state));
}
