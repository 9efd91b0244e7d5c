/** Models and files in memory, for tests of the config language. */
import type {
  FileFinding,
  ModelFinding,
  ModelReader,
  RecordsFinding,
  ResultFinding,
  TensorHeader,
  TokenizerFinding,
} from '../../server/models/modelReader';
import { familyForConfig } from '../../server/models/families';

export type HubConfig = Readonly<Record<string, unknown>>;

export const tinyNeox: HubConfig = {
  model_type: 'gpt_neox',
  hidden_size: 16,
  num_hidden_layers: 4,
  num_attention_heads: 2,
  intermediate_size: 64,
  vocab_size: 48,
  max_position_embeddings: 64,
  rotary_pct: 0.25,
  tie_word_embeddings: false,
};

export const tinyMamba: HubConfig = {
  model_type: 'mamba',
  hidden_size: 24,
  num_hidden_layers: 5,
  state_size: 4,
  vocab_size: 40,
};

export const tinyGpt2: HubConfig = {
  model_type: 'gpt2',
  n_embd: 12,
  n_layer: 3,
  n_head: 3,
  n_positions: 32,
  vocab_size: 40,
};

/** The tensors that a whole model of this config has in its files. */
export function headersOf(config: HubConfig): TensorHeader[] {
  const table = familyForConfig(config)!;
  const architecture = table.read(config).value!;
  return table
    .tensors(architecture, architecture.vocabularyRows)
    .map(({ name, shape }) => ({ name, dtype: 'F32', shape }));
}

export const tokenizer = (size = 40, digest = 'a'.repeat(64)): TokenizerFinding => ({
  kind: 'found',
  path: '/tokenizers/one',
  summary: { size, digest },
});

export function model(
  config: HubConfig,
  changes: Partial<Extract<ModelFinding, { kind: 'found' }>> = {},
): ModelFinding {
  return {
    kind: 'found',
    path: '/models/some',
    hub: undefined,
    config,
    tensors: changes.tensors ?? headersOf(config),
    tokenizer: tokenizer(),
    ...changes,
  };
}

export interface FakeDisk {
  readonly models?: Readonly<Record<string, ModelFinding>>;
  readonly tokenizers?: Readonly<Record<string, TokenizerFinding>>;
  /** Bytes of each file. */
  readonly files?: Readonly<Record<string, number>>;
  /** Fields of each data file's records. */
  readonly records?: Readonly<Record<string, RecordsFinding>>;
  readonly results?: Readonly<Record<string, ResultFinding>>;
}

export const quickDisk: FakeDisk = {
  models: { './neox': model(tinyNeox), './mamba': model(tinyMamba), './gpt2': model(tinyGpt2) },
  files: { 'train.txt': 100_000, 'valid.txt': 10_000 },
};

export function fakeReader(disk: FakeDisk = quickDisk): ModelReader {
  const entry = <T>(record: Readonly<Record<string, T>> | undefined, key: string) =>
    record && Object.hasOwn(record, key) ? record[key] : undefined;
  const file = (path: string): FileFinding => {
    const bytes = entry(disk.files, path);
    return bytes === undefined ? { kind: 'missing', path } : { kind: 'file', path, bytes };
  };
  return {
    readModel: (source) =>
      Promise.resolve(
        entry(disk.models, source) ?? { kind: 'missing', path: source, file: undefined },
      ),
    readTokenizer: (source) =>
      Promise.resolve(entry(disk.tokenizers, source) ?? { kind: 'missing', path: source }),
    readFile: (path) => Promise.resolve(file(path)),
    readRecords: (path) => Promise.resolve(entry(disk.records, path) ?? { kind: 'unknown' }),
    readResult: (path) => Promise.resolve(entry(disk.results, path) ?? { kind: 'missing' }),
  };
}
