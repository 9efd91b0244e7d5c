/**
 * A tokenizer ready for use: `@huggingface/tokenizers` over `tokenizer.json`. The file's regular expressions run here, so
 * this belongs in a process that can be killed; `models/tokenizerIdentity` serves those that can't.
 */
import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import { createHash } from 'node:crypto';
import path from 'node:path';
import {
  BYTE_CHARACTERS,
  readTokenizerIdentity,
  type TokenizerIdentity,
} from '../models/tokenizerIdentity';
import { WeightsError } from './errors';
import { readInFolder } from './modelFiles';
import { readChatTemplate } from './chatTemplate';
import { createPieceEncoder, type PieceEncoder } from './pieceEncoder';
import { readSpecialTokens, type SpecialTokens } from './specialTokens';
import { chunkText } from './textChunks';

/** Large vocabularies take some 35 MB. */
export const MAX_TOKENIZER_BYTES = 128 << 20;
export const TOKENIZER_FILE = 'tokenizer.json';

export interface Tokenizer {
  /** V: highest id + 1. */
  readonly size: number;
  /** Hex SHA-256 of the map from id to bytes. */
  readonly digest: string;
  readonly special: SpecialTokens;
  /** Texts of the special tokens by role, as `tokenizer_config.json` has them. */
  readonly specialTexts: Readonly<Record<string, string>>;
  /** Its model's chat template, Jinja. */
  readonly chatTemplate: string | undefined;
  /** Hex SHA-256 of `tokenizer.json` and of its roles: equal ones encode alike. */
  readonly fileDigest: string;
  /** Ids of `text`; no special token is added, those spelt out in the text are recognised. Megabytes are fine. */
  readonly encode: (text: string) => Int32Array;
  /** Text of `ids`, special tokens included; ids without a token are left out, broken UTF-8 becomes U+FFFD. */
  readonly decode: (ids: readonly number[]) => string;
  /** Bytes that an id stands for: special tokens their text, `undefined` where no token has the id. */
  readonly bytesOf: (id: number) => Uint8Array | undefined;
  readonly isSpecial: (id: number) => boolean;
  /** Equal maps from id to bytes. */
  readonly sameAs: (other: Tokenizer) => boolean;
  /**
   * Tokens of arbitrary bytes, UTF-8 or not, as they would stand inside a text: no BOS, no prefix space, no special
   * token. Bytes that no token covers are left out.
   */
  readonly tokenizeBytes: (bytes: Uint8Array) => number[];
}

const damaged = (file: string, why: string) =>
  new WeightsError(
    'tokenizer-damaged',
    `${file} is damaged: ${why}.`,
    'Download or export it again.',
    file,
  );

/**
 * A folder's `tokenizer.json`, parsed.
 * @throws WeightsError when it is missing, too large or not JSON
 */
export async function readTokenizerJson(folder: string): Promise<unknown> {
  return parseTokenizerJson(folder, await readTokenizerBytes(folder));
}

const readTokenizerBytes = (folder: string): Promise<Buffer> =>
  readInFolder(folder, TOKENIZER_FILE, MAX_TOKENIZER_BYTES);

function parseTokenizerJson(folder: string, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) throw damaged(path.join(folder, TOKENIZER_FILE), 'not JSON');
    throw error;
  }
}

function createLibraryTokenizer(json: object, file: string): LibraryTokenizer {
  try {
    // The library needs these keys, `transformers` does not always write them.
    const defaults = {
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
      added_tokens: [],
    };
    return new LibraryTokenizer({ ...defaults, ...json }, { clean_up_tokenization_spaces: false });
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 200) : 'it was refused';
    throw new WeightsError(
      'tokenizer-unsupported',
      `${file} can't be used: ${why}.`,
      'Use another tokenizer (components.<name>.tokenizer).',
      file,
    );
  }
}

/** Valid UTF-8 runs of `bytes` as text, the bytes between them one by one. */
function utf8Runs(bytes: Uint8Array): (string | number)[] {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const decode = (part: Uint8Array): string | undefined => {
    try {
      return strict.decode(part);
    } catch {
      return undefined;
    }
  };
  const runs: (string | number)[] = [];
  for (let start = 0; start < bytes.length;) {
    let text: string | undefined;
    let end = bytes.length;
    while (end > start && (text = decode(bytes.subarray(start, end))) === undefined) end--;
    if (text === undefined || end === start) runs.push(bytes[start++]!);
    else {
      runs.push(text);
      start = end;
    }
  }
  return runs;
}

