/** Small architecture states, and changes to them, for the tests of this folder. */
import assert from 'node:assert/strict';
import {
  initialArchitecture,
  type ArchitectureState,
  type SearchAlgorithm,
} from '../../../server/compute/search/architecture';
import { applyChange, type BlockChange } from '../../../server/compute/search/pinPrune';

export const NAMES = ['neox', 'mamba', 'gpt2'];
export const ALGORITHMS: readonly SearchAlgorithm[] = ['darts', 'gaea', 'dash', 'fixed'];

/** Blocks with all three components live, at these initial α. */
export function start(algorithm: SearchAlgorithm, initial: number[][]): ArchitectureState {
  return initialArchitecture(
    { algorithm, temperature: 1 },
    initial.map((row) => ({ live: [0, 1, 2], pinned: undefined, initial: row })),
  );
}

export const uniform = () => [1 / 3, 1 / 3, 1 / 3];

/** The state after changes that must all be accepted. */
export function changed(state: ArchitectureState, ...changes: BlockChange[]): ArchitectureState {
  return changes.reduce((current, change) => {
    const outcome = applyChange(current, change, NAMES);
    assert.ok(outcome.ok, outcome.ok ? '' : outcome.refusal.message);
    return outcome.state;
  }, state);
}

export function refusal(state: ArchitectureState, change: BlockChange): string {
  const outcome = applyChange(state, change, NAMES);
  assert.ok(!outcome.ok, 'the change was accepted');
  assert.ok(outcome.refusal.message.length > 10);
  return outcome.refusal.code;
}

export function close(
  found: readonly number[],
  expected: readonly number[],
  tolerance = 1e-12,
): void {
  assert.equal(found.length, expected.length);
  found.forEach((value, m) =>
    assert.ok(
      Math.abs(value - expected[m]!) <= tolerance,
      `${found.join(', ')} is not ${expected.join(', ')}`,
    ),
  );
}
