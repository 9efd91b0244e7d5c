/**
 * What a tokenizer is, read from its parsed `tokenizer.json` without running it: the bytes of every id, the number of
 * ids, and a digest by which two tokenizers are the same (equal maps from id to bytes). No regular expression
 * of the file is compiled here: those run only in a process that can be killed.
 */
import { createHash } from 'node:crypto';
import { quoteName } from './strictJson';

/** Highest id that is believed; the largest published vocabularies have some 300,000 ids. */
const MAX_TOKEN_ID = (1 << 24) - 1;
const MAX_TOKENS = 2_000_000;
const MAX_DEPTH = 16;

/** How the strings of the vocabulary stand for bytes. */
export type TokenSpelling =
  /** GPT-2: each character is one byte. */
  | { readonly kind: 'byteLevel' }
  /** SentencePiece: `space` stands for a space, `<0xNN>` for a byte where `byteFallback`. */
  | { readonly kind: 'pieces'; readonly space: string; readonly byteFallback: boolean }
  /** WordPiece: `prefix` continues a word, anything else begins one after a space. */
  | { readonly kind: 'words'; readonly prefix: string };

export interface TokenizerIdentity {
  /** Highest id + 1. */
  readonly size: number;
  readonly spelling: TokenSpelling;
  /** Bytes by id; `undefined` where an id has no token. Special and added tokens: their text as UTF-8. */
  readonly bytes: readonly (Uint8Array | undefined)[];
  /** Ids of tokens that are marked special. */
  readonly special: ReadonlySet<number>;
  /** Hex SHA-256 of the map from id to bytes. */
  readonly digest: string;
}

export type TokenizerIdentityReading =
  | { readonly ok: true; readonly identity: TokenizerIdentity }
  /** `message`: one clause, without the file's name. */
  | { readonly ok: false; readonly message: string };

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isId = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_TOKEN_ID;

/**
 * GPT-2's table of bytes as printable characters (openai/gpt-2, encoder.py, `bytes_to_unicode`): printable Latin-1 stands
 * for itself, the others for U+0100 and on.
 */
export const BYTE_CHARACTERS: readonly string[] = (() => {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(printable(byte) ? byte : next++),
  );
})();

const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = new Map(
  BYTE_CHARACTERS.map((character, byte) => [character, byte]),
);

/** Steps of a pre-tokenizer, normalizer or decoder, with those inside `Sequence`s, in order. */
function stepsOf(value: unknown, depth = 0): readonly Json[] {
  if (!isObject(value) || depth > MAX_DEPTH) return [];
  for (const key of ['pretokenizers', 'normalizers', 'decoders']) {
    const inner = value[key];
    if (value['type'] === 'Sequence' && Array.isArray(inner)) {
      return inner.flatMap((step) => stepsOf(step, depth + 1));
    }
  }
  return [value];
}

/** Every step of the tokenizer's three chains, for questions about its kind. */
export function tokenizerSteps(json: unknown): {
  readonly normalizers: readonly Json[];
  readonly preTokenizers: readonly Json[];
  readonly decoders: readonly Json[];
} {
  const top = isObject(json) ? json : {};
  return {
    normalizers: stepsOf(top['normalizer']),
    preTokenizers: stepsOf(top['pre_tokenizer']),
    decoders: stepsOf(top['decoder']),
  };
}

function spellingOf(json: Json, model: Json): TokenSpelling {
  const { normalizers, preTokenizers, decoders } = tokenizerSteps(json);
  const all = [...decoders, ...preTokenizers];
  if (all.some((step) => step['type'] === 'ByteLevel')) return { kind: 'byteLevel' };
  if (model['type'] === 'WordPiece') {
    const prefix = model['continuing_subword_prefix'];
    return { kind: 'words', prefix: typeof prefix === 'string' ? prefix : '##' };
  }
  let space = '▁';
  for (const step of [...all, ...normalizers]) {
    const replacement = step['replacement'];
    if (step['type'] === 'Metaspace' && typeof replacement === 'string') space = replacement;
  }
  return { kind: 'pieces', space, byteFallback: model['byte_fallback'] === true };
}

