/** The legend of the heatmap: the colour scale, the marks, and the keys. */
import { heat } from './colour';
import { make } from './dom';
import { makePinIcon } from './icons';

const stops = 20;

export function makeKeys(): HTMLElement {
  const scale = make('span', { class: 'scale', 'aria-hidden': 'true' });
  for (let stop = 0; stop < stops; stop++) {
    const part = make('span', {});
    part.style.background = heat(stop / (stops - 1)).ground;
    scale.append(part);
  }
  const key = (name: string, does: string): HTMLElement =>
    make('span', { class: 'key' }, make('kbd', {}, name), ` ${does}`);
  return make(
    'div',
    { class: 'keys', id: 'heatmap-keys' },
    make('span', { class: 'key scale-key' }, 'α 0', scale, '1'),
    make('span', { class: 'key' }, makePinIcon(), ' pinned'),
    make('span', { class: 'key' }, make('span', { class: 'swatch-pruned' }), ' pruned'),
    make(
      'span',
      { class: 'shortcuts' },
      key('Enter', 'menu'),
      key('P', 'pin'),
      key('U', 'unpin'),
      key('Del', 'prune'),
      key('R', 'restore'),
    ),
  );
}
