/** A model in Hugging Face layout: `config.json` and safetensors, in one file or in shards under an index. */
import { createHash } from 'node:crypto';
import { access, readdir } from 'node:fs/promises';
import path from 'node:path';
import { safetensorsAlternative } from '../models/knownRepositories';
import { quoteName, parseStrictJson } from '../models/strictJson';
import { systemCode } from '../files/systemErrors';
import { parseConfigJson } from './configJson';
import { fileMissing, fromSystemError, pickleOnly, WeightsError } from './errors';
import { isPlainFileName, readInFolder } from './modelFiles';
import { openSafetensors, type SafetensorsFile, type TensorData } from './safetensors';
import type { SafetensorsTensor } from '../models/safetensorsHeader';

const MAX_CONFIG_BYTES = 4 << 20;
const MAX_INDEX_BYTES = 64 << 20;
const MAX_SHARDS = 1000;
export const CONFIG_FILE = 'config.json';
export const WEIGHTS_FILE = 'model.safetensors';
export const INDEX_FILE = 'model.safetensors.index.json';
const PICKLE = /\.(?:bin|pt|pth|ckpt|pkl|pickle)$/i;

/** Weights of a folder without its config. */
export interface ModelWeights {
  /** Every tensor by its name in the file, as its header describes it. */
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  /** @throws WeightsError naming file and tensor when it is missing, of an unreadable dtype, or cut */
  readonly read: (name: string) => Promise<TensorData>;
  /** SHA-256 over every file of weights, hexadecimal: other bytes give another. */
  readonly digest: () => Promise<string>;
  readonly close: () => Promise<void>;
}

export interface ModelFolder extends ModelWeights {
  readonly path: string;
  /** `config.json`, parsed. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly names: readonly string[];
}

/** The repository `owner/name` that a cache folder or a folder's name speaks of, where one can be told. */
function repositoryOf(folder: string): string | undefined {
  const cached = /(?:^|[/\\])models--([^/\\]+?)--([^/\\]+)[/\\]snapshots[/\\][^/\\]+$/.exec(folder);
  if (cached !== null) return `${cached[1] ?? ''}/${cached[2] ?? ''}`;
  const name = path.basename(folder);
  return /^mamba-\d/.test(name) ? `state-spaces/${name}` : undefined;
}

/**
 * `config.json` of a folder.
 * @throws WeightsError when it is missing or not a JSON object
 */
export async function readModelConfig(folder: string): Promise<Readonly<Record<string, unknown>>> {
  const shown = path.join(folder, CONFIG_FILE);
  const text = (await readInFolder(folder, CONFIG_FILE, MAX_CONFIG_BYTES)).toString('utf8');
  let value: unknown;
  try {
    value = parseConfigJson(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    value = undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new WeightsError(
      'config-damaged',
      `${shown} is not a JSON object.`,
      'Download or export the model again.',
      shown,
    );
  }
  return value as Readonly<Record<string, unknown>>;
}

/**
 * File names in a folder.
 * @throws WeightsError when there is no such folder
 */
export async function listFolder(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      throw fileMissing(folder, 'Check the path of the model folder.');
    }
    throw fromSystemError(error, folder);
  }
}

/**
 * Where `hybrid.projectors.from` finds projectors: in a run's folder those that it pretrained, else its result's; of any
 * other folder in itself.
 */
export async function projectorFolder(folder: string): Promise<string> {
  if (!(await isThere(path.join(folder, 'run.json')))) return folder;
  const result = path.join(folder, 'result');
  const pretrained = path.join(result, 'projectors');
  return (await isThere(path.join(pretrained, WEIGHTS_FILE))) ? pretrained : result;
}

async function isThere(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}

/** Names of pickles in a folder, which are the reason to refuse it when it has no safetensors. */
export const pickleFiles = (names: readonly string[]): readonly string[] =>
  names.filter((name) => PICKLE.test(name)).sort();

/** The way out of a pickle-only folder, where a repository with safetensors is known. */
export function pickleSuggestion(folder: string): string | undefined {
  const id = repositoryOf(folder);
  return id === undefined ? undefined : safetensorsAlternative(id);
}

/**
 * `weight_map` of an index: tensor → file name, every name a plain one.
 * @throws WeightsError when the index is damaged
 */
