/** Special tokens by role, from the files that `transformers` writes beside a tokenizer. */
import path from 'node:path';
import type { TokenizerIdentity } from '../models/tokenizerIdentity';
import { parseConfigJson } from './configJson';
import { WeightsError } from './errors';
import { readInFolder } from './modelFiles';

export interface SpecialTokens {
  readonly bos?: number;
  readonly eos?: number;
  readonly unk?: number;
  readonly pad?: number;
}

const ROLES = ['bos', 'eos', 'unk', 'pad'] as const;
/** Chat templates are long. */
const MAX_BYTES = 16 << 20;

export type Json = Readonly<Record<string, unknown>>;

const asObject = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};

/** A file of the folder that may be missing, as an object. @throws WeightsError where it is no JSON */
export async function readOptional(folder: string, name: string): Promise<Json> {
  try {
    return asObject(
      parseConfigJson((await readInFolder(folder, name, MAX_BYTES)).toString('utf8')),
    );
  } catch (error) {
    if (error instanceof WeightsError && error.code === 'file-missing') return {};
    if (!(error instanceof SyntaxError)) throw error;
    const file = path.join(folder, name);
    throw new WeightsError(
      'tokenizer-damaged',
      `${file} is not JSON.`,
      'Download or export it again.',
      file,
    );
  }
}

/** A token as these files write it: its text, or an object with `content`. */
function contentOf(token: unknown): string | undefined {
  const content = typeof token === 'string' ? token : asObject(token)['content'];
  return typeof content === 'string' ? content : undefined;
}

/** Ids by the text of a token; added tokens go before the vocabulary's. */
function idOf(content: string, json: Json): number | undefined {
  const added: unknown = json['added_tokens'];
  for (const token of Array.isArray(added) ? (added as readonly unknown[]) : []) {
    const { content: text, id } = asObject(token);
    if (text === content && typeof id === 'number') return id;
  }
  const model = asObject(json['model']);
  const vocabulary: unknown = model['vocab'];
  if (Array.isArray(vocabulary)) {
    const index = vocabulary.findIndex((entry) => Array.isArray(entry) && entry[0] === content);
    return index < 0 ? undefined : index;
  }
  const words = asObject(vocabulary);
  const id = Object.hasOwn(words, content) ? words[content] : undefined;
  return typeof id === 'number' ? id : undefined;
}

/**
 * Roles from `tokenizer_config.json`, else `special_tokens_map.json`, else the ids in `config.json`; the unknown token
 * also from the model itself.
 * @throws WeightsError when one of those files is there and damaged
 */
export async function readSpecialTokens(
  folder: string,
  tokenizerJson: unknown,
  identity: TokenizerIdentity,
): Promise<SpecialTokens> {
  const json = asObject(tokenizerJson);
  const sources = [
    await readOptional(folder, 'tokenizer_config.json'),
    await readOptional(folder, 'special_tokens_map.json'),
  ];
  const config = await readOptional(folder, 'config.json');
  const found: { -readonly [role in keyof SpecialTokens]: number } = {};
  for (const role of ROLES) {
    let id: number | undefined;
    for (const source of sources) {
      const content = contentOf(source[`${role}_token`]);
      if (id === undefined && content !== undefined) id = idOf(content, json);
    }
    const configured = config[`${role}_token_id`];
    if (id === undefined && typeof configured === 'number') id = configured;
    if (id !== undefined && identity.bytes[id] !== undefined) found[role] = id;
  }
  if (found.unk === undefined) {
    const model = asObject(json['model']);
    const byIndex = model['unk_id'];
    const content = contentOf(model['unk_token']);
    const id =
      typeof byIndex === 'number'
        ? byIndex
        : content === undefined
          ? undefined
          : idOf(content, json);
    if (id !== undefined && identity.bytes[id] !== undefined) found.unk = id;
  }
  return found;
}
