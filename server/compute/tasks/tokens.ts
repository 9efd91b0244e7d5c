/** Documents as one sequence of token ids, and its splits. */
import type { TextPiece } from './textSource';
import { RunFailure, notEnoughText } from '../failure';

/** What this folder needs of a tokenizer. */
export interface TextTokenizer {
  /** Ids of a text, no special tokens added. */
  readonly encode: (text: string) => ArrayLike<number>;
  /** The id that separates documents, where the tokenizer has one. */
  readonly eos: number | undefined;
}

/** Most tokens of one sequence: 2 GiB of ids. */
const TOKEN_LIMIT = 2 ** 29;

/**
 * All documents' tokens in one sequence, the tokenizer's eos between two of them. Pieces of a document are encoded one
 * by one (a piece ends where every pre-tokenizer separates: see `textSource.ts`).
 * @throws RunFailure `data-too-large`
 */
export async function encodeDocuments(
  pieces: AsyncIterable<TextPiece>,
  tokenizer: TextTokenizer,
  limit: number = TOKEN_LIMIT,
): Promise<Int32Array> {
  let ids = new Int32Array(2 ** 16);
  let length = 0;
  const append = (more: ArrayLike<number>) => {
    const needed = length + more.length;
    if (needed > limit) throw tooManyTokens(limit);
    if (needed > ids.length) {
      const larger = new Int32Array(Math.min(limit, Math.max(needed, ids.length * 2)));
      larger.set(ids);
      ids = larger;
    }
    ids.set(more, length);
    length = needed;
  };
  let separate = false;
  for await (const piece of pieces) {
    if (separate && tokenizer.eos !== undefined) append([tokenizer.eos]);
    append(tokenizer.encode(piece.text));
    separate = piece.ends;
  }
  return ids.slice(0, length);
}

/**
 * The contiguous tail of `ids` that `fraction` asks for, and what stays before it. They share no token.
 * @throws RunFailure `not-enough-text` where either part couldn't hold `needed` tokens
 */
export function cutTail(
  ids: Int32Array,
  fraction: number,
  needed: { readonly rest: number; readonly tail: number },
  names: { readonly rest: string; readonly tail: string },
): { readonly rest: Int32Array; readonly tail: Int32Array } {
  const tailLength = Math.round(ids.length * fraction);
  const rest = ids.subarray(0, ids.length - tailLength);
  const tail = ids.subarray(ids.length - tailLength);
  if (tail.length < needed.tail) throw notEnoughText(names.tail, tail.length, needed.tail);
  if (rest.length < needed.rest) throw notEnoughText(names.rest, rest.length, needed.rest);
  return { rest, tail };
}

function tooManyTokens(limit: number): RunFailure {
  return new RunFailure(
    'data-too-large',
    `The text has more than ${limit} tokens.`,
    'Name a part of the data.',
  );
}
