/**
 * Short jobs of the compute process: the CLI or the language server sends one ComputeJob as JSON on its standard input
 * and reads ComputeMessages, one a line, from its standard output. The process ends after the job.
 */
import type { DataSource } from './config';
import type { EngineReport } from './engine';

export type ExportType = 'F32' | 'F16' | 'BF16';

/** `manticore`: what `generate`, `eval` and `projectors.from` read; `transformers`: with the Python that runs it there. */
export const EXPORT_FORMATS = ['manticore', 'transformers'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** What `manticore engines`, `generate`, `eval` and `export` ask for. Folders are absolute. */
export type ComputeJob =
  | { readonly kind: 'engines' }
  | {
      readonly kind: 'generate';
      /** A hybrid's folder (a run's `result`). */
      readonly model: string;
      readonly engine: string;
      readonly prompt: string;
      readonly maxTokens: number;
      /** 0 = greedy. */
      readonly temperature: number;
      readonly topP: number;
      readonly seed: number;
    }
  | {
      readonly kind: 'eval';
      readonly model: string;
      readonly engine: string;
      /** The run folder that it is of; `undefined` for a folder that stands by itself. */
      readonly run: string | undefined;
      /** `undefined`: the run's own test text, else its validation text. */
      readonly data: DataSource | undefined;
      /** Tokens predicted in each sequence; `undefined`: as many as in the run. */
      readonly context: number | undefined;
      readonly batch: number;
    }
  | {
      readonly kind: 'export';
      readonly model: string;
      /** The run folder that it is of, for the model card; `undefined` for a folder that stands by itself. */
      readonly run: string | undefined;
      readonly to: string;
      /** A component's name: that component alone, in its family's own layout, which `transformers` reads as it is. */
      readonly component: string | undefined;
      /** Of the hybrid. */
      readonly format: ExportFormat;
      readonly dtype: ExportType;
    };

/** What the job answers; every job ends with one message other than `text` and `progress`. */
export type ComputeMessage =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'progress'; readonly done: number; readonly total: number }
  | { readonly type: 'engines'; readonly engines: readonly EngineReport[] }
  | { readonly type: 'generated'; readonly tokens: number; readonly tokensPerSecond: number }
  | {
      readonly type: 'evaluated';
      readonly loss: number;
      readonly perplexity: number;
      /** Share of scored tokens whose largest logit is the target. */
      readonly accuracy: number;
      /** Scored: tokens, or the examples of a hybrid that tells their class. */
      readonly tokens: number;
      readonly unit: 'token' | 'example';
      /** What was scored: a path, or the split's name. */
      readonly source: string;
    }
  | { readonly type: 'exported'; readonly path: string; readonly files: readonly string[] }
  | {
      readonly type: 'failed';
      readonly code: string;
      readonly message: string;
      readonly hint: string;
    };
