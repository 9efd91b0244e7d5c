/** What happened between two lists of runs. Pure. */
import type { RunListEntry } from '../../server/contract/runViews';
import { isActive } from './runText';

export interface RunChange {
  readonly run: RunListEntry;
  readonly was: RunListEntry['state'] | undefined;
}

/** Runs whose state is another one, or that are new. */
export function stateChanges(
  before: readonly RunListEntry[],
  after: readonly RunListEntry[],
): readonly RunChange[] {
  const was = new Map(before.map((run) => [run.dir, run.state]));
  return after
    .filter((run) => was.get(run.dir) !== run.state)
    .map((run) => ({ run, was: was.get(run.dir) }));
}

/** Runs that were active and are not any more: their end is news. */
export function ended(changes: readonly RunChange[]): readonly RunListEntry[] {
  return changes
    .filter(({ run, was }) => was !== undefined && isActive(was) && !isActive(run.state))
    .map(({ run }) => run);
}

/** Newest first; runs without a readable date last. */
export function newestFirst(runs: readonly RunListEntry[]): readonly RunListEntry[] {
  const time = (run: RunListEntry): number => {
    const value = Date.parse(run.startedAt);
    return Number.isNaN(value) ? -Infinity : value;
  };
  return runs.toSorted((a, b) => {
    const difference = time(b) - time(a);
    return difference === 0 || Number.isNaN(difference) ? b.name.localeCompare(a.name) : difference;
  });
}
