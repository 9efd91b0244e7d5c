/**
 * Pin and prune: changes of one block's architecture between two steps. Pure; a change that can't be made is
 * a refusal with a sentence, never an exception and never a NaN.
 */
import { normaliseOver } from './architecture';
import type { ArchitectureState, BlockArchitecture } from './architecture';

/** Block and component by position, from 0. */
export type BlockChange =
  | { readonly action: 'pin'; readonly block: number; readonly weights: readonly number[] }
  | { readonly action: 'unpin'; readonly block: number }
  | { readonly action: 'prune'; readonly block: number; readonly component: number }
  | { readonly action: 'restore'; readonly block: number; readonly component: number };

export interface Refusal {
  readonly code: string;
  readonly message: string;
}

export type ChangeOutcome =
  | { readonly ok: true; readonly state: ArchitectureState; readonly change: BlockChange }
  | { readonly ok: false; readonly refusal: Refusal };

/** Largest distance of a pin's sum from 1. */
const PIN_TOLERANCE = 1e-6;

/** The state after `change`; a pin's weights come back normalised, as they are recorded. `names`: components by position. */
export function applyChange(
  state: ArchitectureState,
  change: BlockChange,
  names: readonly string[],
): ChangeOutcome {
  const block = state.blocks[change.block];
  if (block === undefined) {
    return refuse(
      'unknown-block',
      `There is no block ${change.block + 1}: blocks are 1 to ${state.blocks.length}.`,
    );
  }
  switch (change.action) {
    case 'pin':
      return pin(state, block, change, names);
    case 'unpin':
      if (block.pinned === undefined) {
        return refuse('not-pinned', `Block ${change.block + 1} is not pinned.`);
      }
      return accept(state, change, { ...block, pinned: undefined });
    case 'prune':
      return prune(state, block, change, names);
    case 'restore':
      return restore(state, block, change, names);
  }
}

function pin(
  state: ArchitectureState,
  block: BlockArchitecture,
  change: BlockChange & { readonly action: 'pin' },
  names: readonly string[],
): ChangeOutcome {
  const { weights } = change;
  const where = `block ${change.block + 1}`;
  if (weights.length !== names.length || weights.some((w) => !Number.isFinite(w) || w < 0)) {
    return refuse('pin-weights', `A pin takes one weight of at least 0 a component.`);
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (Math.abs(total - 1) > PIN_TOLERANCE) {
    return refuse('pin-sum', `The weights of a pin sum to 1, these to ${total}.`);
  }
  const pruned = weights.findIndex((weight, m) => weight > 0 && !block.live[m]);
  if (pruned >= 0) {
    return refuse(
      'component-pruned',
      `${names[pruned]!} is pruned from ${where}: restore it first.`,
    );
  }
  const pinned = weights.map((weight) => weight / total);
  return accept(state, { ...change, weights: pinned }, { ...block, pinned });
}

function prune(
  state: ArchitectureState,
  block: BlockArchitecture,
  change: BlockChange & { readonly action: 'prune' },
  names: readonly string[],
): ChangeOutcome {
  const m = change.component;
  const name = names[m];
  const where = `block ${change.block + 1}`;
  if (name === undefined) return unknownComponent(m);
  if (!block.live[m]) return refuse('component-pruned', `${name} is already pruned from ${where}.`);
  const live = block.live.map((alive, other) => alive && other !== m);
  if (!live.includes(true)) {
    return refuse(
      'last-component',
      `${name} is the last component of ${where}: a block needs one. Restore another first.`,
    );
  }
  if (block.pinned !== undefined && block.pinned.every((w, other) => other === m || w === 0)) {
    return refuse(
      'component-pinned',
      `${where} is pinned to ${name} alone: unpin it, or pin another, first.`,
    );
  }
  const onSimplex = state.algorithm === 'gaea' || state.algorithm === 'fixed';
  const rest = onSimplex ? normaliseOver(live, block.a) : block.a;
  return accept(state, change, {
    // The pruned entry keeps its value: parked.
    a: rest.map((value, other) => (live[other] ? value : block.a[other]!)),
    live,
    pinned: block.pinned === undefined ? undefined : normaliseOver(live, block.pinned),
  });
}

function restore(
  state: ArchitectureState,
  block: BlockArchitecture,
  change: BlockChange & { readonly action: 'restore' },
  names: readonly string[],
): ChangeOutcome {
  const m = change.component;
  const name = names[m];
  if (name === undefined) return unknownComponent(m);
  if (block.live[m]) {
    return refuse('not-pruned', `${name} is not pruned from block ${change.block + 1}.`);
  }
  const live = block.live.map((alive, other) => alive || other === m);
  const onSimplex = state.algorithm === 'gaea' || state.algorithm === 'fixed';
  // On the simplex the others make room again for the parked share. A component that the config had pruned never had
  // one: `gaea` gives it an equal part (from 0, an exponentiated gradient would hardly leave), `fixed` leaves it at 0.
  const parked = block.a[m]!;
  const share =
    parked === 0 && state.algorithm === 'gaea' ? 1 / live.filter(Boolean).length : parked;
  const a = block.a.map((value, other) => {
    if (!onSimplex) return value;
    if (other === m) return share;
    return block.live[other] ? value * (1 - share) : value;
  });
  return accept(state, change, { a, live, pinned: block.pinned });
}

function accept(
  state: ArchitectureState,
  change: BlockChange,
  block: BlockArchitecture,
): ChangeOutcome {
  const blocks = state.blocks.map((old, i) => (i === change.block ? block : old));
  return { ok: true, state: { ...state, blocks }, change };
}

function unknownComponent(component: number): ChangeOutcome {
  return refuse('unknown-component', `There is no component at position ${component}.`);
}

function refuse(code: string, message: string): ChangeOutcome {
  return { ok: false, refusal: { code, message } };
}
