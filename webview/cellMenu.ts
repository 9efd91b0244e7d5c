/** The entries of a cell's menu. */
import {
  pinTo,
  pinWeights,
  prune,
  restore,
  unpin,
  type Ask,
  type CellContext,
} from './blockControls';
import { formatAlpha } from './format';
import type { MenuEntry } from './menu';
import { controlRefusal } from './selectors';

export interface CellMenuHandlers {
  readonly control: (ask: Ask) => void;
  readonly dialog: () => void;
}

/** @param shown α of the block on show, and where they are from (`now`, `step 40`) */
export function cellMenu(
  context: CellContext,
  shown: { readonly weights: readonly number[]; readonly words: string },
  handlers: CellMenuHandlers,
): MenuEntry[] {
  const name = context.components[context.component]?.name ?? '';
  const block = `block ${context.block + 1}`;
  const entry = (text: string, ask: Ask, key?: string): MenuEntry => ({
    text,
    ...(key !== undefined && { key }),
    refusal: 'refusal' in ask ? ask.refusal : undefined,
    onChoose: () => handlers.control(ask),
  });
  const current = shown.weights.map(formatAlpha).join(' / ');
  const toName = pinTo(context);
  const few = shown.weights.length > 0 && shown.weights.length <= 4;
  const pruned = context.marks.pruned.includes(context.component);
  // Where nothing can be done, why stands first.
  const refusal = controlRefusal(context.run);
  const why: MenuEntry[] =
    refusal === undefined ? [] : [{ text: refusal, refusal, onChoose: () => undefined }, 'line'];
  return [
    ...why,
    entry(`Pin ${block} to ${name}`, toName, 'P'),
    entry(
      `Pin ${block} to α ${shown.words}${few ? `: ${current}` : ''}`,
      pinWeights(context, shown.weights),
    ),
    {
      text: `Pin ${block} to weights…`,
      key: 'Shift+P',
      refusal: 'refusal' in toName && !pruned ? toName.refusal : undefined,
      onChoose: handlers.dialog,
    },
    entry(`Unpin ${block}`, unpin(context), 'U'),
    'line',
    pruned
      ? entry(`Restore ${name} in ${block}`, restore(context), 'R')
      : entry(`Prune ${name} from ${block}`, prune(context), 'Delete'),
  ];
}
