/** Downloads what a hybrid needs of a hub model into the shared cache: listed by `hubListing`, fetched by `hubBlob`. */
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { safetensorsAlternative } from '../models/knownRepositories';
import { syncFolder, writeFully } from '../files/atomicFile';
import { writeAtomically } from './modelFiles';
import { fromSystemError, pickleOnly, WeightsError } from './errors';
import { downloadBlob, type HubFile } from './hubBlob';
import {
  cachedFolder,
  COMMIT,
  hubCacheFolder,
  isOffline,
  notCached,
  repositoryFolder,
  showHubModel,
  type Environment,
  type HubModel,
  type Need,
} from './hubId';
import { findCommit, listRepository } from './hubListing';
import { badAnswer, hubConnection, type HubConnection } from './hubRequest';
import { INDEX_FILE, parseShardIndex, pickleFiles, WEIGHTS_FILE } from './modelFolder';
import { placeInSnapshot } from './hubSnapshot';

export type PullProgress =
  /** Once the files are known (for shards: again when the index has named them). */
  | {
      readonly type: 'listed';
      readonly commit: string;
      readonly files: readonly { readonly name: string; readonly size: number }[];
      readonly totalBytes: number;
    }
  /** `bytes` of `size` of this file are here; `doneBytes` of all. */
  | {
      readonly type: 'progress';
      readonly file: string;
      readonly bytes: number;
      readonly size: number;
      readonly doneBytes: number;
      readonly totalBytes: number;
    }
  /** The file is whole and checked. */
  | { readonly type: 'file'; readonly file: string; readonly size: number };

export interface PullOptions {
  readonly onProgress?: (progress: PullProgress) => void;
  readonly signal?: AbortSignal;
  /** HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE and the cache's folder; default the process's. */
  readonly environment?: Environment;
  readonly need?: Need;
  /** Milliseconds of silence after which a request is given up. */
  readonly patience?: number;
}

export interface PullResult {
  /** The snapshot's folder. */
  readonly path: string;
  readonly commit: string;
  /** `false`: the hub could not be asked, and the cache had it. */
  readonly checked: boolean;
}

const MAX_INDEX_BYTES = 64 << 20;
const TOKENIZER_FILES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
];
const MODEL_FILES = ['config.json', 'generation_config.json', ...TOKENIZER_FILES];

function required(files: ReadonlyMap<string, HubFile>, name: string, model: HubModel): HubFile {
  const file = files.get(name);
  if (file !== undefined) return file;
  throw new WeightsError(
    'hub-file',
    `${showHubModel(model)} has no file ${name}.`,
    'Choose another model or revision.',
    name,
  );
}

/** One pull: its files, and how far they are. */
class Pull {
  private files: HubFile[] = [];
  private doneBytes = 0;

  constructor(
    private readonly model: HubModel,
    private readonly commit: string,
    private readonly connection: HubConnection,
    private readonly repository: string,
    private readonly onProgress: (progress: PullProgress) => void,
  ) {}

  get snapshot(): string {
    return path.join(this.repository, 'snapshots', this.commit);
  }

  private get totalBytes(): number {
    return this.files.reduce((sum, file) => sum + file.size, 0);
  }

  add(files: readonly HubFile[]): void {
    this.files.push(...files);
    const { commit, totalBytes } = this;
    const shown = this.files.map(({ name, size }) => ({ name, size }));
    this.onProgress({ type: 'listed', commit, files: shown, totalBytes });
  }

  async download(file: HubFile): Promise<void> {
    const { connection, model, commit } = this;
    const address = `${connection.endpoint}/${model.id}/resolve/${commit}/${encodeURIComponent(file.name)}`;
    const blobs = path.join(this.repository, 'blobs');
    const blob = await downloadBlob(file, address, blobs, model, connection, (bytes) => {
      const doneBytes = this.doneBytes + bytes;
      const { name, size } = file;
      this.onProgress({
        ...{ type: 'progress', file: name, bytes, size, doneBytes },
        totalBytes: this.totalBytes,
      });
    });
    await mkdir(this.snapshot, { recursive: true });
    await placeInSnapshot(this.snapshot, file.name, blob);
    this.doneBytes += file.size;
    this.onProgress({ type: 'file', file: file.name, size: file.size });
  }

