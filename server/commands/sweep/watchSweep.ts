/** Follows a sweep as its folder and its runs' logs tell it, in whatever process it is worked on. */
import path from 'node:path';
import type { RunEvent, StepEvent } from '../../contract/events';
import type { CellState, SweepEvent } from '../../contract/sweep';
import { followRun } from '../../runs/followRun';
import { runAt } from '../../runs/listRuns';
import { readSweepManifest, runParents, type SweepManifest } from '../../runs/sweepFolder';
import { endOf } from './sweepEnd';
import { openSweep } from './sweepCells';

const POLL_MS = 300;

export interface WatchOptions {
  /** Asked before each look: after the last one the end is told. */
  readonly isOver: () => boolean | Promise<boolean>;
  /** Aborted: stop watching. The sweep goes on. */
  readonly signal: AbortSignal;
  /** Progress at every step, not at every tenth of a stage. */
  readonly everyStep: boolean;
  readonly onEvent: (event: SweepEvent) => void;
}

/** @returns the last event; `undefined` when the watcher had enough. @throws RunError `not-a-sweep` */
export async function watchSweep(
  dir: string,
  options: WatchOptions,
): Promise<Extract<SweepEvent, { type: 'end' }> | undefined> {
  const { id } = await readSweepManifest(dir);
  const { axes, cells } = await openSweep(dir);
  options.onEvent({
    type: 'sweep',
    ...{ id, dir, axes },
    cells: cells.map(({ cell, settings, state }) => ({ cell, settings, state })),
  });
  const watcher = new Watcher(dir, options, new Map(cells.map(({ cell, state }) => [cell, state])));
  try {
    while (!options.signal.aborted) {
      const isLast = await options.isOver();
      await watcher.look(await readSweepManifest(dir));
      if (isLast) return await watcher.end();
      await pause(POLL_MS, options.signal);
    }
    return undefined;
  } finally {
    watcher.close();
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}

class Watcher {
  private readonly following = new Map<number, AbortController>();

  constructor(
    private readonly dir: string,
    private readonly options: WatchOptions,
    private readonly states: Map<number, CellState>,
  ) {}

  async look({ cells }: SweepManifest): Promise<void> {
    for (const [index, { state, run, folder, message }] of cells.entries()) {
      const cell = index + 1;
      const found =
        state === 'running' && folder !== undefined ? await this.folderOf(folder, run) : undefined;
      if (state === 'running' && found && !this.following.has(cell)) this.follow(cell, found);
      if (state !== 'running') this.letGo(cell);
      if (this.states.get(cell) === state) continue;
      this.states.set(cell, state);
      this.options.onEvent({
        type: 'cell',
        ...{ cell, state },
        ...(run === undefined ? {} : { run }),
        ...(found === undefined ? {} : { dir: found }),
        ...(message === undefined ? {} : { message }),
      });
    }
  }

  private async folderOf(folder: string, id: string | undefined): Promise<string | undefined> {
    for (const parent of runParents(this.dir)) {
      const run = await runAt(path.join(parent, folder));
      if (run !== undefined && run.id === id) return run.dir;
    }
    return undefined;
  }

  private follow(cell: number, dir: string): void {
    const enough = new AbortController();
    this.following.set(cell, enough);
    let told = '';
    const onEvent = (event: RunEvent): void => {
      if (event.type !== 'step' || enough.signal.aborted) return;
      const tenth = Math.floor((10 * event.step) / Math.max(1, event.steps));
      const place = `${event.stage} ${event.subject} ${event.seed} ${tenth}`;
      if (place === told && !this.options.everyStep) return;
      told = place;
      this.options.onEvent(progressOf(cell, event));
    };
    // A log that can't be read any more says nothing: the sweep's own file tells how the cell ended.
    followRun(dir, { signal: enough.signal, onEvent }).catch(() => undefined);
  }

  private letGo(cell: number): void {
    this.following.get(cell)?.abort();
    this.following.delete(cell);
  }

  async end(): Promise<Extract<SweepEvent, { type: 'end' }>> {
    const { cells } = await openSweep(this.dir);
    const end = {
      type: 'end' as const,
      status: endOf(cells.map(({ state }) => state)),
      done: cells.filter(({ state }) => state === 'done').length,
      failed: cells.flatMap(({ cell, state }) =>
        state === 'failed' || state === 'lost' ? [cell] : [],
      ),
      report: path.join(this.dir, 'result', 'sweep.html'),
    };
    this.options.onEvent(end);
    return end;
  }

  close(): void {
    for (const cell of [...this.following.keys()]) this.letGo(cell);
  }
}

function progressOf(cell: number, event: StepEvent): SweepEvent {
  const { stage, subject, seed, step, steps, loss, etaSeconds } = event;
  return { type: 'progress', ...{ cell, stage, subject, seed, step, steps, loss, etaSeconds } };
}
