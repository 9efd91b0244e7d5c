import type { CellState, SweepEnd } from '../../contract/sweep';

/** How a sweep stands whose cells nobody works on. */
export function endOf(states: readonly CellState[]): SweepEnd {
  if (states.some((state) => state === 'failed' || state === 'lost')) return 'failed';
  return states.every((state) => state === 'done') ? 'done' : 'stopped';
}
