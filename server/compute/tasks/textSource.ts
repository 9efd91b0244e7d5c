/**
 * Text files as documents: `text` (one file, one document) and `jsonl` (one document a line). Read in pieces, so that a
 * file's size bounds the time and not the memory. The files are the user's: only regular ones, capped, UTF-8 or refused.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import type { DataSource } from '../../contract/config';
import { RunFailure } from '../failure';

export interface TextLimits {
  /** Largest file, bytes. */
  readonly fileBytes: number;
  /** Longest line of a `jsonl` file, UTF-16 code units. */
  readonly lineLength: number;
  /** About this many UTF-16 code units of a document are given out at once. */
  readonly pieceLength: number;
}

export const TEXT_LIMITS: TextLimits = {
  fileBytes: 8 * 2 ** 30,
  lineLength: 64 * 2 ** 20,
  pieceLength: 2 ** 18,
};

/** A part of a document; `ends` marks its last one. */
export interface TextPiece {
  readonly text: string;
  readonly ends: boolean;
}

export interface ReadProgress {
  readonly bytes: number;
  readonly totalBytes: number;
}

const READ_BYTES = 2 ** 18;

/**
 * The documents of `source`, in pieces. A relative path starts from `base`.
 * @throws RunFailure `data-unreadable`, `data-too-large`, `data-not-utf8`, `data-jsonl`
 */
export async function* readText(
  source: DataSource,
  base: string,
  onProgress: (progress: ReadProgress) => void = () => undefined,
  limits: TextLimits = TEXT_LIMITS,
): AsyncGenerator<TextPiece> {
  const file = path.resolve(base, source.path);
  const chunks = readChunks(file, limits, onProgress);
  switch (source.kind) {
    case 'text':
      yield* piecesOfDocument(chunks, limits);
      return;
    case 'jsonl':
      yield* documentsOfLines(file, source.field, chunks, limits);
      return;
  }
}

/** Decoded text of a regular file, a chunk at a time. */
async function* readChunks(
  file: string,
  limits: TextLimits,
  onProgress: (progress: ReadProgress) => void,
): AsyncGenerator<string> {
  // A pipe must not hold the process until somebody writes to it. Windows knows no such flag.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const handle = await open(file, flags).catch((error: unknown) => {
    throw unreadable(file, error instanceof Error ? error.message : String(error));
  });
  try {
    const status = await handle.stat();
    if (!status.isFile()) throw unreadable(file, 'it is not a regular file');
    if (status.size > limits.fileBytes) throw tooLarge(file, status.size, limits.fileBytes);
    const decoder = new TextDecoder('utf-8', { fatal: true });
    const buffer = new Uint8Array(READ_BYTES);
    let bytes = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
      bytes += bytesRead;
      if (bytes > limits.fileBytes) throw tooLarge(file, bytes, limits.fileBytes);
      const text = decode(file, decoder, buffer.subarray(0, bytesRead), bytesRead > 0);
      if (text.length > 0) yield text;
      onProgress({ bytes, totalBytes: Math.max(bytes, status.size) });
      if (bytesRead === 0) return;
    }
  } finally {
    await handle.close();
  }
}

function decode(
  file: string,
  decoder: InstanceType<typeof TextDecoder>,
  bytes: Uint8Array,
  stream: boolean,
): string {
  try {
    return decoder.decode(bytes, { stream });
  } catch (error) {
    throw new RunFailure(
      'data-not-utf8',
      `${file} is not UTF-8 text.`,
      'Convert the file to UTF-8, or name another one in `data`.',
      { cause: error },
    );
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

async function* documentsOfLines(
  file: string,
  field: string,
  chunks: AsyncIterable<string>,
  limits: TextLimits,
): AsyncGenerator<TextPiece> {
  let number = 0;
  for await (const line of lines(file, chunks, limits)) {
    number += 1;
    if (line.trim() === '') continue;
    yield* piecesOfDocument(only(documentOfLine(file, number, field, line)), limits);
  }
}

async function* lines(
  file: string,
  chunks: AsyncIterable<string>,
  limits: TextLimits,
): AsyncGenerator<string> {
  let waiting = '';
  for await (const chunk of chunks) {
    const parts = (waiting + chunk).split('\n');
    waiting = parts.pop()!;
    yield* parts;
    if (waiting.length > limits.lineLength) {
      throw jsonlProblem(file, `a line is longer than ${limits.lineLength} characters`);
    }
  }
  yield waiting;
}

function documentOfLine(file: string, number: number, field: string, line: string): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw jsonlProblem(file, `line ${number} is not JSON`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw jsonlProblem(file, `line ${number} is not a JSON object`);
  }
  const text = Object.hasOwn(value, field) ? (value as Record<string, unknown>)[field] : undefined;
  if (typeof text !== 'string') {
    throw jsonlProblem(file, `line ${number} has no text in its field \`${field}\``);
  }
  return text;
}

/** A document that is already whole, as the chunks of one. */
async function* only(text: string): AsyncGenerator<string> {
  yield await Promise.resolve(text);
}

function unreadable(file: string, why: string): RunFailure {
  return new RunFailure(
    'data-unreadable',
    `${file} can't be read: ${why}.`,
    'Check the path in `data` and the permissions of the file.',
  );
}

function tooLarge(file: string, bytes: number, limit: number): RunFailure {
  return new RunFailure(
    'data-too-large',
    `${file} has ${bytes} bytes; at most ${limit} are read.`,
    'Name a part of the file in `data`.',
  );
}

function jsonlProblem(file: string, what: string): RunFailure {
  return new RunFailure(
    'data-jsonl',
    `${file}: ${what}.`,
    'Every line of a JSON Lines file is an object whose `field` holds the text.',
  );
}
