/** Texts and conversations as token ids, put into a sink as they come. */
import type { Tokenizer } from '../../weights/tokenizer';
import type { Rendering } from '../templates/spans';
import { unscored } from './split';
import type { TextPiece } from './textSource';

/** What this folder needs of a tokenizer. */
export interface TextTokenizer {
  /** Ids of a text, no special tokens added. */
  readonly encode: (text: string) => ArrayLike<number>;
  /** The id that separates documents, where the tokenizer has one. */
  readonly eos: number | undefined;
  /** Bytes that an id stands for. */
  readonly bytesOf?: ((id: number) => Uint8Array | undefined) | undefined;
  /** Tells it from every other: what is encoded is kept under it, and not kept where there is none. */
  readonly identity?: string | undefined;
  /** Texts of its special tokens as templates see them: `eos_token` and such. */
  readonly specialTexts?: Readonly<Record<string, string>> | undefined;
  /** Its model's own chat template. */
  readonly chatTemplate?: string | undefined;
}

/** What this folder needs of a model folder's tokenizer. */
export const textTokenizerOf = (tokenizer: Tokenizer): TextTokenizer => ({
  encode: tokenizer.encode,
  eos: tokenizer.special.eos,
  bytesOf: tokenizer.bytesOf,
  identity: tokenizer.fileDigest,
  specialTexts: tokenizer.specialTexts,
  chatTemplate: tokenizer.chatTemplate,
});

/** Takes ids one list after the other. */
export interface IdSink {
  readonly append: (ids: ArrayLike<number>) => Promise<void>;
}

/**
 * All documents' tokens in one sequence, the tokenizer's eos between two of them. Pieces of a document are encoded one
 * by one (a piece ends where every pre-tokenizer separates: see `textSource.ts`).
 */
export async function encodeDocuments(
  pieces: AsyncIterable<TextPiece>,
  tokenizer: TextTokenizer,
  sink: IdSink,
): Promise<void> {
  let separate = false;
  for await (const piece of pieces) {
    if (separate && tokenizer.eos !== undefined) await sink.append([tokenizer.eos]);
    await sink.append(tokenizer.encode(piece.text));
    separate = piece.ends;
  }
}

export interface RowOptions {
  /** Most tokens: a longer row is cut at its end. */
  readonly most: number;
  /** Whether the end-of-text token follows, scored, where the text doesn't end with it. */
  readonly ends: boolean;
}

export interface EncodedRow {
  /** Ids, `unscored` where predicting them isn't scored; `undefined` where nothing of the row is. */
  readonly ids: Int32Array | undefined;
  readonly isCut: boolean;
}

/** A rendered conversation as a row: a token is scored that has a byte of a span. */
export function encodeRow(
  { text, spans }: Rendering,
  tokenizer: TextTokenizer,
  { most, ends }: RowOptions,
): EncodedRow {
  const { eos } = tokenizer;
  const ids = scoredIds(text, spans, tokenizer);
  if (
    ends &&
    eos !== undefined &&
    ids.length > 0 &&
    ids.at(-1) !== eos &&
    ids.at(-1) !== unscored(eos)
  ) {
    ids.push(eos);
  }
  const kept = Int32Array.from(ids.slice(0, most));
  const isScored = kept.subarray(1).some((id) => id >= 0);
  return { ids: isScored ? kept : undefined, isCut: ids.length > most };
}

/**
 * The whole text is encoded at once, so that its tokens are those that the model would see, and spans are found again by
 * the bytes that each token stands for. A tokenizer that changes the text (a normal form, an unknown token) gives other
 * bytes: then the parts between spans' ends are encoded by themselves.
 */
function scoredIds(text: string, spans: Rendering['spans'], tokenizer: TextTokenizer): number[] {
  const ids = Array.from(tokenizer.encode(text));
  const ends = tokenizer.bytesOf === undefined ? undefined : endsOf(ids, text, tokenizer.bytesOf);
  if (ends === undefined) return idsOfParts(text, spans, tokenizer);
  const inBytes = byteSpans(text, spans);
  let next = 0;
  return ids.map((id, at) => {
    const start = at === 0 ? 0 : ends[at - 1]!;
    while (next < inBytes.length && inBytes[next]![1] <= start) next += 1;
    const span = inBytes[next];
    const isScored = span !== undefined && span[0] < ends[at]! && start < span[1];
    return isScored ? id : unscored(id);
  });
}

function idsOfParts(text: string, spans: Rendering['spans'], tokenizer: TextTokenizer): number[] {
  const ids: number[] = [];
  let last = 0;
  const add = (part: string, isScored: boolean): void => {
    if (part === '') return;
    for (const id of Array.from(tokenizer.encode(part))) ids.push(isScored ? id : unscored(id));
  };
  for (const [start, end] of spans) {
    add(text.slice(last, start), false);
    add(text.slice(start, end), true);
    last = end;
  }
  add(text.slice(last), false);
  return ids;
}

const encoder = new TextEncoder();

/** Spans in bytes of UTF-8. */
function byteSpans(text: string, spans: Rendering['spans']): [number, number][] {
  let [at, bytes] = [0, 0];
  const to = (place: number): number => {
    bytes += Buffer.byteLength(text.slice(at, place));
    at = place;
    return bytes;
  };
  return spans.map(([start, end]) => [to(start), to(end)]);
}

/**
 * Where each token ends in the text's bytes. Spaces that a tokenizer puts in (before the first word, behind a special
 * token) stand for nothing. @returns `undefined` where the tokens don't spell the text
 */
function endsOf(
  ids: readonly number[],
  text: string,
  bytesOf: (id: number) => Uint8Array | undefined,
): number[] | undefined {
  const bytes = encoder.encode(text);
  const ends: number[] = [];
  let at = 0;
  for (const id of ids) {
    const piece = bytesOf(id);
    if (piece === undefined) return undefined;
    for (const byte of piece) {
      if (at < bytes.length && bytes[at] === byte) at += 1;
      else if (byte !== 0x20) return undefined;
    }
    ends.push(at);
  }
  return at === bytes.length ? ends : undefined;
}
