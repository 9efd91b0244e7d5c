/**
 * Compression (Poli et al., arXiv 2403.17844, appendix B): random tokens, then a compression token. An auto-encoder
 * (`hybrid/autoEncoder.ts`) rebuilds every position out of the last one's state.
 */
import type { MadSource } from '../../../contract/config';
import { madVocabulary } from '../../../models/madTasks';
import type { RandomStream } from '../../../models/random';
import type { Example } from '../examples';
import { IGNORED } from '../ignored';
import { noiseOf } from './noise';

/** Targets are the same in training and testing: the inputs, but for the noise, which isn't to be rebuilt. */
export function compression(source: MadSource, stream: RandomStream): Example {
  const { length } = source;
  const { content, signal } = madVocabulary(source);
  const noise = noiseOf(source, stream);
  const ids: number[] = [];
  const targets: number[] = [];
  for (let position = 0; position < length - 1; position++) {
    if (noise.isNext()) {
      ids.push(noise.token());
      targets.push(IGNORED);
      continue;
    }
    const token = stream.below(content);
    ids.push(token);
    targets.push(token);
  }
  ids.push(signal!);
  targets.push(signal!);
  return { ids, targets };
}
