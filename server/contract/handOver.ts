/** What seeds say of one kind of α right after the search. */
import type { HandOver } from './events';

/**
 * The entries of one kind, a seed each; none where no seed has one. A seed without its own had α as hard as that already, or
 * nothing to drop: its soft entry stands for it, so that means are over the same seeds for every kind.
 */
export function handOverEntries(
  entries: readonly HandOver[],
  kind: HandOver['alphas'],
): readonly HandOver[] {
  const own = entries.filter(({ alphas }) => alphas === kind);
  const [first] = own;
  if (first === undefined) return [];
  const { threshold } = first;
  return entries
    .filter(({ alphas }) => alphas === 'soft')
    .map(
      (soft) =>
        own.find(({ seed }) => seed === soft.seed) ?? {
          ...soft,
          alphas: kind,
          ...(threshold === undefined ? {} : { threshold }),
        },
    );
}
