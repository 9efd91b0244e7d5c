/** Short jobs for the client: engines, text, export, download. Each can be cancelled, and tells how it goes. */
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import type { Connection } from 'vscode-languageserver';
import { CommandError } from '../../commands/commandError';
import { runComputeJob, type JobAnswer } from '../../commands/computeJob';
import type { EngineReport } from '../../contract/engine';
import type { ComputeJob } from '../../contract/jobs';
import { systemCode } from '../../files/systemErrors';
import { runAt } from '../../runs/listRuns';
import { notARunFolder } from '../../runs/runErrors';
import type { RunsHost } from '../runsInterface';
import { JobReporter } from './jobReporter';
import type { Params } from './params';
import { engineOfJobs } from './settings';
import { programOf } from './starting';

export class Jobs {
  readonly #running = new Map<AbortController, Promise<unknown>>();

  constructor(
    private readonly connection: Connection,
    private readonly host: RunsHost,
  ) {}

  async engines(job: string, signal: AbortSignal): Promise<readonly EngineReport[]> {
    return (await this.#compute({ kind: 'engines' }, 'engines', job, signal)).engines;
  }

  async generate(
    params: Params<'manticore/generate'>,
    signal: AbortSignal,
  ): Promise<{ readonly text: string; readonly tokens: number; readonly tokensPerSecond: number }> {
    const { job, dir, prompt, maxTokens, temperature, topP, seed } = params;
    const model = await resultOf(dir);
    const engine = engineOfJobs(this.host);
    const text: string[] = [];
    const { tokens, tokensPerSecond } = await this.#compute(
      { kind: 'generate', model, engine, prompt, maxTokens, temperature, topP, seed },
      'generated',
      job,
      signal,
      text,
    );
    return { text: text.join(''), tokens, tokensPerSecond };
  }

  async exportHybrid(
    params: Params<'manticore/export'>,
    signal: AbortSignal,
  ): Promise<{ readonly path: string; readonly files: readonly string[] }> {
    const { job, dir, to, component, format, dtype } = params;
    const model = await resultOf(dir);
    const exported = await this.#compute(
      { kind: 'export', model, run: dir, to, component, format, dtype },
      'exported',
      job,
      signal,
    );
    this.host.modelsChanged();
    return { path: exported.path, files: exported.files };
  }

  async download(
    job: string,
    source: string,
    signal: AbortSignal,
  ): Promise<{ readonly path: string }> {
    // Only a download needs the hub's client.
    const { downloadModel } = await import('../../commands/downloadModel');
    const downloaded = await this.#report(job, signal, (reporter, ended) =>
      downloadModel(source, {
        signal: ended,
        onProgress: (progress) => {
          if (progress.type !== 'progress') return;
          const { file, doneBytes, totalBytes } = progress;
          reporter.tell({ type: 'download', file, doneBytes, totalBytes });
        },
      }),
    );
    this.host.modelsChanged();
    return { path: downloaded.path };
  }

  async installEngine(
    job: string,
    name: string,
    signal: AbortSignal,
  ): Promise<{ readonly where: string }> {
    const { installEngine } = await import('../../commands/installEngine');
    return this.#report(job, signal, (reporter, ended) =>
      installEngine(name, programOf(this.host), {
        signal: ended,
        onLine: (text) => reporter.tell({ type: 'line', text }),
      }),
    );
  }

  /** Ends the processes that were started here. */
  async dispose(): Promise<void> {
    for (const controller of this.#running.keys()) controller.abort();
    await Promise.allSettled(this.#running.values());
  }

  async #compute<K extends JobAnswer['type']>(
    job: ComputeJob,
    kind: K,
    id: string,
    signal: AbortSignal,
    text: string[] = [],
  ): Promise<Extract<JobAnswer, { readonly type: K }>> {
    const answer = await this.#report(id, signal, (reporter, ended) =>
      runComputeJob(job, programOf(this.host), {
        signal: ended,
        onMessage: (message) => {
          if (message.type === 'text') text.push(message.text);
          reporter.tell(message);
        },
        onOutput: (output) => this.host.log(output.trimEnd()),
        onNode: (sentence) => this.host.log(sentence),
      }),
    );
    if (answer.type !== kind) throw new Error(`a job ${job.kind} answered ${answer.type}`);
    return answer as Extract<JobAnswer, { readonly type: K }>;
  }

  /** Runs a body that ends with the request's cancellation or with the server; every message is out before it answers. */
  async #report<T>(
    job: string,
    signal: AbortSignal,
    body: (reporter: JobReporter, ended: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const controller = new AbortController();
    const reporter = new JobReporter((message) =>
      this.connection.sendNotification('manticore/jobProgress', { job, message }),
    );
    const running = body(reporter, AbortSignal.any([signal, controller.signal]));
    this.#running.set(controller, running);
    try {
      return await running;
    } finally {
      this.#running.delete(controller);
      await reporter.end();
    }
  }
}

/**
 * The hybrid that a run left.
 * @throws RunError `not-a-run`; CommandError `no-result`
 */
async function resultOf(folder: string): Promise<string> {
  const run = await runAt(folder);
  if (run === undefined) throw notARunFolder(folder);
  const model = path.join(run.dir, 'result');
  try {
    if ((await lstat(path.join(model, 'config.json'))).isFile()) return model;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
  }
  throw new CommandError(
    'no-result',
    `The run ${path.basename(run.dir)} has left no hybrid yet.`,
    'A hybrid is kept once its search and its fine-tuning have ended.',
  );
}
