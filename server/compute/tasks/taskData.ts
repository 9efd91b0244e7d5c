/** The splits of a run, whatever its data are: token ids of a text, or examples of a synthetic task. */
import { createHash } from 'node:crypto';
import type { ResolvedConfig } from '../../contract/config';
import { isTask } from '../../models/tasks';
import type { Split } from './batches';
import { examplesOf, type ExampleSet } from './examples';
import { labelledOf, type LabelledSet } from './labelled';
import { lraSplits } from './lra/dataset';
import { madSplits } from './mad/dataset';
import { loadTextData, type PretrainData } from './text';
import type { TextTokenizer } from './tokens';

/** No two of train, validation and heldOut share a token or an example. */
export interface TaskData {
  /** What fine-tuning and baselines train on: `searchTrain` followed by `heldOut`. */
  readonly train: Split;
  /** What θ sees in the search; all of `train` unless the schedule is `bilevel`. */
  readonly searchTrain: Split;
  /** What a sees in a `bilevel` search. */
  readonly heldOut: Split | undefined;
  readonly validation: Split;
  readonly test: Split | undefined;
  /** General text for the projectors, and the part of it that they are evaluated on. */
  readonly pretrain?: PretrainData;
}

/**
 * Reads and encodes a text, or makes a task's examples.
 * @param tokenizer asked for a text alone
 * @throws RunFailure for files that can't be read, too little text, and tasks with too few different examples
 */
export async function loadTaskData(
  config: Pick<ResolvedConfig, 'data' | 'search' | 'hybrid'>,
  base: string,
  tokenizer: () => Promise<TextTokenizer>,
): Promise<TaskData> {
  const { train: source } = config.data;
  if (!isTask(source)) return loadTextData(config, base, await tokenizer());
  const { train, validation, test } =
    source.kind === 'mad' ? await madSplits(source) : await lraSplits(source, base);
  const { schedule, heldOut } = config.search;
  const cut =
    schedule === 'bilevel' ? train.count - Math.floor(train.count * heldOut) : train.count;
  return {
    train,
    searchTrain: partOf(train, 0, cut),
    heldOut: schedule === 'bilevel' ? partOf(train, cut, train.count) : undefined,
    validation,
    test,
  };
}

const partOf = (set: ExampleSet | LabelledSet, first: number, end: number) =>
  'labels' in set ? labelledOf(set, first, end) : examplesOf(set, first, end);

/** Node hashes at most 2 GiB at once. */
const HASHED_AT_ONCE = 2 ** 30;

/** SHA-256 over the ids (and targets) of all splits, in hexadecimal: tells whether a resumed run sees what it saw. */
export function digestOf({ searchTrain, heldOut, validation, test, pretrain }: TaskData): string {
  const hash = createHash('sha256');
  const general = pretrain ? [pretrain.train, pretrain.validation] : [];
  for (const split of [searchTrain, heldOut, validation, test, ...general]) {
    for (const ids of arraysOf(split)) {
      hash.update(`${ids?.length ?? -1};`);
      for (let at = 0; ids && at < ids.byteLength; at += HASHED_AT_ONCE) {
        const bytes = Math.min(HASHED_AT_ONCE, ids.byteLength - at);
        hash.update(new Uint8Array(ids.buffer, ids.byteOffset + at, bytes));
      }
    }
  }
  return hash.digest('hex');
}

function arraysOf(split: Split | undefined) {
  if (split === undefined) return [undefined];
  if (split instanceof Int32Array) return [split];
  return 'labels' in split ? [split.ids, split.starts, split.labels] : [split.ids, split.targets];
}
