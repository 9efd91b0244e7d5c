/**
 * Memorization (Poli et al., arXiv 2403.17844, appendix B): one fixed random map from keys to values for all examples of
 * all splits. It never stands in a sequence: keys alternate with an insert token, at which the key's value is the target.
 */
import type { MadSource } from '../../../contract/config';
import { madVocabulary } from '../../../models/madTasks';
import { RandomStream } from '../../../models/random';
import type { Example } from '../examples';
import { IGNORED } from '../ignored';
import { noiseOf } from './noise';

/** The value of each key; no two keys share one. */
export function memorizationMap(source: MadSource): Int32Array {
  const { keys, values } = madVocabulary(source);
  const shuffled = Int32Array.from({ length: values }, (_, index) => keys + index);
  RandomStream.named(source.seed, 'mad/memorization/map').shuffle(shuffled);
  return shuffled.subarray(0, keys);
}

/** @param map of `memorizationMap`. Targets are the same in training and testing. */
export function memorization(source: MadSource, map: Int32Array, stream: RandomStream): Example {
  const { keys, signal } = madVocabulary(source);
  const noise = noiseOf(source, stream);
  const ids: number[] = [];
  const targets: number[] = [];
  const pairs = source.length / 2;
  // At least this one asks for a value.
  const kept = stream.below(pairs);
  for (let pair = 0; pair < pairs; pair++) {
    if (pair !== kept && noise.isNext()) {
      ids.push(noise.token(), noise.token());
      targets.push(IGNORED, IGNORED);
      continue;
    }
    const key = stream.below(keys);
    ids.push(key, signal!);
    targets.push(IGNORED, map[key]!);
  }
  return { ids, targets };
}
