/** Models of the hub: `hf:owner/name[@revision]`, and where the shared cache keeps them (huggingface_hub's layout). */
import { readFile, readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { systemCode } from '../files/systemErrors';
import { WeightsError } from './errors';
import { INDEX_FILE, parseShardIndex, pickleFiles, WEIGHTS_FILE } from './modelFolder';

export interface HubModel {
  /** `owner/name`, or `name` for the hub's oldest models (`gpt2`). */
  readonly id: string;
  /** Branch, tag or commit. */
  readonly revision: string;
}

/** What this reads of the process's environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

export const isHubSource = (source: string): boolean => source.startsWith('hf:');
export const COMMIT = /^[0-9a-f]{40}$/;
const PART = /^[A-Za-z0-9](?:[\w.-]{0,94}[\w])?$/;
const REVISION = /^[\w](?:[\w./-]{0,198}[\w])?$/;

/** Spells a model as a config does. */
export const showHubModel = ({ id, revision }: HubModel): string =>
  revision === 'main' ? `hf:${id}` : `hf:${id}@${revision}`;

/** `hf:owner/name[@revision]` taken apart; the problem in one sentence where it is none. Never throws. */
export function parseHubId(
  source: string,
):
  | { readonly ok: true; readonly model: HubModel }
  | { readonly ok: false; readonly message: string } {
  const bad = (why: string) => ({
    ok: false as const,
    message: `${JSON.stringify(source.slice(0, 120))} ${why}: write hf:owner/name or hf:owner/name@revision.`,
  });
  if (!isHubSource(source)) return bad('does not start with "hf:"');
  const [id = '', revision = 'main', ...more] = source.slice(3).split('@');
  const parts = id.split('/');
  if (more.length > 0) return bad('has two "@"');
  if (parts.length > 2 || !parts.every((part) => PART.test(part) && !/--|\.\./.test(part))) {
    return bad('names no repository of the hub');
  }
  if (!REVISION.test(revision) || /\.\.|\/\/|\/\.|\.\/|\.lock$/.test(revision)) {
    return bad('names no revision of a repository');
  }
  return { ok: true, model: { id, revision } };
}

/** The shared cache: HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub or ~/.cache/huggingface/hub. */
export function hubCacheFolder(environment: Environment = process.env): string {
  const given = environment['HF_HUB_CACHE'] ?? environment['HUGGINGFACE_HUB_CACHE'];
  if (given !== undefined && given !== '') return path.resolve(expandHome(given));
  const home = environment['HF_HOME'];
  if (home !== undefined && home !== '') return path.resolve(expandHome(home), 'hub');
  const caches = environment['XDG_CACHE_HOME'];
  const base =
    caches !== undefined && caches !== '' ? expandHome(caches) : path.join(homedir(), '.cache');
  return path.resolve(base, 'huggingface', 'hub');
}

const expandHome = (folder: string): string =>
  folder === '~' || folder.startsWith('~/') ? path.join(homedir(), folder.slice(1)) : folder;

/** A repository's folder in the cache: `models--owner--name`. */
export const repositoryFolder = (cache: string, id: string): string =>
  path.join(cache, ['models', ...id.split('/')].join('--'));

/** Whether the user asked for no network: HF_HUB_OFFLINE, as huggingface_hub reads it. */
export function isOffline(environment: Environment = process.env): boolean {
  return ['1', 'ON', 'YES', 'TRUE'].includes((environment['HF_HUB_OFFLINE'] ?? '').toUpperCase());
}

const isFolder = async (folder: string): Promise<boolean> => {
  try {
    return (await stat(folder)).isDirectory();
  } catch (error) {
    if (systemCode(error) !== undefined) return false;
    throw error;
  }
};

/** The commit that the cache last saw for a branch or tag. */
async function cachedCommit(repository: string, revision: string): Promise<string | undefined> {
  if (COMMIT.test(revision)) return revision;
  try {
    const reference = path.join(repository, 'refs', ...revision.split('/'));
    const commit = (await readFile(reference, 'utf8')).trim();
    return COMMIT.test(commit) ? commit : undefined;
  } catch (error) {
    if (systemCode(error) !== undefined) return undefined;
    throw error;
  }
}

/** What a use needs of a snapshot. */
export type Need = 'model' | 'tokenizer';

/**
 * Whether a snapshot holds what is needed: other programs leave partial ones. Weights that are only there as pickles
 * count as whole, so that the refusal says so.
 */
async function isWhole(folder: string, need: Need): Promise<boolean> {
  const names = await readdir(folder);
  if (need === 'tokenizer') return names.includes('tokenizer.json');
  if (!names.includes('config.json')) return false;
  if (names.includes(WEIGHTS_FILE)) return true;
  if (!names.includes(INDEX_FILE)) return pickleFiles(names).length > 0;
  const index = path.join(folder, INDEX_FILE);
  try {
    const map = parseShardIndex(await readFile(index, 'utf8'), index);
    return [...new Set(map.values())].every((shard) => names.includes(shard));
  } catch (error) {
    // A damaged index is reported by whoever opens the folder.
    if (error instanceof WeightsError) return true;
    throw error;
  }
}

/**
 * The cached snapshot of a model, `undefined` when it is not there or lacks files that are needed. Touches no network.
 * @throws nothing that a cache can cause
 */
export async function cachedFolder(
  model: HubModel,
  options: { readonly cache?: string; readonly need?: Need } = {},
): Promise<string | undefined> {
  const repository = repositoryFolder(options.cache ?? hubCacheFolder(), model.id);
  const commit = await cachedCommit(repository, model.revision);
  if (commit === undefined) return undefined;
  const folder = path.join(repository, 'snapshots', commit);
  if (!(await isFolder(folder))) return undefined;
  try {
    return (await isWhole(folder, options.need ?? 'model')) ? folder : undefined;
  } catch (error) {
    if (systemCode(error) !== undefined) return undefined;
    throw error;
  }
}

/** The error for a model that has to be there already. */
export const notCached = (model: HubModel): WeightsError =>
  new WeightsError(
    'hub-not-cached',
    `${showHubModel(model)} is not in the shared cache.`,
    `Download it with: manticore pull ${showHubModel(model)}`,
  );