/** `text` with `space` for its spaces; where it has that character itself, its bytes, since as a piece it'd be a space. */
function spellSpaces(text: string, space: string): (string | number)[] {
  if (!text.includes(space)) return [text.replaceAll(' ', space)];
  const own = [...Buffer.from(space)];
  return text
    .split(space)
    .flatMap((part, i) => [
      ...(i === 0 ? [] : own),
      ...(part === '' ? [] : spellSpaces(part, space)),
    ]);
}

/** Pieces that the model is given for arbitrary bytes, in the vocabulary's own spelling. */
function piecesOfBytes(bytes: Uint8Array, identity: TokenizerIdentity): (string | number)[] {
  const { spelling } = identity;
  switch (spelling.kind) {
    case 'byteLevel':
      return [Array.from(bytes, (byte) => BYTE_CHARACTERS[byte]!).join('')];
    case 'pieces':
      return utf8Runs(bytes).flatMap((run) =>
        typeof run === 'string' ? spellSpaces(run, spelling.space) : [run],
      );
    case 'words':
      return utf8Runs(bytes).flatMap((run): (string | number)[] =>
        typeof run === 'string' ? run.split(/\s+/).filter((word) => word !== '') : [run],
      );
  }
}

function tokenizeBytes(
  bytes: Uint8Array,
  library: LibraryTokenizer,
  identity: TokenizerIdentity,
): number[] {
  if (bytes.length === 0 || library.model === null) return [];
  const unknown = library.model.unk_token;
  const ids: number[] = [];
  for (const piece of piecesOfBytes(bytes, identity)) {
    const tokens =
      typeof piece === 'string'
        ? library.model.encode([piece])
        : [`<0x${piece.toString(16).toUpperCase().padStart(2, '0')}>`];
    for (const token of tokens) {
      const id = token === unknown ? undefined : library.model.tokens_to_ids.get(token);
      if (id !== undefined) ids.push(id);
    }
  }
  return ids;
}

function decodeBytes(ids: readonly number[], identity: TokenizerIdentity): string {
  const parts = ids.flatMap((id) => identity.bytes[id] ?? []);
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(parts));
}

function encodeText(
  text: string,
  library: LibraryTokenizer,
  encodePieces: PieceEncoder | undefined,
): Int32Array {
  const parts: number[][] = [];
  let count = 0;
  // Where pieces are known, so are the places at which a text may be cut.
  for (const chunk of encodePieces === undefined ? [text] : chunkText(text)) {
    let ids = encodePieces?.(chunk);
    if (ids === undefined) {
      // The library leaves a hole where a piece has no id and the model no unknown token.
      const all = library.encode(chunk, { add_special_tokens: false }).ids;
      ids = all.filter((id) => Number.isInteger(id));
    }
    parts.push(ids);
    count += ids.length;
  }
  const all = new Int32Array(count);
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** `eos_token` and its like. */
function textsOf(special: SpecialTokens, { bytes }: TokenizerIdentity): Record<string, string> {
  return Object.fromEntries(
    Object.entries(special).map(([role, id]: [string, number]) => [
      `${role}_token`,
      Buffer.from(bytes[id] ?? []).toString('utf8'),
    ]),
  );
}

/**
 * Loads the tokenizer of a model folder.
 * @throws WeightsError when its files are missing, damaged, or need what the library lacks
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const file = path.join(folder, TOKENIZER_FILE);
  const bytes = await readTokenizerBytes(folder);
  const json = parseTokenizerJson(folder, bytes);
  const reading = readTokenizerIdentity(json);
  if (!reading.ok) throw damaged(file, reading.message);
  const { identity } = reading;
  const library = createLibraryTokenizer(json as object, file);
  const encodePieces = createPieceEncoder(json, library);
  const special = await readSpecialTokens(folder, json, identity);
  const tokenizer: Tokenizer = {
    size: identity.size,
    digest: identity.digest,
    special,
    specialTexts: textsOf(special, identity),
    chatTemplate: await readChatTemplate(folder),
    fileDigest: createHash('sha256').update(bytes).update(JSON.stringify(special)).digest('hex'),
    encode: (text) => encodeText(text, library, encodePieces),
    decode: (ids) => {
      if (identity.spelling.kind === 'byteLevel') return decodeBytes(ids, identity);
      const known = ids.filter((id) => identity.bytes[id] !== undefined);
      return known.length === 0 ? '' : library.decode(known, { skip_special_tokens: false });
    },
    bytesOf: (id) => identity.bytes[id],
    isSpecial: (id) => identity.special.has(id),
    sameAs: (other) => other.digest === identity.digest,
    tokenizeBytes: (bytes) => tokenizeBytes(bytes, library, identity),
  };
  return tokenizer;
}
