/** Works through a sweep: starts the cells' runs, some at once, follows each to its end, and keeps `sweep.json`. */
import path from 'node:path';
import type { CellState, SweepEnd } from '../../contract/sweep';
import type { ControlReply, ControlRequest } from '../../contract/control';
import { readDocument } from '../../language/configDocument';
import { createNodeModelReader } from '../../weights/nodeModelReader';
import { ControlServer } from '../../runs/controlServer';
import { physicalCores } from '../../runs/cores';
import { followRun } from '../../runs/followRun';
import { signalProcess } from '../../runs/processIdentity';
import { RunError } from '../../runs/runErrors';
import { findPublication } from '../../runs/runtimeFolder';
import { runState } from '../../runs/runState';
import {
  writeSweepManifest,
  type SweepCellRecord,
  type SweepManifest,
} from '../../runs/sweepFolder';
import { asUserError } from '../commandError';
import type { ComputeProgram } from '../computeProgram';
import { checkConfigText } from '../configFile';
import { resumeRun } from '../resumeRun';
import { sendControl } from '../sendControl';
import { startRun } from '../startRun';
import type { OpenSweep, SweepCell } from './sweepCells';
import { endOf } from './sweepEnd';
import { SweepReporter } from './sweepReporter';

/** How long a stop at once may take before an impatient user has the processes ended. */
const PATIENCE_MS = 5_000;

export interface SweepOptions {
  /** Cells that run at once. */
  readonly jobs: number;
  /** Aborted: every running cell writes a checkpoint and stops, and no other begins. */
  readonly signal: AbortSignal;
  /** Aborted: they stop at once, and are ended if they don't. */
  readonly impatience: AbortSignal;
}

/**
 * Runs what is left of a sweep: done cells stay, stopped, failed and lost ones go on from their checkpoints, the others
 * begin. A cell that fails doesn't hold up the rest. Leaves the report.
 * @throws RunError `already-running` when another process works on the sweep
 */
export async function runSweep(
  sweep: OpenSweep,
  program: ComputeProgram,
  options: SweepOptions,
): Promise<SweepEnd> {
  const worker = new SweepWorker(sweep, program, options);
  const server = await ControlServer.start(
    sweep.dir,
    sweep.manifest.id,
    (request) => worker.control(request),
    () => 'running',
  );
  try {
    return await worker.work();
  } finally {
    await server.close();
  }
}

class SweepWorker {
  private readonly records: SweepCellRecord[];
  private readonly running = new Map<number, string>();
  private readonly reporter: SweepReporter;
  private stopping: 'no' | 'checkpoint' | 'now' = 'no';
  private saving: Promise<void> = Promise.resolve();

  constructor(
    private readonly sweep: OpenSweep,
    private readonly program: ComputeProgram,
    private readonly options: SweepOptions,
  ) {
    this.reporter = new SweepReporter(sweep.dir);
    this.records = sweep.cells.map(({ run, state, message }) => ({
      state,
      ...(run ? { run: run.id, folder: path.basename(run.dir) } : {}),
      ...(message === undefined ? {} : { message }),
    }));
  }

  async work(): Promise<SweepEnd> {
    const { signal, impatience, jobs } = this.options;
    const checkpoint = (): void => this.stop('checkpoint');
    const now = (): void => {
      this.stop('now');
      setTimeout(() => void this.endAll(), PATIENCE_MS).unref();
    };
    signal.addEventListener('abort', checkpoint, { once: true });
    impatience.addEventListener('abort', now, { once: true });
    if (signal.aborted) this.stop('checkpoint');
    if (impatience.aborted) now();
    try {
      await this.save();
      const queue = this.sweep.cells.filter(({ state }) => state !== 'done');
      const next = async (): Promise<void> => {
        for (let cell = queue.shift(); cell; cell = queue.shift()) {
          if (this.stopping !== 'no' && !isGoingOn(cell.state)) continue;
          await this.workCell(cell);
        }
      };
      await Promise.all(Array.from({ length: Math.max(1, jobs) }, next));
      await this.save();
      await this.reporter.write();
      return this.end();
    } finally {
      signal.removeEventListener('abort', checkpoint);
      impatience.removeEventListener('abort', now);
    }
  }

  /** What another process asks: a sweep can be stopped. */
  control(request: ControlRequest): Promise<ControlReply> {
    if (request.action !== 'stop') {
      const message = 'A sweep can be stopped and resumed; this is asked of one of its runs.';
      return Promise.resolve({ ok: false, code: 'not-for-sweeps', message });
    }
    this.stop(request.checkpoint ? 'checkpoint' : 'now');
    return Promise.resolve({ ok: true, step: 0 });
  }

  private stop(how: 'checkpoint' | 'now'): void {
    if (this.stopping === 'now' || this.stopping === how) return;
    this.stopping = how;
    for (const dir of this.running.values()) void this.stopRun(dir);
  }

