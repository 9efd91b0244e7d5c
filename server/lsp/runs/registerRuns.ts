/** The run service of the language server: answers the client's requests about runs, and tells it what they do. */
import {
  LSPErrorCodes,
  ResponseError,
  type CancellationToken,
  type Connection,
  type Disposable,
} from 'vscode-languageserver';
import type { EditorRequests, Outcome } from '../../contract/editor';
import type { RunListEntry, RunLists, SweepListEntry } from '../../contract/runViews';
import type { RunWeights } from '../../language/editor/runWeights';
import type { BlockMarks, RegisterRuns, RunsHost, RunsService } from '../runsInterface';
import { ConfigWeights } from './configWeights';
import { Jobs } from './jobs';
import { editorError, ok, refused, untrusted } from './outcome';
import { paramsSchemas, type Params, type RunMethod } from './params';
import { Records } from './records';
import { RunList } from './runList';
import { RunRequests } from './runRequests';
import { Watches } from './watches';

const publishMs = 500;

export const registerRuns: RegisterRuns = (connection, host) => new Runs(connection, host);

class Runs implements RunsService {
  private readonly records: Records;
  private readonly list: RunList;
  private readonly watches: Watches;
  private readonly weights: ConfigWeights;
  private readonly jobs: Jobs;
  private readonly requests: RunRequests;
  private readonly listeners = new Set<() => void>();
  private readonly disposables: readonly Disposable[];
  private timer: NodeJS.Timeout | undefined;
  private published = '';
  private disposed = false;

  constructor(
    private readonly connection: Connection,
    private readonly host: RunsHost,
  ) {
    this.records = new Records((dir) => this.watches.has(dir) || this.list.isActive(dir));
    this.list = new RunList(host, this.records, () => this.publishSoon());
    this.watches = new Watches(
      (notice) => connection.sendNotification('manticore/runEvents', notice),
      (message) => host.log(message),
      (dir) => {
        this.records.forget(dir);
        void this.list.look();
      },
    );
    this.weights = new ConfigWeights(this.list, this.records);
    this.jobs = new Jobs(connection, host);
    this.requests = new RunRequests(host, this.list, this.records, this.watches);
    this.disposables = [...this.answerAll(), ...this.follow()];
    if (host.isTrusted()) void this.list.start();
  }

  runOf(configPath: string): RunListEntry | undefined {
    return this.list.runOf(configPath);
  }

  sweepOf(configPath: string): SweepListEntry | undefined {
    return this.list.sweeps.sweepOf(configPath);
  }

  weightsOf(
    configPath: string,
    components: readonly string[],
    blocks: number,
  ): RunWeights | undefined {
    const run = this.list.runOf(configPath);
    const weights = run === undefined ? undefined : this.weights.get(run.dir);
    const fits =
      weights?.alphas.length === blocks &&
      weights.components.length === components.length &&
      weights.components.every((name) => components.includes(name));
    return fits ? weights : undefined;
  }

  async marksOf(dir: string): Promise<Outcome<readonly BlockMarks[]>> {
    if (!this.host.isTrusted()) return refused(untrusted);
    return this.outcome('marks of a run', () => this.requests.marksOf(dir));
  }

  onChange(listener: () => void): Disposable {
    this.listeners.add(listener);
    return { dispose: () => void this.listeners.delete(listener) };
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    clearTimeout(this.timer);
    for (const disposable of this.disposables) disposable.dispose();
    this.listeners.clear();
    this.list.dispose();
    this.watches.dispose();
    await this.jobs.dispose();
  }

  private follow(): Disposable[] {
    const { host } = this;
    const look = (): void => {
      // A config that was opened shows α of its run, also when the list stays as it is.
      void this.list.look().then(() => this.publishSoon());
    };
    return [
      host.onTrusted(() => void this.list.start()),
      host.onOpenConfigs(look),
      host.onSettings(look),
      host.onWorkspaceFolders(look),
    ];
  }

