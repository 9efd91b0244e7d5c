/** Language modelling on text files: what `data` in the config asks for, as token sequences. */
import type { DataSource, ResolvedConfig, TaskSource } from '../../contract/config';
import { isTask } from '../../models/tasks';
import { readText } from './textSource';
import type { ReadProgress } from './textSource';
import { cutTail, encodeDocuments } from './tokens';
import type { TextTokenizer } from './tokens';

/** Token ids of every split. No two of train, validation and heldOut share a token; test is a file of its own. */
export interface TextData {
  /** What fine-tuning and baselines train on: `searchTrain` followed by `heldOut`. */
  readonly train: Int32Array;
  /** What θ sees in the search; all of `train` unless the schedule is `bilevel`. */
  readonly searchTrain: Int32Array;
  /** What a sees in a `bilevel` search. */
  readonly heldOut: Int32Array | undefined;
  readonly validation: Int32Array;
  readonly test: Int32Array | undefined;
  readonly pretrain?: PretrainData;
}

export interface PretrainData {
  readonly train: Int32Array;
  readonly validation: Int32Array;
}

/** Share of the general text that projectors are evaluated on, and not trained. */
const PRETRAIN_HELD_OUT = 0.05;

export interface DataProgress extends ReadProgress {
  readonly split: 'train' | 'validation' | 'test' | 'pretrain';
}

/**
 * Reads and encodes every split.
 * @throws RunFailure for files that can't be read and for too little text
 */
export async function loadTextData(
  config: Pick<ResolvedConfig, 'data' | 'search' | 'hybrid'>,
  base: string,
  tokenizer: TextTokenizer,
  onProgress: (progress: DataProgress) => void = () => undefined,
): Promise<TextData> {
  const { data, search, hybrid } = config;
  const needed = data.context + 1;
  const encode = (source: DataSource | TaskSource, split: DataProgress['split']) =>
    encodeDocuments(
      readText(textOf(source), base, (progress) => onProgress({ ...progress, split })),
      tokenizer,
    );
  let train = await encode(data.train, 'train');
  let validation: Int32Array;
  if (typeof data.validation === 'number') {
    const parts = cutTail(
      train,
      data.validation,
      { rest: needed, tail: 2 },
      { rest: 'training', tail: 'validation' },
    );
    train = parts.rest;
    validation = parts.tail;
  } else {
    validation = await encode(data.validation, 'validation');
  }
  const test = data.test === undefined ? undefined : await encode(data.test, 'test');
  const general = hybrid.projectors.pretrain?.data;
  const pretrain = general && cutGeneral(await encode(general, 'pretrain'), needed);
  const shared = { validation, test, ...(pretrain ? { pretrain } : {}) };
  if (search.schedule !== 'bilevel') {
    return { train, searchTrain: train, heldOut: undefined, ...shared };
  }
  const names = { rest: 'training', tail: 'held-out' };
  const parts = cutTail(train, search.heldOut, { rest: needed, tail: needed }, names);
  return { train, searchTrain: parts.rest, heldOut: parts.tail, ...shared };
}

function cutGeneral(ids: Int32Array, needed: number): PretrainData {
  const { rest, tail } = cutTail(
    ids,
    PRETRAIN_HELD_OUT,
    { rest: needed, tail: 2 },
    { rest: 'pretraining', tail: 'held-out pretraining' },
  );
  return { train: rest, validation: tail };
}

/** @throws Error for a synthetic task: `loadTaskData` makes those */
function textOf(source: DataSource | TaskSource): DataSource {
  if (isTask(source)) throw new Error(`${source.task} is no text`);
  return source;
}