  /** Never rejects: what can't be reached is ended by a signal, which runs take as a wish to stop. */
  private async stopRun(dir: string): Promise<void> {
    try {
      await sendControl(dir, { action: 'stop', checkpoint: this.stopping === 'checkpoint' });
    } catch (error) {
      // A process that has just ended can't be stopped any more: its log tells how it ended.
      if (!(error instanceof RunError)) await this.signal(dir, 'SIGTERM');
    }
  }

  private async signal(dir: string, name: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    try {
      const publication = await findPublication(dir);
      if (publication !== undefined) await signalProcess(publication.record, name);
    } catch {
      // Gone, or not to be reached: the run's own log and record say how it stands.
    }
  }

  private async endAll(): Promise<void> {
    for (const dir of this.running.values()) await this.signal(dir, 'SIGKILL');
  }

  private async workCell(cell: SweepCell): Promise<void> {
    try {
      const dir = await this.begin(cell);
      this.running.set(cell.cell, dir);
      if (this.stopping !== 'no') void this.stopRun(dir);
      const { signal } = new AbortController();
      const end = await followRun(dir, { signal, onEvent: () => undefined });
      const message =
        end.kind === 'failed'
          ? end.message
          : end.kind === 'lost'
            ? lostMessage(end.reason)
            : undefined;
      const state = end.kind === 'detached' ? await runState(dir) : end.kind;
      await this.note(cell.cell, state, message);
    } catch (error) {
      const known = asUserError(error);
      if (known === undefined) throw error;
      await this.note(cell.cell, 'failed', known.message);
    } finally {
      this.running.delete(cell.cell);
    }
    await this.reporter.write();
  }

  /** Starts the cell's run, or goes on with it. @returns its folder, once a process works on it */
  private async begin(cell: SweepCell): Promise<string> {
    const { run, state } = cell;
    if (run === undefined) return this.start(cell);
    if (!isGoingOn(state) || (await findPublication(run.dir)) === undefined) {
      await resumeRun(run, createNodeModelReader(), this.program);
    } else if (state === 'paused') {
      await sendControl(run.dir, { action: 'resume' });
    }
    await this.note(cell.cell, 'running');
    return run.dir;
  }

  private async start({ cell, text, name }: SweepCell): Promise<string> {
    const { manifest, cells, dir } = this.sweep;
    if (text === undefined) throw new Error('the cells of a new sweep were checked');
    const reader = createNodeModelReader();
    const config = await checkConfigText(manifest.config, text, reader, this.threadSettings(text));
    const isApart = path.basename(path.dirname(dir)) === 'sweeps';
    const parent = path.dirname(dir);
    const run = await startRun(config, this.program, {
      out: isApart ? path.join(path.dirname(parent), 'runs') : parent,
      sweep: { id: manifest.id, cell, cells: cells.length, name: name.slice(0, 1000) },
      // Before its process is started, so that no run is forgotten if this process is killed.
      onFolder: (made) =>
        this.note(cell, 'starting', undefined, { run: made.id, folder: path.basename(made.dir) }),
    });
    await this.note(cell, 'running');
    return run.dir;
  }

  /** Runs that share the machine share its cores, unless the config says how many threads it wants. */
  private threadSettings(text: string): readonly string[] {
    const { jobs } = this.options;
    if (jobs < 2 || readDocument(text).spansAt(['engine', 'threads']) !== undefined) return [];
    return [`engine.threads=${Math.max(1, Math.floor(physicalCores() / jobs))}`];
  }

  private async note(
    cell: number,
    state: CellState,
    message?: string,
    run: Pick<SweepCellRecord, 'run' | 'folder'> = {},
  ): Promise<void> {
    const { run: id, folder } = { ...this.records[cell - 1]!, ...run };
    const known = id === undefined || folder === undefined ? {} : { run: id, folder };
    const said = message === undefined ? {} : { message: message.slice(0, 4000) };
    this.records[cell - 1] = { ...known, state, ...said };
    await this.save();
  }

  /** One write after the other. */
  private save(): Promise<void> {
    const write = async (): Promise<void> => {
      const manifest: SweepManifest = { ...this.sweep.manifest, cells: [...this.records] };
      await writeSweepManifest(this.sweep.dir, manifest);
    };
    this.saving = this.saving.then(write, write);
    return this.saving;
  }

  private end(): SweepEnd {
    return endOf(this.records.map(({ state }) => state));
  }
}

const lostMessage = (reason: string | undefined): string =>
  `The compute process is gone without a last word.${reason === undefined ? '' : ` Last in its log: ${reason}`}`;

const isGoingOn = (state: CellState): boolean =>
  state === 'running' || state === 'paused' || state === 'starting';
