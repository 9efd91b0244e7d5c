/**
 * In-context recall, with and without noise (Poli et al., arXiv 2403.17844, appendix B).
 * A sequence of (key, value) pairs, in which a key keeps its value; the last pair repeats a key that was shown. With a
 * single query a copy prefix stands before that pair. A noisy sequence has pairs of noise tokens in the place of some.
 */
import type { MadSource } from '../../../contract/config';
import { madVocabulary } from '../../../models/madTasks';
import type { RandomStream } from '../../../models/random';
import type { Example } from '../examples';
import { IGNORED } from '../ignored';
import { noiseOf } from './noise';
import { shifted } from './shifted';

/**
 * @param training targets are the next tokens; otherwise the values of later occurrences of a key (of the last pair alone
 * with a single query)
 */
export function inContextRecall(
  source: MadSource,
  stream: RandomStream,
  training: boolean,
): Example {
  const { length, queries } = source;
  const vocabulary = madVocabulary(source);
  const noise = noiseOf(source, stream);
  const tokens: number[] = [];
  const scored: number[] = [];
  const values = new Map<number, number>();
  const pairs = length / 2 - 1;
  // At least this one is a pair, so that there is a key to ask for.
  const kept = stream.below(pairs);
  for (let pair = 0; pair < pairs; pair++) {
    if (pair !== kept && noise.isNext()) {
      tokens.push(noise.token(), noise.token());
      scored.push(IGNORED, IGNORED);
      continue;
    }
    const key = stream.below(vocabulary.keys);
    const seen = values.get(key);
    const value = seen ?? vocabulary.keys + stream.below(vocabulary.values);
    values.set(key, value);
    tokens.push(key, value);
    scored.push(IGNORED, seen === undefined || queries === 'single' ? IGNORED : value);
  }
  const shown = [...values.keys()];
  const probe = shown[stream.below(shown.length)]!;
  if (vocabulary.signal !== undefined) {
    tokens.push(vocabulary.signal);
    scored.push(IGNORED);
  }
  tokens.push(probe, values.get(probe)!);
  scored.push(IGNORED, values.get(probe)!);
  return shifted(tokens, scored, training);
}
