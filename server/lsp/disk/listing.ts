/** What lies on the disk that a config could name: folders, files, models. Bounded, and never throws for what a disk can hold. */
import { opendir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Dirent } from 'node:fs';
import type { ModelChoice } from '../../contract/editor';
import { systemCode } from '../../files/systemErrors';
import { familyForConfig, parameterCount } from '../../models/families';
import { WeightsError } from '../../weights/errors';
import { cachedFolder, hubCacheFolder, parseHubId, showHubModel } from '../../weights/hubId';
import { isInside, isPlainFileName } from '../../weights/modelFiles';
import { CONFIG_FILE, INDEX_FILE, readModelConfig, WEIGHTS_FILE } from '../../weights/modelFolder';
import type { FolderEntry } from './diskProtocol';

/** Entries of one folder that are looked at. */
const MAX_SEEN = 5000;
/** Entries that are listed. */
const MAX_LISTED = 500;
/** Folders that a search for models enters, and how deep. */
const MAX_ENTERED = 400;
const MAX_DEPTH = 4;
const MAX_CHOICES = 100;

/** Folders that hold no model that a user would name. */
const SKIPPED: ReadonlySet<string> = new Set(['node_modules', '__pycache__', 'venv']);

/** Whether an error is one that a disk or a path can cause. */
function isOfDisk(error: unknown): boolean {
  const badPath = error instanceof TypeError && 'code' in error;
  return systemCode(error) !== undefined || badPath || error instanceof WeightsError;
}

async function orUndefined<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isOfDisk(error)) throw error;
    return undefined;
  }
}

/** The real place of a folder that may be listed; `within`: only inside it. */
async function allowedFolder(
  folder: string,
  within: string | undefined,
): Promise<string | undefined> {
  const real = await orUndefined(() => realpath(folder));
  if (real === undefined || within === undefined) return real;
  const root = await orUndefined(() => realpath(within));
  return root !== undefined && (root === real || isInside(root, real)) ? real : undefined;
}

async function entriesOf(folder: string): Promise<readonly Dirent[]> {
  const entries: Dirent[] = [];
  await orUndefined(async () => {
    for await (const entry of await opendir(folder)) {
      if (entries.push(entry) >= MAX_SEEN) break;
    }
  });
  const visible = entries.filter(
    ({ name }) => !name.startsWith('.') && !SKIPPED.has(name) && isPlainFileName(name),
  );
  return visible.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const statusOf = (file: string) => orUndefined(() => stat(file));

/** A folder's entries of one kind; links count as what they lead to. */
async function named(
  folder: string,
  within: string | undefined,
  kind: 'folder' | 'file',
): Promise<readonly string[]> {
  const names: string[] = [];
  for (const entry of await entriesOf(folder)) {
    if (names.length >= MAX_LISTED) break;
    if (entry.isSymbolicLink()) {
      const real = await allowedFolder(path.join(folder, entry.name), within);
      const status = real === undefined ? undefined : await statusOf(real);
      if (kind === 'folder' ? status?.isDirectory() : status?.isFile()) names.push(entry.name);
    } else if (kind === 'folder' ? entry.isDirectory() : entry.isFile()) {
      names.push(entry.name);
    }
  }
  return names;
}

export async function listFolders(
  folder: string,
  within: string | undefined,
): Promise<readonly FolderEntry[]> {
  const real = await allowedFolder(folder, within);
  if (real === undefined) return [];
  const names = await named(real, within, 'folder');
  return Promise.all(
    names.map(async (name) => ({
      name,
      isModel: (await statusOf(path.join(real, name, CONFIG_FILE)))?.isFile() === true,
    })),
  );
}

export async function listFiles(
  folder: string,
  within: string | undefined,
): Promise<readonly string[]> {
  const real = await allowedFolder(folder, within);
  return real === undefined ? [] : named(real, within, 'file');
}

/** Models of the hub's cache as `hf:` names them, without the `hf:`; nothing in an untrusted workspace. */
export async function listHubModels(
  within: string | undefined,
): Promise<readonly { readonly id: string; readonly folder: string }[]> {
  if (within !== undefined) return [];
  const cache = hubCacheFolder();
  const models: { id: string; folder: string }[] = [];
  for (const entry of await entriesOf(cache)) {
    if (models.length >= MAX_LISTED) break;
    if (!entry.name.startsWith('models--')) continue;
    const id = entry.name.slice('models--'.length).replace('--', '/');
    for (const revision of await revisionsOf(path.join(cache, entry.name))) {
      const parsed = parseHubId(showHubModel({ id, revision }));
      const folder = parsed.ok ? await cachedFolder(parsed.model, { cache }) : undefined;
      if (!parsed.ok || folder === undefined) continue;
      models.push({ id: showHubModel(parsed.model).slice('hf:'.length), folder });
    }
  }
  return models;
}

/** Branches and tags that the cache knows of a repository: the main one alone, if there. */
async function revisionsOf(repository: string): Promise<readonly string[]> {
  const names = await named(path.join(repository, 'refs'), undefined, 'file');
  return names.includes('main') ? ['main'] : names;
}

/** Models below `root` as a config in `folder` names them, nearest first, then those of the hub's cache. */
export async function listChoices(
  folder: string,
  root: string,
  within: string | undefined,
): Promise<readonly ModelChoice[]> {
  const choices: ModelChoice[] = [];
  for (const model of await modelFolders(root, within)) {
    if (choices.length >= MAX_CHOICES) break;
    const relative = path.relative(folder, model).split(path.sep).join('/');
    const source = relative.startsWith('..') ? relative : `./${relative}`;
    const choice = await choiceOf(model, source, path.basename(model));
    if (choice) choices.push(choice);
  }
  for (const { id, folder: snapshot } of await listHubModels(within)) {
    if (choices.length >= 2 * MAX_CHOICES) break;
    const choice = await choiceOf(snapshot, `hf:${id}`, id);
    if (choice) choices.push(choice);
  }
  return choices;
}

/** Folders with a `config.json` below `root`, breadth first; links are not followed. */
async function modelFolders(root: string, within: string | undefined): Promise<readonly string[]> {
  if ((await allowedFolder(root, within)) === undefined) return [];
  const found: string[] = [];
  let level = [root];
  let entered = 0;
  for (let depth = 0; depth <= MAX_DEPTH && level.length > 0; depth++) {
    const next: string[] = [];
    for (const folder of level) {
      if (++entered > MAX_ENTERED) return found;
      const entries = await entriesOf(folder);
      if (entries.some((entry) => entry.name === CONFIG_FILE && entry.isFile())) found.push(folder);
      else {
        const folders = entries.filter((entry) => entry.isDirectory());
        next.push(...folders.map(({ name }) => path.join(folder, name)));
      }
    }
    level = next;
  }
  return found;
}

/** `undefined` for what no config could use: another family, no safetensors. */
async function choiceOf(
  folder: string,
  source: string,
  label: string,
): Promise<ModelChoice | undefined> {
  const config = await orUndefined(() => readModelConfig(folder));
  const table = familyForConfig(config);
  const architecture = config && table?.read(config).value;
  if (!architecture) return undefined;
  const weights = await Promise.all(
    [WEIGHTS_FILE, INDEX_FILE].map((name) => statusOf(path.join(folder, name))),
  );
  if (!weights.some((status) => status?.isFile())) return undefined;
  return {
    source,
    label,
    family: architecture.family,
    layers: architecture.layers,
    parameters: parameterCount(architecture, architecture.vocabularyRows),
  };
}
