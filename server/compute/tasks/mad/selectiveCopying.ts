/**
 * Selective copying (Poli et al., arXiv 2403.17844, appendix B; Gu and Dao, arXiv 2312.00752): tokens to copy, scattered
 * among blanks anywhere before the copy token; behind it as many blanks, where they are asked for in their order.
 */
import type { MadSource } from '../../../contract/config';
import { madVocabulary } from '../../../models/madTasks';
import type { RandomStream } from '../../../models/random';
import type { Example } from '../examples';
import { IGNORED } from '../ignored';

/** Targets are the same in training and testing. */
export function selectiveCopying(source: MadSource, stream: RandomStream): Example {
  const { length, copy } = source;
  const { content, blank, signal } = madVocabulary(source);
  const before = length - copy - 1;
  const tokens = Array.from({ length: copy }, () => stream.below(content));
  const ids = new Array<number>(length).fill(blank!);
  // Every choice of places is as likely: a place takes a token with the share of the places left that tokens need.
  let placed = 0;
  for (let place = 0; place < before && placed < copy; place++) {
    if (stream.below(before - place) < copy - placed) ids[place] = tokens[placed++]!;
  }
  ids[before] = signal!;
  const targets = new Array<number>(before + 1).fill(IGNORED);
  return { ids, targets: [...targets, ...tokens] };
}
