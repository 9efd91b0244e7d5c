/** Knobs of MAD tasks for tests: small, and any that are possible. */
import fc from 'fast-check';
import type { MadSource, MadTask } from '../../../../server/contract/config';
import {
  leastLength,
  leastVocabulary,
  MAD_TASKS,
  madTable,
} from '../../../../server/models/madTasks';
import { RandomStream } from '../../../../server/models/random';

/** The task at its defaults but for `knobs`. */
export function madSource(task: MadTask, knobs: Partial<MadSource> = {}): MadSource {
  return { kind: 'mad', task, ...madTable(task).defaults, ...knobs };
}

/** Any possible knobs of the tasks, small. */
export function sources(...tasks: readonly MadTask[]): fc.Arbitrary<MadSource> {
  return fc
    .record({
      task: fc.constantFrom(...(tasks.length > 0 ? tasks : MAD_TASKS)),
      seed: fc.nat(),
      queries: fc.constantFrom('multiple' as const, 'single' as const),
      noise: fc.constantFrom(0, 0.2, 0.8),
      noiseVocabulary: fc.integer({ min: 1, max: 5 }),
      keyMotif: fc.integer({ min: 1, max: 3 }),
      valueMotif: fc.integer({ min: 1, max: 3 }),
      copy: fc.integer({ min: 1, max: 9 }),
      moreTokens: fc.integer({ min: 0, max: 20 }),
      moreLength: fc.integer({ min: 0, max: 30 }),
    })
    .map(({ task, moreTokens, moreLength, ...knobs }) => {
      const { knobs: own, defaults } = madTable(task);
      const meant = Object.fromEntries(
        Object.entries(knobs).filter(([name]) => name === 'seed' || own.includes(name as never)),
      );
      const source: MadSource = {
        kind: 'mad',
        task,
        ...defaults,
        ...meant,
        examples: 4,
        testExamples: 3,
      };
      const length = leastLength(source) + moreLength;
      const isOfPairs = /^((noisy-)?in-context-recall|memorization)$/.test(task);
      return {
        ...source,
        vocabulary: leastVocabulary(source) + moreTokens,
        length: isOfPairs ? length + (length % 2) : length,
      };
    });
}

export const streamOf = (seed: number) => RandomStream.named(seed, 'test');