  /** Last of all: a revision points only to a snapshot that is whole. */
  async finish(): Promise<void> {
    await syncFolder(this.snapshot);
    if (this.model.revision === this.commit) return;
    const reference = path.join(this.repository, 'refs', ...this.model.revision.split('/'));
    await writeAtomically(reference, (handle) => writeFully(handle, Buffer.from(this.commit)));
  }
}

/** Downloads the index, then tells which shards it names. */
async function shardsOf(
  pull: Pull,
  files: ReadonlyMap<string, HubFile>,
  model: HubModel,
): Promise<readonly HubFile[]> {
  const index = required(files, INDEX_FILE, model);
  if (index.size > MAX_INDEX_BYTES) {
    throw new WeightsError(
      'file-too-large',
      `${model.id}/${INDEX_FILE} has ${index.size} bytes.`,
      'Choose another model.',
    );
  }
  pull.add([index]);
  await pull.download(index);
  const text = await readFile(path.join(pull.snapshot, INDEX_FILE), 'utf8');
  const names = new Set(parseShardIndex(text, `${model.id}/${INDEX_FILE}`).values());
  return [...names].sort().map((name) => required(files, name, model));
}

async function downloadNeeded(
  pull: Pull,
  files: ReadonlyMap<string, HubFile>,
  model: HubModel,
  need: Need,
): Promise<void> {
  const small = (need === 'model' ? MODEL_FILES : TOKENIZER_FILES).flatMap(
    (name) => files.get(name) ?? [],
  );
  let weights: readonly HubFile[] = [];
  if (need === 'tokenizer') {
    required(files, 'tokenizer.json', model);
  } else {
    required(files, 'config.json', model);
    const single = files.get(WEIGHTS_FILE);
    const pickles = pickleFiles([...files.keys()]);
    if (single === undefined && !files.has(INDEX_FILE) && pickles.length > 0) {
      throw pickleOnly(showHubModel(model), safetensorsAlternative(model.id));
    }
    weights = single === undefined ? await shardsOf(pull, files, model) : [single];
  }
  const all = [...small, ...weights];
  pull.add(all);
  for (const file of all) await pull.download(file);
  await pull.finish();
}

/** The cache's copy when the hub can't be reached. */
async function fromCache(
  model: HubModel,
  cache: string,
  need: Need,
): Promise<PullResult | undefined> {
  const folder = await cachedFolder(model, { cache, need });
  return folder === undefined
    ? undefined
    : { path: folder, commit: path.basename(folder), checked: false };
}

/**
 * Brings `config.json`, tokenizer files and safetensors of a model (or its tokenizer files alone) into the shared cache.
 * Goes on where an earlier pull stopped. Without a network, what is cached and whole is good.
 * @throws WeightsError when the hub, the disk or the settings refuse, or `signal` aborts
 */
export async function pull(model: HubModel, options: PullOptions = {}): Promise<PullResult> {
  const environment = options.environment ?? process.env;
  const need = options.need ?? 'model';
  const cache = hubCacheFolder(environment);
  const cached = await fromCache(model, cache, need);
  if (cached !== undefined && COMMIT.test(model.revision)) return { ...cached, checked: true };
  if (isOffline(environment)) {
    if (cached !== undefined) return cached;
    const { code, what, hint } = notCached(model);
    throw new WeightsError(
      code,
      `${what} HF_HUB_OFFLINE forbids the network.`,
      `Unset it. ${hint}`,
    );
  }
  const { signal, patience } = options;
  const connection = hubConnection(environment, {
    ...(signal === undefined ? {} : { signal }),
    ...(patience === undefined ? {} : { patience }),
  });
  const repository = repositoryFolder(cache, model.id);
  let commit: string;
  let files: ReadonlyMap<string, HubFile>;
  try {
    commit = await findCommit(model, connection);
    files = await listRepository(model, commit, connection);
  } catch (error) {
    const unreachable =
      error instanceof WeightsError &&
      (error.code === 'hub-network' || error.code === 'hub-timeout');
    if (unreachable && cached !== undefined) return cached;
    // The library takes the shape of an answer for granted, and stumbles over any other.
    const misshapen = error instanceof SyntaxError || error instanceof TypeError;
    throw misshapen ? badAnswer(connection, 'an answer that is no list of files') : error;
  }
  const run = new Pull(model, commit, connection, repository, options.onProgress ?? (() => {}));
  try {
    await downloadNeeded(run, files, model, need);
  } catch (error) {
    throw fromSystemError(error, repository);
  }
  return { path: run.snapshot, commit, checked: true };
}
