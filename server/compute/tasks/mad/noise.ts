import type { MadSource } from '../../../contract/config';
import { madVocabulary } from '../../../models/madTasks';
import type { RandomStream } from '../../../models/random';

/** Noise of a MAD sequence: whether the next piece of it is noise, and a token of that. Each draws from `stream`. */
export function noiseOf(source: MadSource, stream: RandomStream) {
  const { noise, noiseVocabulary } = source;
  const first = madVocabulary(source).noise;
  return {
    isNext: (): boolean => noise > 0 && stream.uniform() < noise,
    token: (): number => first + stream.below(noiseVocabulary),
  };
}
