/** Starting and resuming runs: one after the other, so that the second sees the first. */
import path from 'node:path';
import { checkConfigText, loadConfig, type ConfigFile } from '../../commands/configFile';
import { CommandError } from '../../commands/commandError';
import { describeNode } from '../../commands/computeProgram';
import { resumeRun } from '../../commands/resumeRun';
import { isRunnable, startRun } from '../../commands/startRun';
import { createSweep } from '../../commands/sweep/createSweep';
import { launchSweep } from '../../commands/sweep/launchSweep';
import type { RunRef } from '../../contract/runViews';
import type { ListedRun } from '../../runs/listRuns';
import type { ListedSweep } from '../../runs/sweepFolder';
import { listPublications } from '../../runs/runtimeFolder';
import type { RunsHost } from '../runsInterface';
import { pathOf } from '../workspace';
import { nodeFrom, runsFolderFor } from './settings';

/** This bundle stands beside that of the compute process. */
export const programOf = (host: Pick<RunsHost, 'settings'>) => {
  const node = nodeFrom(host);
  return { distFolder: __dirname, ...(node === undefined ? {} : { node }) };
};

export class Starting {
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly host: RunsHost,
    /** Told a run's or a sweep's folder before its process is started. */
    private readonly made: (dir: string) => void,
  ) {}

  /**
   * @param signal aborted before the run's folder is made: nothing is started; afterwards it changes nothing
   * @throws CommandError `no-file`, `config-errors`, `config-incomplete`, `another-run`, `cancelled`; as `startRun`
   */
  startSearch(
    uri: string,
    besides: boolean,
    signal: AbortSignal,
  ): Promise<RunRef & { readonly cells?: number }> {
    return this.#inTurn(async () => {
      const config = await this.#configOf(uri);
      if (isRunnable(config) && !besides) await refuseAnother();
      refuseCancelled(signal);
      const out = runsFolderFor(config.path, this.host);
      if (config.sweep !== undefined) return this.#startSweep(config, out);
      const { id, dir, node } = await startRun(config, programOf(this.host), {
        ...(out === undefined ? {} : { out }),
        onFolder: (run) => this.made(run.dir),
      });
      this.host.log(`Run ${id} of ${config.path} in ${dir}. ${describeNode(node)}`);
      return { id, dir };
    });
  }

  async #startSweep(
    config: ConfigFile,
    out: string | undefined,
  ): Promise<RunRef & { readonly cells: number }> {
    const { dir, manifest, cells } = await createSweep(config, out);
    this.made(dir);
    const node = await launchSweep(dir, programOf(this.host));
    const { id } = manifest;
    this.host.log(
      `Sweep ${id} of ${config.path}, ${cells.length} runs, in ${dir}. ${describeNode(node)}`,
    );
    return { id, dir, cells: cells.length };
  }

  /** @throws as `launchSweep`; CommandError `cancelled` */
  resumeSweep({ dir, manifest }: ListedSweep, signal: AbortSignal): Promise<RunRef> {
    return this.#inTurn(async () => {
      refuseCancelled(signal);
      const node = await launchSweep(dir, programOf(this.host));
      this.host.log(`Sweep ${manifest.id} goes on in ${dir}. ${describeNode(node)}`);
      return { id: manifest.id, dir };
    });
  }

  /** @throws as `resumeRun`; CommandError `cancelled`, or with a refusal's code when a paused run refuses */
  resume(run: ListedRun, signal: AbortSignal): Promise<RunRef> {
    return this.#inTurn(async () => {
      refuseCancelled(signal);
      const reader = this.host.modelReader(run.manifest.config);
      const resumed = await resumeRun(run, reader, programOf(this.host), () => {
        refuseCancelled(signal);
        return Promise.resolve();
      });
      if (resumed.kind === 'launched') {
        this.host.log(`Run ${run.id} goes on in ${run.dir}. ${describeNode(resumed.node)}`);
      } else if (!resumed.reply.ok) {
        throw new CommandError(resumed.reply.code, resumed.reply.message, '');
      }
      return { id: run.id, dir: run.dir };
    });
  }

  async #configOf(uri: string): Promise<ConfigFile> {
    const file = pathOf(uri);
    if (file === undefined) throw noFile(uri);
    const reader = this.host.modelReader(file);
    const open = this.host.textOf(uri)?.text;
    const { engine } = this.host.settings();
    // Threads and memory limit stay as the config has them.
    const overrides = engine === 'config' ? [] : [`engine.name=${engine}`];
    return open === undefined
      ? loadConfig(file, reader, overrides)
      : checkConfigText(file, open, reader, overrides);
  }

  #inTurn<T>(body: () => Promise<T>): Promise<T> {
    const next = this.#last.then(body, body);
    this.#last = next.catch(() => undefined);
    return next;
  }
}

/** Whoever cancelled while it was checked, or waited its turn, wants no search. */
function refuseCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new CommandError('cancelled', 'The start was cancelled.', '');
}

function noFile(uri: string): CommandError {
  return /^untitled:/i.test(uri)
    ? new CommandError(
        'no-file',
        'This config is not saved anywhere yet: its paths start from the folder that it lies in.',
        'Save it, then run it.',
      )
    : new CommandError(
        'no-file',
        `${uri} does not lie on this machine's disk, where the search would run.`,
        'Open a copy that does.',
      );
}

/** @throws CommandError `another-run`: two share the processor, the memory and the GPU */
async function refuseAnother(): Promise<void> {
  const others = await listPublications();
  const [first] = others;
  if (first === undefined) return;
  const name = path.basename(first.record.runDir);
  throw new CommandError(
    'another-run',
    others.length === 1
      ? `The run ${name} is still going on.`
      : `${others.length} runs are still going on, ${name} among them.`,
    'Stop it first, or start this one beside it: they then share the processor, the memory and the GPU.',
  );
}
