/** The splits of a MAD task: drawn from the task's seed, no test example being one of those trained on. */
import type { MadSource } from '../../../contract/config';
import { madContext, madFaults } from '../../../models/madTasks';
import { RandomStream } from '../../../models/random';
import { RunFailure } from '../../failure';
import { drawExamples, inputsHash, type Example, type ExampleSet } from '../examples';
import { compression } from './compression';
import { fuzzyRecall } from './fuzzyRecall';
import { inContextRecall } from './inContextRecall';
import { memorization, memorizationMap } from './memorization';
import { selectiveCopying } from './selectiveCopying';

export interface MadSplits {
  readonly train: ExampleSet;
  readonly validation: ExampleSet;
  readonly test: ExampleSet;
}

/** Draws of a test example that came out as one known already, before the task is given up. */
const MAX_DRAWS = 1000;

/**
 * Validation and test follow the rule of testing. Each split has a stream of its own, so that fewer examples are the first
 * of more.
 * @throws RunFailure `mad-examples-repeat` when there are too few different sequences to keep test and training apart
 * @throws Error for knobs that contradict each other, which the language refuses
 */
export async function madSplits(source: MadSource): Promise<MadSplits> {
  const [fault] = madFaults(source);
  if (fault) throw new Error(fault.message);
  const length = madContext(source);
  const draw = exampleMaker(source);
  const streamOf = (split: keyof MadSplits) =>
    RandomStream.named(source.seed, `mad/${source.task}/${split}`);
  // By hash: where two different inputs share one, the second is drawn again, and nothing else happens.
  const known = new Set<number>();
  const stream = streamOf('train');
  const train = await drawExamples(source.examples, length, () => {
    const example = draw(stream, true);
    known.add(inputsHash(example));
    return example;
  });
  const apart = async (split: 'validation' | 'test'): Promise<ExampleSet> => {
    const own = streamOf(split);
    const added: number[] = [];
    const set = await drawExamples(source.testExamples, length, () => {
      const { example, hash } = newExample(source, known, () => draw(own, false));
      added.push(hash);
      return example;
    });
    // Two test examples may be alike; a test and a validation example may not.
    for (const hash of added) known.add(hash);
    return set;
  };
  const validation = await apart('validation');
  return { train, validation, test: await apart('test') };
}

function newExample(
  { task, length, vocabulary }: MadSource,
  known: ReadonlySet<number>,
  draw: () => Example,
): { readonly example: Example; readonly hash: number } {
  for (let tries = 0; tries < MAX_DRAWS; tries++) {
    const example = draw();
    const hash = inputsHash(example);
    if (!known.has(hash)) return { example, hash };
  }
  throw new RunFailure(
    'mad-examples-repeat',
    `\`${task}\` with ${vocabulary} tokens and a length of ${length} has too few different sequences to test on ones that weren't trained on.`,
    'Give `data.train.mad` a larger `length` or `vocabulary`, or fewer `examples`.',
  );
}

function exampleMaker(source: MadSource): (stream: RandomStream, training: boolean) => Example {
  switch (source.task) {
    case 'in-context-recall':
    case 'noisy-in-context-recall':
      return (stream, training) => inContextRecall(source, stream, training);
    case 'fuzzy-in-context-recall':
      return (stream, training) => fuzzyRecall(source, stream, training);
    case 'memorization': {
      const map = memorizationMap(source);
      return (stream) => memorization(source, map, stream);
    }
    case 'compression':
      return (stream) => compression(source, stream);
    case 'selective-copying':
      return (stream) => selectiveCopying(source, stream);
  }
}
