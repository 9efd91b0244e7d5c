/** `manticore engines | generate | eval | export`: short jobs of the compute process. */
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { runComputeJob } from '../commands/computeJob';
import type { DataSource } from '../contract/config';
import type { EngineReport } from '../contract/engine';
import type { ComputeJob, ComputeMessage, ExportFormat, ExportType } from '../contract/jobs';
import { displayText } from '../report/text';
import { findRun, runBases } from '../runs/listRuns';
import { systemCode } from '../files/systemErrors';
import { tellError } from './control';
import { exitCode, type Io } from './io';

/** This bundle stands beside that of the compute process. */
const program = { distFolder: __dirname };

export interface GenerateOptions {
  readonly prompt: string;
  readonly tokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
  readonly engine?: string;
}

export interface EvalOptions {
  readonly text?: string;
  readonly jsonl?: string;
  readonly parquet?: string;
  readonly chat?: string;
  readonly field?: string;
  readonly prompt?: string;
  readonly input?: string;
  readonly response?: string;
  readonly template?: string;
  readonly context?: number;
  readonly batch: number;
  readonly engine?: string;
}

export interface ExportOptions {
  readonly to: string;
  readonly component?: string;
  readonly format: ExportFormat;
  readonly dtype: ExportType;
}

/** Prints what can compute here. */
export function runEngines(io: Io): Promise<number> {
  return runJob({ kind: 'engines' }, io, (message) => {
    if (message.type !== 'engines') return;
    io.out(
      io.json ? `${JSON.stringify(message.engines, null, 2)}\n` : engineTable(message.engines),
    );
  });
}

/** Prints the prompt and what the hybrid makes of it, token by token. */
export async function runGenerate(run: string, options: GenerateOptions, io: Io): Promise<number> {
  const text: string[] = [];
  return withModel(run, io, (model) => {
    const { prompt, temperature, topP, seed, tokens: maxTokens } = options;
    const engine = options.engine ?? 'auto';
    return runJob(
      { kind: 'generate', model, engine, prompt, maxTokens, temperature, topP, seed },
      io,
      (message) => {
        if (message.type === 'text') {
          // A hybrid that can't be asked says why, and nothing else.
          if (text.length === 0 && !io.json) io.out(options.prompt);
          text.push(message.text);
          if (!io.json) io.out(message.text);
        }
        if (message.type !== 'generated') return;
        const { tokens, tokensPerSecond } = message;
        if (io.json) {
          io.out(`${JSON.stringify({ prompt, text: text.join(''), tokens, tokensPerSecond })}\n`);
        } else {
          io.out('\n');
          io.err(`${tokens} tokens, ${tokensPerSecond.toFixed(0)} a second\n`);
        }
      },
    );
  });
}

/** The data that the options name; a text is what is wrong with them. */
function dataOf(options: EvalOptions): DataSource | string | undefined {
  const kinds = (['text', 'jsonl', 'parquet', 'chat'] as const).filter(
    (kind) => options[kind] !== undefined,
  );
  const [kind, second] = kinds;
  if (second !== undefined) return `--${kind!} and --${second} exclude each other`;
  if (kind === undefined) return undefined;
  const file = path.resolve(options[kind]!);
  if (kind === 'text') return { kind, path: file };
  const { field, prompt, input, response } = options;
  const { template: written } = options;
  const template = written?.endsWith('.jinja') ? path.resolve(written) : written;
  if (kind === 'chat') return { kind, path: file, field: field ?? 'messages', template };
  if (prompt === undefined && response === undefined) {
    return { kind, path: file, field: field ?? 'text' };
  }
  if (prompt === undefined || response === undefined) {
    return '--prompt and --response need each other';
  }
  return { kind, path: file, pair: { prompt, input, response }, template };
}

