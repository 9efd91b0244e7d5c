/** Language modelling on files: what `data` in the config asks for, as token sequences or as rows of conversations. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { DataSource, ResolvedConfig, TaskSource } from '../../contract/config';
import { isTask } from '../../models/tasks';
import { notEnoughExamples, notEnoughText } from '../failure';
import {
  isConversation,
  renderConversations,
  templateOf,
  type NamedTemplate,
} from './conversations';
import { SourceFile } from './sourceFile';
import { isSequence, partOf, sizeOf, turn, type ExampleRows, type TokenSequence } from './split';
import { readText, TEXT_LIMITS } from './textSource';
import type { TokenStore, Encoded } from './tokenStore';
import { encodeDocuments, encodeRow, type TextTokenizer } from './tokens';

export type TextSplit = TokenSequence | ExampleRows;

/** Every split, encoded. No two of train, validation and heldOut share a token; test is a file of its own. */
export interface TextData {
  /** What fine-tuning and baselines train on: `searchTrain` followed by `heldOut`. */
  readonly train: TextSplit;
  /** What θ sees in the search; all of `train` unless the schedule is `bilevel`. */
  readonly searchTrain: TextSplit;
  /** What a sees in a `bilevel` search. */
  readonly heldOut: TextSplit | undefined;
  readonly validation: TextSplit;
  readonly test: TextSplit | undefined;
  readonly pretrain?: PretrainData;
}

export interface PretrainData {
  readonly train: TextSplit;
  readonly validation: TextSplit;
}

/** Share of the general text that projectors are evaluated on, and not trained. */
const PRETRAIN_HELD_OUT = 0.05;

export type SplitName = 'train' | 'validation' | 'test' | 'pretrain';

export interface DataProgress {
  readonly split: SplitName;
  readonly bytes: number;
  readonly totalBytes: number;
}

export interface LoadOptions {
  /** Where large data are kept; the caller closes it when nothing reads them any more. */
  readonly store: TokenStore;
  /** The bundle that renders chat templates. */
  readonly templateProgram: string;
  readonly onProgress?: (progress: DataProgress) => void;
  readonly onWarning?: (code: string, message: string) => void;
  /** Asked now and then, while sockets and signals get their turn. */
  readonly isStopped?: () => boolean;
}

/** The work was given up because `isStopped` said so. */
export class LoadingStopped extends Error {
  override readonly name = 'LoadingStopped';
}

/**
 * Reads and encodes every split.
 * @throws RunFailure for files that can't be read and for too little text; LoadingStopped
 */
export async function loadTextData(
  config: Pick<ResolvedConfig, 'data' | 'search' | 'hybrid'>,
  base: string,
  tokenizer: TextTokenizer,
  options: LoadOptions,
): Promise<TextData> {
  const { data, search, hybrid } = config;
  const needed = data.context + 1;
  const load = (source: DataSource | TaskSource, split: SplitName) =>
    encodeSource(textOf(source), split, { base, tokenizer, context: data.context, ...options });
  let train = await load(data.train, 'train');
  let validation: TextSplit;
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
    validation = await load(data.validation, 'validation');
  }
  const test = data.test === undefined ? undefined : await load(data.test, 'test');
  const general = hybrid.projectors.pretrain?.data;
  const pretrain = general && cutGeneral(await load(general, 'pretrain'), needed);
  const shared = { validation, test, ...(pretrain ? { pretrain } : {}) };
  if (search.schedule !== 'bilevel') {
    return { train, searchTrain: train, heldOut: undefined, ...shared };
  }
  const names = { rest: 'training', tail: 'held-out' };
  const parts = cutTail(train, search.heldOut, { rest: needed, tail: needed }, names);
  return { train, searchTrain: parts.rest, heldOut: parts.tail, ...shared };
}

function cutGeneral(split: TextSplit, needed: number): PretrainData {
  const { rest, tail } = cutTail(
    split,
    PRETRAIN_HELD_OUT,
    { rest: needed, tail: 2 },
    { rest: 'pretraining', tail: 'held-out pretraining' },
  );
  return { train: rest, validation: tail };
}

/**
 * The contiguous tail that `fraction` asks for, and what stays before it. They share no token and no example.
 * @param needed tokens; of examples one will do
 * @throws RunFailure `not-enough-text`, `not-enough-examples` where either part couldn't hold that
 */
function cutTail(
  split: TextSplit,
  fraction: number,
  needed: { readonly rest: number; readonly tail: number },
  names: { readonly rest: string; readonly tail: string },
): { readonly rest: TextSplit; readonly tail: TextSplit } {
  const size = sizeOf(split);
  const tailSize = Math.round(size * fraction);
  const check = (name: string, has: number, needs: number): void => {
    if (has >= (isSequence(split) ? needs : 1)) return;
    throw isSequence(split) ? notEnoughText(name, has, needs) : notEnoughExamples(name);
  };
  check(names.tail, tailSize, needed.tail);
  check(names.rest, size - tailSize, needed.rest);
  return { rest: partOf(split, 0, size - tailSize), tail: partOf(split, size - tailSize, size) };
}

