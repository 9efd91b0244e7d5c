/** The release's files of every task, as splits. */
import type { LraSource } from '../../../contract/config';
import { lraTable, MAX_LRA_TOKENS } from '../../../models/lraTasks';
import { RunFailure } from '../../failure';
import { LabelledBuilder, type LabelledExample, type LabelledSet } from '../labelled';
import { imageEntries } from './cifar';
import type { LraSplits } from './dataset';
import type { LineReader, ListedSplits } from './listed';
import { listopsLine, LISTOPS_FILES } from './listopsFiles';
import { pathfinderEntries } from './pathfinderFiles';
import { ReleaseFolder } from './releaseFolder';
import { pairLine, RETRIEVAL_FILES } from './retrieval';
import { reviewEntries } from './reviews';

/** Small files that are open at once. */
const READ_AT_ONCE = 32;

/** @throws RunFailure for files that can't be read or aren't the release's */
export async function readSplits(source: LraSource, root: string): Promise<LraSplits> {
  const folder = new ReleaseFolder(root);
  switch (source.task) {
    case 'listops':
      return readLines(source, folder, LISTOPS_FILES, listopsLine(source, folder));
    case 'retrieval':
      return readLines(source, folder, RETRIEVAL_FILES, pairLine(source, folder));
    case 'text':
      return readListed(source, await reviewEntries(source, folder));
    case 'image':
      return readListed(source, await imageEntries(folder));
    case 'pathfinder32':
    case 'pathfinder64':
    case 'pathfinder128':
      return readListed(source, await pathfinderEntries(source, folder));
  }
}

async function readListed(source: LraSource, listed: ListedSplits): Promise<LraSplits> {
  return eachSplit(async (split) => {
    const builder = builderFor(source);
    const entries = listed[split].slice(0, wanted(source, split));
    for (let first = 0; first < entries.length; first += READ_AT_ONCE) {
      const some = entries.slice(first, first + READ_AT_ONCE);
      for (const example of await Promise.all(some.map((entry) => entry()))) {
        if (example) addTo(builder, example);
      }
    }
    return whole(builder, split);
  });
}

async function readLines(
  source: LraSource,
  folder: ReleaseFolder,
  files: Readonly<Record<keyof LraSplits, string>>,
  read: LineReader,
): Promise<LraSplits> {
  return eachSplit(async (split) => {
    const builder = builderFor(source);
    const most = wanted(source, split);
    for await (const line of folder.lines(files[split])) {
      if (builder.count >= most) break;
      const example = read(line, files[split]);
      if (example) addTo(builder, example);
    }
    return whole(builder, split);
  });
}

async function eachSplit(
  read: (split: keyof LraSplits) => Promise<LabelledSet>,
): Promise<LraSplits> {
  return {
    train: await read('train'),
    validation: await read('validation'),
    test: await read('test'),
  };
}

function wanted({ examples, testExamples }: LraSource, split: keyof LraSplits): number {
  return (split === 'train' ? examples : testExamples) ?? Number.POSITIVE_INFINITY;
}

function builderFor({ task, length }: LraSource): LabelledBuilder {
  return new LabelledBuilder({ length, sequences: lraTable(task).classifier.sequences });
}

function addTo(builder: LabelledBuilder, example: LabelledExample): void {
  builder.add(example);
  if (builder.tokens <= MAX_LRA_TOKENS) return;
  throw new RunFailure(
    'data-too-large',
    'The files hold more tokens than the memory that examples are given.',
    'Read fewer of them: `examples` and `testExamples` in `data.train.lra`.',
  );
}

function whole(builder: LabelledBuilder, split: string): LabelledSet {
  if (builder.count > 0) return builder.build();
  throw new RunFailure(
    'data-empty',
    `The files hold no ${split} example.`,
    'Get the data set’s files again, and name the folder that holds them in `data.train.lra.folder`.',
  );
}
