/**
 * Texts as documents: a `text` file is one, a `jsonl` or `parquet` file has one a record. Read in pieces, so that a file's
 * size bounds the time and not the memory.
 */
import { readRecords, wordsOf } from './records';
import type { SourceFile } from './sourceFile';
import type { DataSource } from '../../contract/config';
import type { ConversationSource } from './conversations';

export interface TextLimits {
  /** Largest file, bytes. */
  readonly fileBytes: number;
  /** Longest line of a `jsonl` file, UTF-16 code units. */
  readonly lineLength: number;
  /** About this many UTF-16 code units of a document are given out at once. */
  readonly pieceLength: number;
}

export const TEXT_LIMITS: TextLimits = {
  fileBytes: 2 ** 40,
  lineLength: 64 * 2 ** 20,
  pieceLength: 2 ** 18,
};

/** A part of a document; `ends` marks its last one. */
export interface TextPiece {
  readonly text: string;
  readonly ends: boolean;
}

/** A source whose records are texts. */
export type TextSource = Exclude<DataSource, ConversationSource>;

/**
 * The documents of `source`, in pieces.
 * @param onBytes told how much of the file has been read
 * @throws RunFailure `data-unreadable`, `data-changed`, `data-not-utf8`, `data-jsonl`, `data-parquet`
 */
export async function* readText(
  source: TextSource,
  file: SourceFile,
  onBytes: (bytes: number) => void = () => undefined,
  limits: TextLimits = TEXT_LIMITS,
): AsyncGenerator<TextPiece> {
  if (source.kind === 'text') {
    yield* piecesOfDocument(file.text(onBytes), limits);
    return;
  }
  const { kind, field } = source;
  const read = readRecords(file, kind, { texts: [field] }, limits, onBytes);
  for await (const record of read) {
    yield* piecesOfDocument(only(wordsOf(record, field)), limits);
  }
}

async function* piecesOfDocument(
  chunks: AsyncIterable<string>,
  limits: TextLimits,
): AsyncGenerator<TextPiece> {
  let waiting = '';
  for await (const chunk of chunks) {
    waiting += chunk;
    while (waiting.length > limits.pieceLength) {
      const cut = cutPosition(waiting, limits.pieceLength);
      yield { text: waiting.slice(0, cut), ends: false };
      waiting = waiting.slice(cut);
    }
  }
  yield { text: waiting, ends: true };
}

/**
 * Where to cut a long text near `wanted`, so that the pieces' tokens are the whole's: after a single newline between two
 * characters that aren't white space (every pre-tokenizer of the supported families separates there). Text without such
 * a place in a piece's length is cut at another white space, or between two code points.
 */
function cutPosition(text: string, wanted: number): number {
  const space = /\s/;
  let fallback = 0;
  for (let at = wanted; at > 1; at--) {
    if (text[at - 1] === '\n' && !space.test(text[at - 2]!) && !space.test(text[at]!)) return at;
    if (fallback === 0 && space.test(text[at]!) && !space.test(text[at - 1]!)) fallback = at;
  }
  if (fallback > 0) return fallback;
  const code = text.charCodeAt(wanted);
  return code >= 0xdc00 && code <= 0xdfff ? wanted - 1 : wanted;
}

/** A document that is already whole, as the chunks of one. */
async function* only(text: string): AsyncGenerator<string> {
  yield await Promise.resolve(text);
}
