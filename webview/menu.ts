/** A menu at a place of the page, by mouse and keyboard (WAI-ARIA menu pattern). One is open at a time. */
import { landmark, make } from './dom';
import { makeIcon } from './icons';

export interface MenuItem {
  readonly text: string;
  /** A key that does the same, for display. */
  readonly key?: string;
  /** Why it can't be done now. */
  readonly refusal?: string | undefined;
  readonly onChoose: () => void;
}

export type MenuEntry = MenuItem | 'line';

let close: (() => void) | undefined;

export const closeMenu = (): void => close?.();

/**
 * Opens a menu under (or, where there is no room, above) `at`. `onClose` puts the focus back; it is not called when
 * an item was chosen, which has its own place for the focus.
 */
export function openMenu(
  label: string,
  entries: readonly MenuEntry[],
  at: DOMRect,
  onClose: () => void,
): void {
  closeMenu();
  const root = make('div', { class: 'menu', role: 'menu', 'aria-label': label, tabindex: -1 });
  const items: HTMLElement[] = [];
  const shut = (): void => {
    if (!root.isConnected) return;
    close = undefined;
    document.removeEventListener('pointerdown', onOutside, true);
    removeEventListener('blur', dismiss);
    removeEventListener('resize', dismiss);
    root.remove();
  };
  const dismiss = (): void => {
    shut();
    onClose();
  };
  const onOutside = (event: Event): void => {
    if (!(event.target instanceof Node) || !root.contains(event.target)) shut();
  };
  for (const entry of entries) {
    if (entry === 'line') {
      root.append(make('div', { class: 'line', role: 'separator' }));
      continue;
    }
    const item = makeItem(entry);
    item.addEventListener('click', () => {
      if (entry.refusal !== undefined) return;
      dismiss();
      entry.onChoose();
    });
    item.addEventListener('pointerenter', () => item.focus());
    items.push(item);
    root.append(item);
  }
  root.addEventListener('keydown', (event) => {
    event.stopPropagation();
    onMenuKey(event, items, dismiss);
  });
  landmark().append(root);
  placeMenu(root, at);
  close = shut;
  document.addEventListener('pointerdown', onOutside, true);
  addEventListener('blur', dismiss);
  addEventListener('resize', dismiss);
  (items.find((item) => item.getAttribute('aria-disabled') !== 'true') ?? items[0])?.focus();
}

function makeItem(entry: MenuItem): HTMLElement {
  return make(
    'div',
    {
      role: 'menuitem',
      class: 'menu-item',
      tabindex: -1,
      'aria-disabled': entry.refusal !== undefined ? 'true' : undefined,
      'aria-keyshortcuts': entry.key,
      title: entry.refusal,
    },
    make('span', { class: 'menu-text' }, entry.text),
    entry.key === undefined
      ? undefined
      : make('kbd', { 'aria-hidden': 'true' }, entry.key === 'Delete' ? 'Del' : entry.key),
  );
}

function onMenuKey(event: KeyboardEvent, items: readonly HTMLElement[], dismiss: () => void): void {
  const at = items.findIndex((item) => item === document.activeElement);
  const go = (to: number): void => items[(to + items.length) % items.length]?.focus();
  switch (event.key) {
    case 'ArrowDown':
      go(at + 1);
      break;
    case 'ArrowUp':
      go(at < 0 ? items.length - 1 : at - 1);
      break;
    case 'Home':
      go(0);
      break;
    case 'End':
      go(items.length - 1);
      break;
    case 'Enter':
    case ' ':
      items[at]?.click();
      break;
    case 'Escape':
    case 'Tab':
      dismiss();
      break;
    default:
      if (event.key.length !== 1) return;
      jumpTo(event.key, items, at);
  }
  event.preventDefault();
}

/** The next item that begins with the letter. */
function jumpTo(letter: string, items: readonly HTMLElement[], at: number): void {
  for (let offset = 1; offset <= items.length; offset++) {
    const item = items[(at + offset) % items.length];
    if (item?.textContent.toLowerCase().startsWith(letter.toLowerCase())) {
      item.focus();
      return;
    }
  }
}

function placeMenu(root: HTMLElement, at: DOMRect): void {
  const { width, height } = root.getBoundingClientRect();
  const gap = 4;
  const below = at.bottom + gap;
  const top = below + height <= innerHeight ? below : Math.max(gap, at.top - gap - height);
  const left = Math.max(gap, Math.min(at.left, innerWidth - width - gap));
  root.style.top = `${top}px`;
  root.style.left = `${left}px`;
}

/** A button that opens a menu. */
export function makeMenuButton(
  text: string,
  title: string,
  entries: () => readonly MenuEntry[],
): HTMLElement {
  const button = make(
    'button',
    { type: 'button', class: 'menu-button', 'aria-haspopup': 'menu', title },
    makeIcon('share'),
    text,
    makeIcon('chevron'),
  );
  const open = (): void =>
    openMenu(text, entries(), button.getBoundingClientRect(), () => button.focus());
  button.addEventListener('click', open);
  button.addEventListener('keydown', (event) => {
    if (event.key !== 'ArrowDown') return;
    event.preventDefault();
    open();
  });
  return button;
}