/** @throws Error for a synthetic task: `loadTaskData` makes those */
function textOf(source: DataSource | TaskSource): DataSource {
  if (isTask(source)) throw new Error(`${source.task} is no text`);
  return source;
}

export interface EncodeOptions extends LoadOptions {
  /** A relative path starts there. */
  readonly base: string;
  readonly tokenizer: TextTokenizer;
  /** Longer conversations are cut. */
  readonly context: number;
}

/** Milliseconds after which other work of the process gets its turn. */
const PATIENCE = 20;

/**
 * One source, encoded, or taken from where an earlier run left it.
 * @throws RunFailure, LoadingStopped
 */
export async function encodeSource(
  source: DataSource,
  split: SplitName,
  options: EncodeOptions,
): Promise<TextSplit> {
  const { base, tokenizer, store, onProgress, onWarning } = options;
  const file = await SourceFile.open(path.resolve(base, source.path), TEXT_LIMITS.fileBytes);
  try {
    const totalBytes = file.bytes;
    const told = (bytes: number): void => onProgress?.({ split, bytes, totalBytes });
    const breathe = breathing(options.isStopped);
    const template = isConversation(source) ? await templateOf(source, base, tokenizer) : undefined;
    told(0);
    const digest = await file.digest(breathe);
    const key = keyOf(source, digest, template, options);
    const found = key === undefined ? undefined : await store.find(key);
    const encoded =
      found ?? (await encodeFile(source, file, template, { key, told, breathe }, options));
    told(totalBytes);
    tellOf(encoded, split, options.context, onWarning);
    return encoded.split;
  } finally {
    await file.close();
  }
}

interface Encoding {
  readonly key: string | undefined;
  readonly told: (bytes: number) => void;
  readonly breathe: () => Promise<void>;
}

async function encodeFile(
  source: DataSource,
  file: SourceFile,
  template: NamedTemplate | undefined,
  { key, told, breathe }: Encoding,
  { tokenizer, store, context, templateProgram: program }: EncodeOptions,
): Promise<Encoded> {
  const limits = TEXT_LIMITS;
  const facts = { cut: 0, dropped: 0 };
  return store.encode(key, isConversation(source), async ({ tokens, addRow }) => {
    if (!isConversation(source)) {
      const append = async (ids: ArrayLike<number>) => {
        await tokens.append(ids);
        await breathe();
      };
      await encodeDocuments(readText(source, file, told, limits), tokenizer, { append });
    } else {
      const options = { template, tokenizer, program, limits };
      // The end-of-text token ends a response; a template of messages says itself how a turn ends.
      const rowOptions = { most: context + 1, ends: source.kind !== 'chat' };
      for await (const rendering of renderConversations(source, file, options, told)) {
        const { ids, isCut } = encodeRow(rendering, tokenizer, rowOptions);
        if (isCut) facts.cut += 1;
        if (ids === undefined) facts.dropped += 1;
        else await addRow(ids);
        await breathe();
      }
    }
    await file.checkUnchanged();
    return facts;
  });
}

/** Raised when the same source is encoded otherwise than before. */
const ENCODING = 1;

/** Names what is encoded: everything that the ids depend on. */
function keyOf(
  source: DataSource,
  digest: string,
  template: NamedTemplate | undefined,
  { tokenizer, context }: EncodeOptions,
): string | undefined {
  const { identity, specialTexts } = tokenizer;
  if (identity === undefined) return undefined;
  // Where the file lies says nothing; of the template its text does.
  const form = {
    ...source,
    path: source.kind === 'chat' ? path.extname(source.path) : '',
    template: template?.source,
  };
  const rows = isConversation(source) ? { context, specialTexts } : {};
  const all = JSON.stringify([ENCODING, digest, identity, form, rows]);
  return createHash('sha256').update(all).digest('hex');
}

/** Lets sockets and signals have their turn every now and then. @throws LoadingStopped */
function breathing(isStopped: () => boolean = () => false): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < PATIENCE) return;
    await turn();
    last = performance.now();
    if (isStopped()) throw new LoadingStopped();
  };
}

const WORDS: Readonly<Record<SplitName, string>> = {
  train: 'training',
  validation: 'validation',
  test: 'test',
  pretrain: 'pretraining',
};

/** @throws RunFailure `not-enough-examples` where none is left */
function tellOf(
  { split, facts }: Encoded,
  name: SplitName,
  context: number,
  onWarning: LoadOptions['onWarning'] = () => undefined,
): void {
  if (isSequence(split)) return;
  if (split.count === 0) throw notEnoughExamples(WORDS[name]);
  const { cut, dropped } = facts;
  const all = split.count + dropped;
  if (cut > 0) {
    onWarning(
      'examples-cut',
      `${cut} of ${all} examples (${WORDS[name]}) have more than the ${context + 1} tokens of \`data.context\` and are cut at their end.`,
    );
  }
  if (dropped > 0) {
    onWarning(
      'examples-dropped',
      `${dropped} of ${all} examples (${WORDS[name]}) are left out: no token of a response lies within their first ${context + 1} tokens.`,
    );
  }
}
