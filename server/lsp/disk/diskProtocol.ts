/**
 * What the language server asks of the process that reads the disk for it. Headers and listings are read there because
 * a hung mount blocks the threads of the process that asks, and a large tokenizer its event loop.
 */
import type { ModelChoice } from '../../contract/editor';
import type {
  FileFinding,
  ModelFinding,
  RecordsFinding,
  ResultFinding,
  TokenizerFinding,
} from '../../models/modelReader';

/** Argument that makes `dist/lsp.js` the process that reads. */
export const DISK_PROCESS = '--read-disk';

export interface FolderEntry {
  readonly name: string;
  /** Whether it has a `config.json`. */
  readonly isModel: boolean;
}

/** Question → [what it takes, what it is answered]. `base` and `folder` are absolute. */
export interface DiskQuestions {
  readonly model: [
    { readonly source: string; readonly base: string },
    Exclude<ModelFinding, { kind: 'pending' }>,
  ];
  readonly tokenizer: [
    { readonly source: string; readonly base: string },
    Exclude<TokenizerFinding, { kind: 'pending' }>,
  ];
  readonly file: [
    { readonly path: string; readonly base: string },
    Exclude<FileFinding, { kind: 'pending' }>,
  ];
  readonly records: [
    { readonly path: string; readonly base: string; readonly format: 'jsonl' | 'parquet' },
    Exclude<RecordsFinding, { kind: 'pending' }>,
  ];
  readonly result: [
    { readonly path: string; readonly base: string },
    Exclude<ResultFinding, { kind: 'pending' }>,
  ];
  /** Folders in a folder, by name. */
  readonly folders: [{ readonly relative: string; readonly base: string }, readonly FolderEntry[]];
  /** Regular files in a folder, by name. */
  readonly files: [{ readonly relative: string; readonly base: string }, readonly string[]];
  /** Models in the hub's cache. */
  readonly hubModels: [Readonly<Record<string, never>>, readonly { readonly id: string }[]];
  /** Models below `root`, as a config in `folder` names them, then those of the hub's cache. */
  readonly choices: [{ readonly folder: string; readonly root: string }, readonly ModelChoice[]];
}

export type DiskKind = keyof DiskQuestions;

export type DiskQuestion = {
  [K in DiskKind]: { readonly kind: K; readonly of: DiskQuestions[K][0] };
}[DiskKind];

/** To the process. */
export interface DiskRequest {
  readonly id: number;
  /** In an untrusted workspace: only what lies in this folder is read. */
  readonly within: string | undefined;
  readonly question: DiskQuestion;
  /** Digest of the answer that the asker has. */
  readonly known: string | undefined;
}

/** From the process. `answer`: serialised by `node:v8`, absent when it is the one that is known. */
export type DiskReply =
  | { readonly id: number; readonly digest: string; readonly answer: Uint8Array | undefined }
  | { readonly id: number; readonly failed: string };