const encoder = new TextEncoder();
const BYTE_TOKEN = /^<0x([0-9A-F]{2})>$/;

function byteLevelBytes(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = BYTE_OF_CHARACTER.get(token.charAt(i));
    // A character outside the table: the reference decoder then takes the token's own text.
    if (byte === undefined) return encoder.encode(token);
    bytes[i] = byte;
  }
  return bytes;
}

function bytesOfToken(token: string, spelling: TokenSpelling): Uint8Array {
  switch (spelling.kind) {
    case 'byteLevel':
      return byteLevelBytes(token);
    case 'pieces': {
      const byte = spelling.byteFallback ? BYTE_TOKEN.exec(token) : null;
      if (byte !== null) return Uint8Array.of(Number.parseInt(byte[1] ?? '', 16));
      return encoder.encode(spelling.space === '' ? token : token.replaceAll(spelling.space, ' '));
    }
    case 'words':
      return encoder.encode(
        token.startsWith(spelling.prefix) ? token.slice(spelling.prefix.length) : ` ${token}`,
      );
  }
}

/** Token strings by id. A string is a clause that says what is wrong. */
function readVocabulary(model: Json): Map<number, string> | string {
  const vocabulary = model['vocab'];
  const tokens = new Map<number, string>();
  if (Array.isArray(vocabulary)) {
    if (vocabulary.length > MAX_TOKENS) return 'its vocabulary is too large';
    for (const [id, entry] of vocabulary.entries()) {
      const piece: unknown = Array.isArray(entry) ? entry[0] : undefined;
      if (typeof piece !== 'string') return `entry ${id} of its vocabulary is no [piece, score]`;
      tokens.set(id, piece);
    }
    return tokens;
  }
  if (!isObject(vocabulary)) return 'it has no model.vocab';
  const entries = Object.entries(vocabulary);
  if (entries.length > MAX_TOKENS) return 'its vocabulary is too large';
  for (const [token, id] of entries) {
    if (!isId(id)) return `the token ${quoteName(token)} has no usable id`;
    if (tokens.has(id)) return `the id ${id} stands for two tokens`;
    tokens.set(id, token);
  }
  return tokens;
}

function digestOf(bytes: readonly (Uint8Array | undefined)[]): string {
  const hash = createHash('sha256');
  const head = Buffer.alloc(8);
  for (const [id, token] of bytes.entries()) {
    if (token === undefined) continue;
    head.writeUInt32LE(id, 0);
    head.writeUInt32LE(token.length, 4);
    hash.update(head).update(token);
  }
  return hash.digest('hex');
}

/** Reads the parsed `tokenizer.json`. Never throws. */
export function readTokenizerIdentity(json: unknown): TokenizerIdentityReading {
  const model = isObject(json) ? json['model'] : undefined;
  if (!isObject(json) || !isObject(model)) return { ok: false, message: 'it has no model' };
  const vocabulary = readVocabulary(model);
  if (typeof vocabulary === 'string') return { ok: false, message: vocabulary };
  const spelling = spellingOf(json, model);
  const byId = new Map<number, Uint8Array>();
  for (const [id, token] of vocabulary) byId.set(id, bytesOfToken(token, spelling));
  const special = new Set<number>();
  const added: unknown = json['added_tokens'] ?? [];
  if (!Array.isArray(added) || added.length > MAX_TOKENS) {
    return { ok: false, message: 'its added_tokens are not a list' };
  }
  for (const token of added as readonly unknown[]) {
    const [id, content] = isObject(token) ? [token['id'], token['content']] : [];
    if (!isObject(token) || !isId(id) || typeof content !== 'string') {
      return { ok: false, message: 'one of its added_tokens has no usable id or content' };
    }
    byId.set(id, encoder.encode(content));
    if (token['special'] === true) special.add(id);
  }
  if (byId.size === 0) return { ok: false, message: 'its vocabulary is empty' };
  let size = 0;
  for (const id of byId.keys()) size = Math.max(size, id + 1);
  const bytes = Array.from({ length: size }, (_, id) => byId.get(id));
  return { ok: true, identity: { size, spelling, bytes, special, digest: digestOf(bytes) } };
}
