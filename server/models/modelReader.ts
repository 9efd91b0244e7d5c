/**
 * What `server/language` asks of the disk: headers only, never weights. Implemented for Node by
 * `server/weights/nodeModelReader.ts`, in memory by tests. No method throws or rejects for anything that a user's files
 * can hold: every outcome is a value.
 */

import type { ProjectorKind } from './projector';

/** One tensor as a safetensors header describes it, under the file's own name. */
export interface TensorHeader {
  readonly name: string;
  /** As in the header: `F32`, `F16`, `BF16`, … */
  readonly dtype: string;
  readonly shape: readonly number[];
}

export interface TokenizerSummary {
  /** Highest id + 1. */
  readonly size: number;
  /** Hex SHA-256 of the map from id to bytes: equal digests are the same tokenizer. */
  readonly digest: string;
  /** Whether its model has a chat template; absent where that isn't known. */
  readonly hasChatTemplate?: boolean;
}

/** The answer isn't there yet: nothing is said about it. Only readers that don't wait for a slow disk give this. */
export interface PendingFinding {
  readonly kind: 'pending';
}

export type TokenizerFinding =
  | PendingFinding
  | { readonly kind: 'found'; readonly path: string; readonly summary: TokenizerSummary }
  | { readonly kind: 'missing'; readonly path: string }
  /** `message`: one sentence for the user. */
  | { readonly kind: 'damaged'; readonly path: string; readonly message: string }
  | { readonly kind: 'notCached'; readonly id: string; readonly revision: string };

/** Where a source was found: a folder on disk, and for `hf:` the repository whose cached snapshot it is. */
export interface FoundModel {
  readonly kind: 'found';
  /** Absolute path of the folder. */
  readonly path: string;
  readonly hub: { readonly id: string; readonly revision: string } | undefined;
  /** `config.json`, parsed; always an object. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Every tensor of the folder's safetensors files, shards joined. */
  readonly tensors: readonly TensorHeader[];
  readonly tokenizer: TokenizerFinding;
}

export type ModelFinding =
  | FoundModel
  | PendingFinding
  /** No folder there, or (with `file`) the folder lacks that file, such as `config.json`. */
  | { readonly kind: 'missing'; readonly path: string; readonly file: string | undefined }
  /** Weights only as pickles (`pytorch_model.bin`): refused. `suggestion`: a source that has safetensors, where one is known. */
  | {
      readonly kind: 'pickleOnly';
      readonly path: string;
      readonly files: readonly string[];
      readonly suggestion: string | undefined;
    }
  /** A file is there but can't be used; `message`: one sentence for the user. */
  | {
      readonly kind: 'damaged';
      readonly path: string;
      readonly file: string;
      readonly message: string;
    }
  /** A hub model that isn't in the shared cache: `manticore pull` brings it. */
  | { readonly kind: 'notCached'; readonly id: string; readonly revision: string }
  /** `hf:` followed by what is no repository name; `message`: one sentence for the user. */
  | { readonly kind: 'invalid'; readonly message: string };

export type FileFinding =
  | PendingFinding
  | { readonly kind: 'file'; readonly path: string; readonly bytes: number }
  | { readonly kind: 'missing'; readonly path: string }
  /** A folder, a device, or a file outside what may be read. */
  | { readonly kind: 'refused'; readonly path: string; readonly message: string };

/** What pretrained projectors belong to, and how they came about. */
export interface ProjectorManifest {
  readonly components: readonly {
    readonly name: string;
    readonly family: string;
    readonly layers: number;
    readonly width: number;
  }[];
  /** N. */
  readonly blocks: number;
  /** d. */
  readonly width: number;
  /** V. */
  readonly vocabulary: number;
  readonly kind: ProjectorKind;
  /** Digest of the tokenizer; null where it couldn't be told. */
  readonly tokenizer: string | null;
  /** Whether embeddings were trained too: they are then among the tensors. */
  readonly embeddings: boolean;
  readonly seed: number;
  /** Of general text. */
  readonly tokens: number;
  /** On the held-out part of that text, nats a token. */
  readonly validationLoss: number;
  /** α that they were trained with at the end, [N][K]: a search begins with its own. */
  readonly alphas: readonly (readonly number[])[];
}

/** A field of a file's records. */
export interface RecordField {
  readonly name: string;
  /** `messages`: a list of objects that have a text as `role` and as `content`. */
  readonly holds: 'text' | 'messages' | 'other';
  /** Whether every record that was looked at has it. */
  readonly always: boolean;
}

export type RecordsFinding =
  | PendingFinding
  /** Of the first records, or of a Parquet file's footer. */
  | { readonly kind: 'found'; readonly fields: readonly RecordField[] }
  /** No file, one that may not be read, or one whose first records don't tell: nothing is said. */
  | { readonly kind: 'unknown' }
  /** `message`: a clause that says what is wrong with the records. */
  | { readonly kind: 'damaged'; readonly message: string };

export type ResultFinding =
  | PendingFinding
  | {
      readonly kind: 'found';
      readonly tensors: readonly TensorHeader[];
      readonly tokenizer: TokenizerFinding;
      /** Of pretrained projectors; absent: another hybrid. */
      readonly manifest?: ProjectorManifest;
    }
  /** No such folder, or one without weights. */
  | { readonly kind: 'missing' }
  /** `message`: one sentence for the user. */
  | { readonly kind: 'damaged'; readonly message: string };

/** `base`: absolute folder that relative sources and paths start from (the config's own). */
export interface ModelReader {
  /** `source`: a folder, or `hf:owner/name[@revision]` (looked up in the cache, never fetched). */
  readonly readModel: (source: string, base: string) => Promise<ModelFinding>;
  /** Tokenizer alone, for `components.x.tokenizer` and components from scratch: a folder or `hf:…`. */
  readonly readTokenizer: (source: string, base: string) => Promise<TokenizerFinding>;
  readonly readFile: (path: string, base: string) => Promise<FileFinding>;
  /** What the records of a data file have. */
  readonly readRecords: (
    path: string,
    base: string,
    format: 'jsonl' | 'parquet',
  ) => Promise<RecordsFinding>;
  /** The tensors of another hybrid, as for `projectors.from`: a folder, or a run's, which stands for its result. */
  readonly readResult: (path: string, base: string) => Promise<ResultFinding>;
}