export function parseShardIndex(text: string, shown: string): ReadonlyMap<string, string> {
  const damaged = (why: string) =>
    new WeightsError('index-damaged', `${shown} is damaged: ${why}.`, 'Download it again.', shown);
  const json = parseStrictJson(text, { maxDepth: 8, maxValues: 1_000_000 });
  if (!json.ok) throw damaged(json.message);
  const map = json.value instanceof Map ? json.value.get('weight_map') : undefined;
  if (!(map instanceof Map) || map.size === 0) throw damaged('it has no weight_map');
  const files = new Map<string, string>();
  for (const [tensor, file] of map) {
    if (typeof file !== 'string' || !isPlainFileName(file) || !file.endsWith('.safetensors')) {
      throw damaged(`tensor ${quoteName(tensor)} is in no plain .safetensors file of this folder`);
    }
    files.set(tensor, file);
  }
  if (new Set(files.values()).size > MAX_SHARDS) throw damaged(`more than ${MAX_SHARDS} shards`);
  return files;
}

async function openSingle(folder: string): Promise<ModelWeights> {
  const file = await openSafetensors(folder, WEIGHTS_FILE);
  return {
    tensors: new Map(file.header.tensors.map((tensor) => [tensor.name, tensor])),
    read: file.read,
    digest: file.digest,
    close: file.close,
  };
}

async function openSharded(folder: string): Promise<ModelWeights> {
  const indexPath = path.join(folder, INDEX_FILE);
  const index = await readInFolder(folder, INDEX_FILE, MAX_INDEX_BYTES);
  const map = parseShardIndex(index.toString('utf8'), indexPath);
  const shards = new Map<string, SafetensorsFile>();
  const close = async () => {
    for (const shard of shards.values()) await shard.close();
  };
  try {
    for (const name of new Set(map.values())) shards.set(name, await openSafetensors(folder, name));
    const tensors = new Map<string, SafetensorsTensor>();
    const headers = new Map(
      [...shards].map(([name, { header }]) => [
        name,
        new Map(header.tensors.map((tensor) => [tensor.name, tensor])),
      ]),
    );
    for (const [tensor, name] of map) {
      const header = headers.get(name)?.get(tensor);
      if (header === undefined) {
        throw new WeightsError(
          'tensor-missing',
          `${path.join(folder, name)} lacks the tensor ${quoteName(tensor)} that ${INDEX_FILE} places there.`,
          'Download the model again: index and shards belong to different versions.',
          path.join(folder, name),
          tensor,
        );
      }
      tensors.set(tensor, header);
    }
    return {
      tensors,
      close,
      read: (tensor) => readFromShards(tensor, map, shards, indexPath),
      digest: () => digestShards(shards),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function digestShards(shards: ReadonlyMap<string, SafetensorsFile>): Promise<string> {
  const hash = createHash('sha256');
  for (const [name, shard] of [...shards].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name}\0${await shard.digest()}\0`);
  }
  return hash.digest('hex');
}

async function readFromShards(
  tensor: string,
  map: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, SafetensorsFile>,
  indexPath: string,
): Promise<TensorData> {
  const shard = shards.get(map.get(tensor) ?? '');
  if (shard === undefined) {
    throw new WeightsError(
      'tensor-missing',
      `${indexPath} has no tensor ${quoteName(tensor)}.`,
      'Check that the weights belong to this config.json.',
      indexPath,
      tensor,
    );
  }
  return shard.read(tensor);
}

/**
 * Opens the weights of a folder; every header is checked, no tensor is read.
 * @throws WeightsError when they are missing, damaged, or only there as pickles
 */
export async function openModelWeights(folder: string): Promise<ModelWeights> {
  const names = await listFolder(folder);
  if (names.includes(WEIGHTS_FILE)) return openSingle(folder);
  if (names.includes(INDEX_FILE)) return openSharded(folder);
  if (pickleFiles(names).length > 0) throw pickleOnly(folder, pickleSuggestion(folder));
  throw fileMissing(
    path.join(folder, WEIGHTS_FILE),
    'Give a folder with model.safetensors, or shards and model.safetensors.index.json.',
  );
}

/**
 * Opens a model folder. The caller closes it.
 * @throws WeightsError as `openModelWeights` and `readModelConfig`
 */
export async function openModelFolder(folder: string): Promise<ModelFolder> {
  const config = await readModelConfig(folder);
  const weights = await openModelWeights(folder);
  return { path: folder, config, names: [...weights.tensors.keys()], ...weights };
}
