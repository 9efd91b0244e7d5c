/** The language's view of the disk (`models/modelReader`), on Node: headers only, nothing fetched, no pattern run. */
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type {
  FileFinding,
  FoundModel,
  ModelFinding,
  ModelReader,
  RecordsFinding,
  ResultFinding,
  TensorHeader,
  TokenizerFinding,
  TokenizerSummary,
} from '../models/modelReader';
import { readTokenizerIdentity } from '../models/tokenizerIdentity';
import { systemCode } from '../files/systemErrors';
import { CHAT_TEMPLATE_FILES, readChatTemplate } from './chatTemplate';
import { WeightsError } from './errors';
import { FileMemory, signatureOf } from './fileMemory';
import { cachedFolder, hubCacheFolder, isHubSource, parseHubId, type Environment } from './hubId';
import {
  CONFIG_FILE,
  listFolder,
  openModelWeights,
  pickleFiles,
  pickleSuggestion,
  projectorFolder,
  readModelConfig,
} from './modelFolder';
import { isInside, resolveInFolder } from './modelFiles';
import { readProjectorManifest } from './projectorManifest';
import { readRecordFields } from './recordFields';
import { readTokenizerJson, TOKENIZER_FILE } from './tokenizer';

export interface NodeModelReaderOptions {
  /** In an untrusted workspace: only what lies in this folder is read, and of the hub's cache nothing. */
  readonly within?: string;
  readonly environment?: Environment;
}

/** Tokenizers and headers remembered: a large tokenizer takes a second to parse, and an editor asks at each keystroke. */
const REMEMBERED = 16;

/** Files that say which tensors a folder has. */
const WEIGHTS_NAME = /\.safetensors(?:\.index\.json)?$/;

const OUTSIDE = 'lies outside the workspace, which is not trusted.';

/** A path's real place, `undefined` when there is nothing. */
async function placeOf(file: string): Promise<string | undefined> {
  try {
    return await realpath(file);
  } catch (error) {
    if (systemCode(error) !== undefined || isBadPath(error)) return undefined;
    throw error;
  }
}

/** Node throws this for a path with a NUL. */
const isBadPath = (error: unknown): boolean =>
  error instanceof TypeError && 'code' in error && error.code === 'ERR_INVALID_ARG_VALUE';

class NodeModelReader {
  private readonly summaries = new FileMemory<TokenizerSummary>(REMEMBERED);
  private readonly configs = new FileMemory<FoundModel['config']>(REMEMBERED);
  private readonly headers = new FileMemory<readonly TensorHeader[]>(REMEMBERED);

  constructor(private readonly options: NodeModelReaderOptions) {}

  private async isAllowed(real: string): Promise<boolean> {
    const { within } = this.options;
    if (within === undefined) return true;
    const root = await placeOf(within);
    return root !== undefined && (root === real || isInside(root, real));
  }

  private get cache(): string {
    return hubCacheFolder(this.options.environment);
  }

  async readModel(source: string, base: string): Promise<ModelFinding> {
    if (!isHubSource(source)) return this.readFolder(path.resolve(base, source), undefined);
    const parsed = parseHubId(source);
    if (!parsed.ok) return { kind: 'invalid', message: parsed.message };
    const folder = await cachedFolder(parsed.model, { cache: this.cache });
    return folder === undefined
      ? { kind: 'notCached', ...parsed.model }
      : this.readFolder(folder, parsed.model);
  }

  private async readFolder(
    folder: string,
    hub: { readonly id: string; readonly revision: string } | undefined,
  ): Promise<ModelFinding> {
    const real = await placeOf(folder);
    if (real === undefined) return { kind: 'missing', path: folder, file: undefined };
    if (!(await this.isAllowed(real))) {
      return { kind: 'damaged', path: folder, file: '', message: `${folder} ${OUTSIDE}` };
    }
    try {
      if (!(await stat(real)).isDirectory()) {
        return { kind: 'missing', path: folder, file: undefined };
      }
      const config = await this.readConfig(folder);
      const tensors = await this.readHeaders(folder);
      const tokenizer = await this.readTokenizerIn(folder);
      return { kind: 'found', path: folder, hub, config, tensors, tokenizer };
    } catch (error) {
      return this.findingOf(error, folder);
    }
  }

  private async readConfig(folder: string): Promise<FoundModel['config']> {
    const signature = await signatureOf([path.join(folder, CONFIG_FILE)]);
    const known = this.configs.get(signature);
    if (known) return known;
    const config = await readModelConfig(folder);
    this.configs.set(signature, config);
    return config;
  }

  /** Every tensor of a folder's files. */
  private async readHeaders(folder: string): Promise<readonly TensorHeader[]> {
    const files = (await listFolder(folder)).filter((name) => WEIGHTS_NAME.test(name)).sort();
    const signature = await signatureOf(files.map((name) => path.join(folder, name)));
    const known = this.headers.get(signature);
    if (known) return known;
    const weights = await openModelWeights(folder);
    await weights.close();
    const tensors = [...weights.tensors].map(([name, { dtype, shape }]) => ({
      name,
      dtype,
      shape,
    }));
    this.headers.set(signature, tensors);
    return tensors;
  }

