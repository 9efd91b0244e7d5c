/** The splits of a run, whatever its data are: token ids of a text, or examples of a synthetic task. */
import { createHash } from 'node:crypto';
import type { ResolvedConfig } from '../../contract/config';
import { isTask } from '../../models/tasks';
import { lraSplits } from './lra/dataset';
import { madSplits } from './mad/dataset';
import { hashSplit, partOf, type Split } from './split';
import { loadTextData, type LoadOptions, type PretrainData } from './text';
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
  options: LoadOptions,
): Promise<TaskData> {
  const { train: source } = config.data;
  if (!isTask(source)) return loadTextData(config, base, await tokenizer(), options);
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

/** SHA-256 over the ids (and targets) of all splits, in hexadecimal: tells whether a resumed run sees what it saw. */
export async function digestOf(data: TaskData): Promise<string> {
  const { searchTrain, heldOut, validation, test, pretrain } = data;
  const hash = createHash('sha256');
  const general = pretrain ? [pretrain.train, pretrain.validation] : [];
  for (const split of [searchTrain, heldOut, validation, test, ...general]) {
    await hashSplit(hash, split);
  }
  return hash.digest('hex');
}
