/**
 * Fuzzy in-context recall (Poli et al., arXiv 2403.17844, appendix B): keys and values are motifs, ordered choices of
 * different tokens. Values have 1 … `valueMotif` tokens; keys 1 … `keyMotif` in training, and all of `keyMotif` in
 * testing. The last pair repeats one that was shown; padding stands on the left.
 */
import type { MadSource } from '../../../contract/config';
import { madVocabulary } from '../../../models/madTasks';
import type { RandomStream } from '../../../models/random';
import type { Example } from '../examples';
import { IGNORED } from '../ignored';
import { noiseOf } from './noise';
import { shifted } from './shifted';

/**
 * @param training keys of any length, targets are the next tokens; otherwise all tokens of the values of later occurrences
 * of a key (of the last pair alone with a single query)
 */
export function fuzzyRecall(source: MadSource, stream: RandomStream, training: boolean): Example {
  const { length, queries, keyMotif, valueMotif } = source;
  const { keys, values, pad, signal } = madVocabulary(source);
  const noise = noiseOf(source, stream);
  const keySize = () => (training ? 1 + stream.below(keyMotif) : keyMotif);
  const valueSize = () => 1 + stream.below(valueMotif);
  const shown = new Map<string, { readonly key: number[]; readonly value: number[] }>();
  const tokens: number[] = [];
  const scored: number[] = [];
  const push = (key: readonly number[], value: readonly number[], asked: boolean) => {
    tokens.push(...key, ...value);
    scored.push(...key.map(() => IGNORED), ...value.map((token) => (asked ? token : IGNORED)));
  };
  const longest = keyMotif + valueMotif;
  // One token more than positions: the shift takes it. The last pair may be one of the longest.
  const room = length + 1 - longest - (signal === undefined ? 0 : 1);
  // At least one of the pairs that surely find room is no noise, so that there is a key to ask for.
  const kept = stream.below(Math.floor(room / longest));
  for (let pair = 0; tokens.length + longest <= room; pair++) {
    if (pair !== kept && noise.isNext()) {
      const count = keySize() + valueSize();
      for (let each = 0; each < count; each++) tokens.push(noise.token());
      scored.push(...new Array<number>(count).fill(IGNORED));
      continue;
    }
    const key = motif(stream, 0, keys, keySize());
    const name = key.join(' ');
    const seen = shown.get(name);
    const entry = seen ?? { key, value: motif(stream, keys, values, valueSize()) };
    shown.set(name, entry);
    push(key, entry.value, seen !== undefined && queries === 'multiple');
  }
  const entries = [...shown.values()];
  const probe = entries[stream.below(entries.length)]!;
  if (signal !== undefined) {
    tokens.push(signal);
    scored.push(IGNORED);
  }
  push(probe.key, probe.value, true);
  const missing = length + 1 - tokens.length;
  return shifted(
    [...new Array<number>(missing).fill(pad!), ...tokens],
    [...new Array<number>(missing).fill(IGNORED), ...scored],
    training,
  );
}

/** `size` different tokens of first … first + count − 1, in a random order: every such motif is as likely. */
function motif(stream: RandomStream, first: number, count: number, size: number): number[] {
  const chosen: number[] = [];
  while (chosen.length < size) {
    const token = first + stream.below(count);
    if (!chosen.includes(token)) chosen.push(token);
  }
  return chosen;
}