  private async findingOf(error: unknown, folder: string): Promise<ModelFinding> {
    if (!(error instanceof WeightsError)) throw error;
    const file = error.file === undefined ? '' : path.relative(folder, error.file);
    if (error.code === 'pickle-only') {
      const files = pickleFiles(await listFolder(folder));
      return { kind: 'pickleOnly', path: folder, files, suggestion: pickleSuggestion(folder) };
    }
    if (error.code === 'file-missing') {
      return { kind: 'missing', path: folder, file: file === '' ? undefined : file };
    }
    return { kind: 'damaged', path: folder, file, message: `${error.what} ${error.hint}` };
  }

  async readTokenizer(source: string, base: string): Promise<TokenizerFinding> {
    if (!isHubSource(source)) return this.readTokenizerIn(path.resolve(base, source));
    const parsed = parseHubId(source);
    if (!parsed.ok) return { kind: 'damaged', path: source, message: parsed.message };
    const folder = await cachedFolder(parsed.model, { cache: this.cache, need: 'tokenizer' });
    return folder === undefined
      ? { kind: 'notCached', ...parsed.model }
      : this.readTokenizerIn(folder);
  }

  private async readTokenizerIn(folder: string): Promise<TokenizerFinding> {
    try {
      const real = await resolveInFolder(folder, TOKENIZER_FILE);
      if (!(await this.isAllowed(real))) {
        return { kind: 'damaged', path: folder, message: `${folder} ${OUTSIDE}` };
      }
      const signature = await signatureOf([real]);
      let summary = this.summaries.get(signature);
      if (summary === undefined) {
        const reading = readTokenizerIdentity(await readTokenizerJson(folder));
        if (!reading.ok) {
          const message = `${path.join(folder, TOKENIZER_FILE)} is damaged: ${reading.message}.`;
          return { kind: 'damaged', path: folder, message };
        }
        summary = { size: reading.identity.size, digest: reading.identity.digest };
        this.summaries.set(signature, summary);
      }
      const hasChatTemplate = await this.hasChatTemplate(folder);
      return { kind: 'found', path: folder, summary: { ...summary, ...hasChatTemplate } };
    } catch (error) {
      if (isBadPath(error)) return { kind: 'missing', path: folder };
      if (!(error instanceof WeightsError)) throw error;
      return error.code === 'file-missing'
        ? { kind: 'missing', path: folder }
        : { kind: 'damaged', path: folder, message: `${error.what} ${error.hint}` };
    }
  }

  /** Says nothing where its files can't be read: only a config that needs one asks. */
  private async hasChatTemplate(folder: string): Promise<{ hasChatTemplate?: boolean }> {
    try {
      for (const name of CHAT_TEMPLATE_FILES) {
        const real = await resolveInFolder(folder, name).catch(() => undefined);
        if (real !== undefined && !(await this.isAllowed(real))) return {};
      }
      return { hasChatTemplate: (await readChatTemplate(folder)) !== undefined };
    } catch (error) {
      if (!(error instanceof WeightsError)) throw error;
      return {};
    }
  }

  async readFile(file: string, base: string): Promise<FileFinding> {
    const full = path.resolve(base, file);
    const real = await placeOf(full);
    if (real === undefined) return { kind: 'missing', path: full };
    if (!(await this.isAllowed(real))) {
      return { kind: 'refused', path: full, message: `${full} ${OUTSIDE}` };
    }
    try {
      const status = await stat(real);
      if (status.isFile()) return { kind: 'file', path: full, bytes: status.size };
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
      return { kind: 'missing', path: full };
    }
    return { kind: 'refused', path: full, message: `${full} is not a regular file.` };
  }

  async readRecords(
    file: string,
    base: string,
    format: 'jsonl' | 'parquet',
  ): Promise<RecordsFinding> {
    const real = await placeOf(path.resolve(base, file));
    if (real === undefined || !(await this.isAllowed(real))) return { kind: 'unknown' };
    try {
      return await readRecordFields(real, format);
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
      return { kind: 'unknown' };
    }
  }

  async readResult(folder: string, base: string): Promise<ResultFinding> {
    const named = await placeOf(path.resolve(base, folder));
    const real = named === undefined ? undefined : await placeOf(await projectorFolder(named));
    if (real === undefined) return { kind: 'missing' };
    if (!(await this.isAllowed(real))) {
      return { kind: 'damaged', message: `${path.resolve(base, folder)} ${OUTSIDE}` };
    }
    try {
      const tensors = await this.readHeaders(real);
      const tokenizer = await this.readTokenizerIn(real);
      const manifest = await readProjectorManifest(real);
      return { kind: 'found', tensors, tokenizer, ...(manifest ? { manifest } : {}) };
    } catch (error) {
      if (!(error instanceof WeightsError)) throw error;
      return error.code === 'file-missing' || error.code === 'pickle-only'
        ? { kind: 'missing' }
        : { kind: 'damaged', message: `${error.what} ${error.hint}` };
    }
  }
}

/** A reader of the disk for the language. Keep one: it remembers the tokenizers it has read. */
export function createNodeModelReader(options: NodeModelReaderOptions = {}): ModelReader {
  const reader = new NodeModelReader(options);
  return {
    readModel: (source, base) => reader.readModel(source, base),
    readTokenizer: (source, base) => reader.readTokenizer(source, base),
    readFile: (file, base) => reader.readFile(file, base),
    readRecords: (file, base, format) => reader.readRecords(file, base, format),
    readResult: (folder, base) => reader.readResult(folder, base),
  };
}
