/** `manticore attach`: follows a run, from its first event to its last. */
import type { RunEvent } from '../contract/events';
import { createTerminalView, type TerminalOptions } from '../report/terminal';
import { formatEventLine } from '../runs/eventSchema';
import { followRun, type RunEnd } from '../runs/followRun';
import { findRun, runBases } from '../runs/listRuns';
import { systemCode } from '../files/systemErrors';
import { RunError } from '../runs/runErrors';
import { readEvents } from '../runs/readEvents';
import { readPlanFile } from '../runs/runFolder';
import { findSweep } from '../runs/sweepFolder';
import { tellError } from './control';
import { exitCode, type Io } from './io';
import { printable } from './runsCommand';
import { attachSweep } from './sweep';

/** What draws the events; `createTerminalView` unless a test watches. */
export interface EventView {
  update(event: RunEvent): void;
  say?(text: string): void;
  end(): void;
}

export type CreateView = (io: Io, options: TerminalOptions) => EventView;

/**
 * Shows every event of a run until it ends. Ctrl-C only detaches: the run goes on. With `--json` each event is a line.
 * @param reference the run's folder, id, a prefix, or `latest`
 * @returns as the run ended: 0 done, 3 failed or lost, 130 stopped; 130 detached; 1 no such run
 */
export async function runAttach(
  reference: string,
  io: Io,
  createView: CreateView = createTerminalView,
): Promise<number> {
  try {
    const bases = await runBases(process.cwd());
    const sweep = await findSweep(reference, bases);
    if (sweep) return await attachSweep(sweep, io);
    const run = await findRun(reference, bases);
    const end = await showRun(run.dir, io, createView);
    return tellEnd(end, run.id, io);
  } catch (error) {
    return tellError(error, io);
  }
}

/**
 * Draws, or prints as JSON lines, every event from `fromSeq` on.
 * @param onView is given what draws, for lines of the caller's own
 */
export async function showRun(
  dir: string,
  io: Io,
  createView: CreateView = createTerminalView,
  fromSeq = 0,
  onView: (view: EventView) => void = () => undefined,
): Promise<RunEnd> {
  if (io.json) {
    const onEvent = (event: RunEvent): void => io.out(`${formatEventLine(event)}\n`);
    return followRun(dir, { signal: io.signal, fromSeq, onEvent });
  }
  const past = fromSeq === 0 ? [] : (await readEvents(dir)).events;
  const view = createView(io, {
    plan: await planOf(dir),
    past: past.filter(({ seq }) => seq < fromSeq),
  });
  onView(view);
  try {
    const onEvent = (event: RunEvent): void => view.update(event);
    return await followRun(dir, { signal: io.signal, fromSeq, onEvent });
  } finally {
    view.end();
  }
}

/** Says how it ended, on stderr, where the events don't; gives the exit code. */
export function tellEnd(end: RunEnd, id: string, io: Io): number {
  switch (end.kind) {
    case 'done':
      return exitCode.done;
    case 'stopped':
      return exitCode.stopped;
    case 'failed':
      io.err(`${printable(end.code)}: ${printable(end.message)}\n${printable(end.hint)}\n`);
      return exitCode.failed;
    case 'lost':
      io.err(
        `lost: the compute process of run ${id} is gone without a last word.` +
          (end.reason === undefined ? '\n' : ` Last in its log: ${printable(end.reason)}\n`) +
          `Go on from its last checkpoint with \`manticore resume ${id}\`.\n`,
      );
      return exitCode.failed;
    case 'detached':
      io.err(`Detached; the run goes on. \`manticore stop ${id} --checkpoint\` ends it.\n`);
      return exitCode.stopped;
  }
}

/** For `stage 2 of 8`; a run is followed without it too. */
async function planOf(dir: string): Promise<unknown> {
  try {
    return (await readPlanFile(dir)).plan;
  } catch (error) {
    const expected = error instanceof RunError || error instanceof SyntaxError;
    if (!expected && systemCode(error) === undefined) throw error;
    return undefined;
  }
}