/** Prints loss, perplexity and accuracy of the run's hybrid on data; by default on the config's test or validation data. */
export async function runEval(run: string, options: EvalOptions, io: Io): Promise<number> {
  const data = dataOf(options);
  if (typeof data === 'string') {
    io.err(`error: ${data}\n`);
    return exitCode.usage;
  }
  const { context, batch, engine = 'auto' } = options;
  return withModel(run, io, (model, runDir) =>
    runJob({ kind: 'eval', model, engine, run: runDir, data, context, batch }, io, (message) => {
      if (message.type !== 'evaluated') return;
      const { loss, perplexity, accuracy, tokens, unit, source } = message;
      if (io.json) io.out(`${JSON.stringify({ loss, perplexity, accuracy, tokens, source })}\n`);
      else {
        // Of classes perplexity says nothing.
        const [also, what] =
          unit === 'token' ? [`perplexity ${perplexity.toFixed(2)}, `, ' tokens'] : ['', ''];
        io.out(
          `loss ${loss.toFixed(4)} nats ${unit === 'token' ? 'a token' : 'an example'}, ${also}accuracy ${(accuracy * 100).toFixed(1)} %, over ${tokens}${what} of ${displayText(source, 1000)}\n`,
        );
      }
    }),
  );
}

/** Writes the hybrid or a component as a folder. */
export async function runExport(run: string, options: ExportOptions, io: Io): Promise<number> {
  const { component, format, dtype } = options;
  return withModel(run, io, (model, runDir) =>
    runJob(
      {
        kind: 'export',
        model,
        run: runDir,
        to: path.resolve(options.to),
        component,
        format,
        dtype,
      },
      io,
      (message) => {
        if (message.type !== 'exported') return;
        if (io.json) io.out(`${JSON.stringify({ path: message.path, files: message.files })}\n`);
        else io.out(`${message.files.join('\n')}\nWritten to ${displayText(message.path, 1000)}\n`);
      },
    ),
  );
}

/** The hybrid that a run left, or a folder that holds one. */
async function withModel(
  reference: string,
  io: Io,
  body: (model: string, run: string | undefined) => Promise<number>,
): Promise<number> {
  try {
    const folder = path.resolve(reference);
    if (await isModelFolder(folder)) return await body(folder, undefined);
    const { dir } = await findRun(reference, await runBases(process.cwd()));
    return await body(path.join(dir, 'result'), dir);
  } catch (error) {
    return tellError(error, io);
  }
}

/** A run folder has no `config.json`. */
async function isModelFolder(folder: string): Promise<boolean> {
  try {
    return (await lstat(path.join(folder, 'config.json'))).isFile();
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}

/** Runs a job to its end and hands over what it says. @returns the exit code */
async function runJob(
  job: ComputeJob,
  io: Io,
  onMessage: (message: ComputeMessage) => void,
): Promise<number> {
  try {
    onMessage(await runComputeJob(job, program, { signal: io.signal, onMessage }));
    return exitCode.done;
  } catch (error) {
    if (io.signal.aborted) return exitCode.stopped;
    return tellError(error, io);
  }
}

/** One paragraph an engine. */
export function engineTable(engines: readonly EngineReport[]): string {
  const paragraphs = engines.map((engine) => {
    if (!engine.available) return `${engine.name}\n  not available: ${engine.reason}\n`;
    const { name, device, version, threads, tier, gflops, peakGflops, peakShare } = engine;
    const share =
      peakGflops === null || peakShare === null
        ? ''
        : `, ${(peakShare * 100).toFixed(0)} % of the measured peak of ${peakGflops.toFixed(1)}`;
    return [
      `${name}  ${device}`,
      `  version ${version}${tier === undefined ? '' : `, kernels ${tier}`}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
      `  matrix product ${gflops.toFixed(1)} GFLOP/s${share}`,
      `  copy ${engine.copyGBs.toFixed(1)} GB/s`,
      `  self-check: one training step within ${engine.selfCheckError.toExponential(1)} of the reference\n`,
    ].join('\n');
  });
  return paragraphs.join('\n');
}
