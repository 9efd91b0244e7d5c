/** The splits of a Long Range Arena task: examples generated from the task's seed, or the release's files. */
import path from 'node:path';
import type { LraSource } from '../../../contract/config';
import { lraFaults, lraTable } from '../../../models/lraTasks';
import { RandomStream } from '../../../models/random';
import { RunFailure } from '../../failure';
import { inputsHash } from '../examples';
import { LabelledBuilder, type LabelledExample, type LabelledSet } from '../labelled';
import { readSplits } from './files';
import { listops } from './listops';
import { pathfinder } from './pathfinder';

export interface LraSplits {
  readonly train: LabelledSet;
  readonly validation: LabelledSet;
  readonly test: LabelledSet;
}

/** Draws of an example that came out as one known already, before the task is given up. */
const MAX_DRAWS = 1000;

/** A few milliseconds' work. */
const TOKENS_AT_ONCE = 2 ** 15;

/**
 * @param base where the files' folder starts from
 * @throws RunFailure for files that can't be read or aren't the release's, and for knobs that leave too few examples
 * @throws Error for knobs that contradict each other, which the language refuses
 */
export async function lraSplits(source: LraSource, base: string): Promise<LraSplits> {
  if (source.folder === undefined) return generatedSplits(source);
  return readSplits(source, path.resolve(base, source.folder));
}

/** No example twice, in any split (as in the release). Each split has a stream of its own: fewer are the first of more. */
async function generatedSplits(source: LraSource): Promise<LraSplits> {
  const [fault] = lraFaults(source);
  if (fault) throw new Error(fault.message);
  const { task, seed, examples = 0, testExamples = 0 } = source;
  const draw = exampleMaker(source);
  const known = new Set<number>();
  const splitOf = async (split: keyof LraSplits, count: number): Promise<LabelledSet> => {
    const stream = RandomStream.named(seed, `lra/${task}/${split}`);
    const { sequences } = lraTable(task).classifier;
    const builder = new LabelledBuilder({ length: source.length, sequences });
    let paused = 0;
    while (builder.count < count) {
      builder.add(newExample(source, known, () => draw(stream)));
      if (builder.tokens - paused < TOKENS_AT_ONCE) continue;
      paused = builder.tokens;
      // Controls and sockets get their turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return builder.build();
  };
  return {
    train: await splitOf('train', examples),
    validation: await splitOf('validation', testExamples),
    test: await splitOf('test', testExamples),
  };
}

/** One that isn't among `known`, and is from now on. */
function newExample(
  source: LraSource,
  known: Set<number>,
  draw: () => LabelledExample | undefined,
): LabelledExample {
  for (let tries = 0; tries < MAX_DRAWS; tries++) {
    const example = draw();
    if (example === undefined) break;
    // By hash: where two different inputs share one, the second is drawn again, and nothing else happens.
    const hash = inputsHash({ ids: example.sequences[0]! });
    if (known.has(hash)) continue;
    known.add(hash);
    return example;
  }
  throw tooFew(source);
}

function tooFew({ task }: LraSource): RunFailure {
  return new RunFailure(
    'lra-examples-rare',
    `\`${task}\` with these knobs has too few different examples: no new one came out of very many draws.`,
    task === 'listops'
      ? 'Give `data.train.lra` a smaller `minLength`, a larger `length`, `depth` or `arguments`, or fewer `examples`.'
      : 'Give `data.train.lra` a smaller `contour`.',
  );
}

type ExampleMaker = (stream: RandomStream) => LabelledExample | undefined;

function exampleMaker(source: LraSource): ExampleMaker {
  switch (source.task) {
    case 'listops':
      return (stream) => listops(source, stream);
    case 'pathfinder32':
    case 'pathfinder64':
    case 'pathfinder128':
      return (stream) => pathfinder(source, stream);
    case 'text':
    case 'retrieval':
    case 'image':
      throw new Error(`${source.task} has no examples without files`);
  }
}
