/** Pin, unpin, prune and restore of one cell: what can be done, its words, and what it asks of the search. Pure. */
import type { BlockControl } from '../server/contract/control';
import type { BlockMarks } from './marks';
import { controlRefusal, type Component } from './selectors';
import type { ControlOutcome, RunData } from './state';
import { formatAlpha } from './format';

export interface CellContext {
  readonly run: RunData;
  readonly components: readonly Component[];
  /** From 0. */
  readonly block: number;
  readonly component: number;
  /** Marks after the newest step, whatever the slider shows. */
  readonly marks: BlockMarks;
}

/** A control, or why there is none. */
export type Ask = { readonly control: BlockControl } | { readonly refusal: string };

const nameOf = ({ components, component }: CellContext): string =>
  components[component]?.name ?? '';

export function pinTo(context: CellContext): Ask {
  return pinWeights(
    context,
    context.components.map((_, m) => (m === context.component ? 1 : 0)),
  );
}

/** A pin at weights by position; they are normalised, since a matrix of α is rounded where it was stored. */
export function pinWeights(context: CellContext, weights: readonly number[]): Ask {
  const refusal = controlRefusal(context.run) ?? prunedIn(context, weights);
  if (refusal !== undefined) return { refusal };
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (!(total > 0)) return { refusal: 'There are no weights to pin yet.' };
  const byName = context.components.map(
    ({ name }, m) => [name, (weights[m] ?? 0) / total] as const,
  );
  return {
    control: { action: 'pin', block: context.block + 1, weights: Object.fromEntries(byName) },
  };
}

function prunedIn(context: CellContext, weights: readonly number[]): string | undefined {
  const m = context.marks.pruned.find((each) => (weights[each] ?? 0) > 0);
  if (m === undefined) return undefined;
  return `${context.components[m]?.name ?? ''} is pruned from block ${context.block + 1}: restore it first.`;
}

export function unpin(context: CellContext): Ask {
  const refusal =
    controlRefusal(context.run) ??
    (context.marks.pinned ? undefined : `Block ${context.block + 1} isn’t pinned.`);
  return refusal === undefined
    ? { control: { action: 'unpin', block: context.block + 1 } }
    : { refusal };
}

export function prune(context: CellContext): Ask {
  const { marks, components, component, block } = context;
  const name = nameOf(context);
  const gone = marks.pruned.includes(component);
  const last = !gone && components.length - marks.pruned.length <= 1;
  const refusal =
    controlRefusal(context.run) ??
    (gone
      ? `${name} is already pruned from block ${block + 1}.`
      : last
        ? `${name} is the last component of block ${block + 1}: a block needs one.`
        : undefined);
  return refusal === undefined
    ? { control: { action: 'prune', block: block + 1, component: name } }
    : { refusal };
}

export function restore(context: CellContext): Ask {
  const { marks, component, block } = context;
  const name = nameOf(context);
  const refusal =
    controlRefusal(context.run) ??
    (!marks.pruned.includes(component)
      ? `${name} isn’t pruned from block ${block + 1}.`
      : marks.prunedByConfig.includes(component)
        ? `${name} is pruned from block ${block + 1} in the config and was never loaded.`
        : undefined);
  return refusal === undefined
    ? { control: { action: 'restore', block: block + 1, component: name } }
    : { refusal };
}

/** What is on its way, for the row's head. */
export function pendingWords(control: BlockControl): string {
  switch (control.action) {
    case 'pin':
      return 'pinning…';
    case 'unpin':
      return 'unpinning…';
    case 'prune':
      return 'pruning…';
    case 'restore':
      return 'restoring…';
  }
}

/** `Block 2 is pinned to neox, after step 40.` */
export function outcomeWords(outcome: ControlOutcome): string {
  const { control, error } = outcome;
  if (error) return `Block ${control.block} stays as it is. ${error.message} ${error.hint}`.trim();
  const when = outcome.step === undefined ? '' : `, after step ${outcome.step}`;
  return `${doneWords(control)}${when}.`;
}

function doneWords(control: BlockControl): string {
  switch (control.action) {
    case 'pin':
      return `Block ${control.block} is pinned to ${weightWords(control.weights)}`;
    case 'unpin':
      return `Block ${control.block} is free again`;
    case 'prune':
      return `${control.component} is pruned from block ${control.block}`;
    case 'restore':
      return `${control.component} is back in block ${control.block}`;
  }
}

/** `neox`, or `neox 0.70, mamba 0.30`. */
export function weightWords(weights: Readonly<Record<string, number>>): string {
  const live = Object.entries(weights).filter(([, weight]) => weight > 0);
  if (live.length === 1) return live[0]![0];
  return live.map(([name, weight]) => `${name} ${formatAlpha(weight)}`).join(', ');
}