  private answerAll(): Disposable[] {
    const { requests, jobs } = this;
    return [
      this.answer('manticore/startSearch', ({ uri, besides }, signal) =>
        requests.startSearch(uri, besides, signal),
      ),
      this.answer('manticore/resumeRun', ({ dir }, signal) => requests.resume(dir, signal)),
      this.answer('manticore/controlRun', ({ dir, request }, signal) =>
        requests.control(dir, request, signal),
      ),
      this.answer('manticore/runSnapshot', ({ dir }) => requests.snapshot(dir)),
      this.answer('manticore/watchRun', ({ dir, fromSeq }) => requests.watch(dir, fromSeq)),
      this.answer('manticore/unwatchRun', ({ dir }) => requests.unwatch(dir)),
      this.answer('manticore/alphasAt', ({ dir, where, steps }) =>
        requests.alphasAt(dir, where, steps),
      ),
      this.answer('manticore/lossBetween', (params) => requests.lossBetween(params)),
      this.answer('manticore/buildReport', (params) => requests.report(params)),
      this.answer('manticore/computeLog', ({ dir }) => requests.computeLog(dir)),
      this.answer('manticore/engines', ({ job }, signal) => jobs.engines(job, signal)),
      this.answer('manticore/installEngine', ({ job, name }, signal) =>
        jobs.installEngine(job, name, signal),
      ),
      this.answer('manticore/generate', (params, signal) => jobs.generate(params, signal)),
      this.answer('manticore/export', (params, signal) => jobs.exportHybrid(params, signal)),
      this.answer('manticore/download', ({ job, source }, signal) =>
        jobs.download(job, source, signal),
      ),
      this.connection.onRequest('manticore/listRuns', () => this.listRuns()),
    ];
  }

  private async listRuns(): Promise<RunLists> {
    if (!this.host.isTrusted()) return { runs: [], sweeps: [] };
    await this.list.start();
    return this.list.all;
  }

  /** A handler that checks what arrives and whether anything may run. */
  private answer<M extends RunMethod>(
    method: M,
    handle: (params: Params<M>, signal: AbortSignal) => Promise<Value<M>>,
  ): Disposable {
    return this.connection.onRequest(
      method,
      async (given: unknown, token: CancellationToken): Promise<Outcome<Value<M>>> => {
        // A token that is cancelled when the request is read never tells its listeners.
        refuseCancelled(token);
        if (!this.host.isTrusted()) return refused(untrusted);
        const params = paramsSchemas[method].safeParse(given);
        if (!params.success) return refused(badRequest);
        const controller = new AbortController();
        const cancellation = token.onCancellationRequested(() => controller.abort());
        try {
          const outcome = await this.outcome(method, async () => {
            await this.host.settingsPulled();
            return handle(params.data, controller.signal);
          });
          refuseCancelled(token);
          return outcome;
        } finally {
          cancellation.dispose();
        }
      },
    );
  }

  /** User errors are values; a bug is logged and rejects. */
  private async outcome<T>(doing: string, body: () => Promise<T>): Promise<Outcome<T>> {
    try {
      return ok(await body());
    } catch (error) {
      const known = editorError(error);
      if (known !== undefined) return refused(known);
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.host.log(`${doing}: ${what}`);
      throw error;
    }
  }

  /** At most twice a second, and only what is news. */
  private publishSoon(): void {
    if (this.disposed) return;
    this.timer ??= setTimeout(() => {
      this.publish()
        .catch((error: unknown) => this.host.log(`The runs could not be told: ${String(error)}`))
        .finally(() => {
          // A change that came while these were told is told next.
          this.timer = undefined;
          if (JSON.stringify(this.list.all) !== this.published) this.publishSoon();
        });
    }, publishMs);
  }

  private async publish(): Promise<void> {
    const lists = this.list.all;
    const shown = JSON.stringify(lists);
    const isNews = shown !== this.published;
    this.published = shown;
    if (isNews) await this.connection.sendNotification('manticore/runs', lists);
    const haveMoved = await this.weights.refresh(this.host.openConfigs());
    if (isNews || haveMoved) for (const listener of [...this.listeners]) listener();
  }
}

/** What a method answers when nothing stands in its way. */
type Value<M extends RunMethod> = EditorRequests[M][1] extends Outcome<infer T> ? T : never;

const badRequest = {
  code: 'bad-request',
  message: 'The editor asked for something that the language server does not understand.',
  hint: 'Reload the window; if that does not help, install the extension again.',
};

function refuseCancelled(token: CancellationToken): void {
  if (!token.isCancellationRequested) return;
  throw new ResponseError(LSPErrorCodes.RequestCancelled, 'The request was cancelled.');
}
