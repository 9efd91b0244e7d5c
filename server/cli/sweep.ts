/** `manticore search | resume | attach | stop | report` of a sweep: many runs as one. */
import path from 'node:path';
import type { ConfigFile } from '../commands/configFile';
import { createSweep } from '../commands/sweep/createSweep';
import { runSweep } from '../commands/sweep/runSweep';
import { stopSweep as stop } from '../commands/sweep/stopSweep';
import { openSweep, type OpenSweep } from '../commands/sweep/sweepCells';
import { SweepReporter } from '../commands/sweep/sweepReporter';
import { watchSweep } from '../commands/sweep/watchSweep';
import { untilGone } from '../commands/untilGone';
import type { SweepEnd, SweepEvent } from '../contract/sweep';
import { headlineOf, sweepTable } from '../report/sweep/sweepText';
import { SweepTerminal } from '../report/sweep/sweepTerminal';
import type { SweepModel } from '../report/sweep/sweepModel';
import { displayText } from '../report/text';
import { wrap } from '../report/terminalDrawings';
import { findPublication } from '../runs/runtimeFolder';
import type { ListedSweep } from '../runs/sweepFolder';
import { exitCode, type Io } from './io';
import { printable } from './runsCommand';

/** This bundle stands beside that of the compute process. */
const program = (): { readonly distFolder: string } => ({ distFolder: __dirname });

const exits: Readonly<Record<SweepEnd, number>> = {
  done: exitCode.done,
  stopped: exitCode.stopped,
  failed: exitCode.failed,
};

/** @returns 0 all done, 3 some failed, 130 stopped. @throws CommandError, RunError as `createSweep` and `runSweep` */
export async function startSweep(
  config: ConfigFile,
  options: { readonly out?: string; readonly jobs: number },
  io: Io,
): Promise<number> {
  const sweep = await createSweep(config, options.out);
  if (!io.json) io.out(`Sweep ${sweep.manifest.id} in ${shown(sweep.dir)}\n`);
  return work(sweep, options.jobs, io);
}

/** Goes on with what is left. @returns as `startSweep` */
export async function resumeSweep({ dir }: ListedSweep, jobs: number, io: Io): Promise<number> {
  return work(await openSweep(dir), jobs, io);
}

async function work(sweep: OpenSweep, jobs: number, io: Io): Promise<number> {
  const view = viewOf(io);
  let isOver = false;
  const say = (text: string): void => (io.json ? io.err(`${text}\n`) : view.say(text));
  const stopping = (): void =>
    say('Stopping every running cell, with a checkpoint. Press Ctrl-C again to stop at once.');
  const stoppingNow = (): void => say('Stopping at once.');
  io.signal.addEventListener('abort', stopping, { once: true });
  io.impatience.addEventListener('abort', stoppingNow, { once: true });
  const enough = new AbortController();
  const { signal, impatience } = io;
  const working = runSweep(sweep, program(), { jobs, signal, impatience }).finally(() => {
    isOver = true;
  });
  const watching = watchSweep(sweep.dir, {
    isOver: () => isOver,
    signal: enough.signal,
    everyStep: io.isTTY,
    onEvent: (event) => view.update(event),
  });
  try {
    const [end] = await Promise.all([working, watching]);
    if (!io.json) await tellEnd(sweep.dir, io);
    return exits[end];
  } catch (error) {
    enough.abort();
    await watching.catch(() => undefined);
    throw error;
  } finally {
    view.end();
    io.signal.removeEventListener('abort', stopping);
    io.impatience.removeEventListener('abort', stoppingNow);
  }
}

/** Follows a sweep that another process works on; Ctrl-C detaches. @returns as it ended, 130 detached */
export async function attachSweep({ dir }: ListedSweep, io: Io): Promise<number> {
  const view = viewOf(io);
  try {
    const end = await watchSweep(dir, {
      isOver: async () => (await findPublication(dir)) === undefined,
      signal: io.signal,
      everyStep: io.isTTY,
      onEvent: (event) => view.update(event),
    });
    view.end();
    if (end === undefined) {
      io.err('Detached; the sweep goes on.\n');
      return exitCode.stopped;
    }
    if (!io.json) await tellEnd(dir, io);
    return exits[end.status];
  } finally {
    view.end();
  }
}

/** @returns 0 once its process has ended. @throws as `stopSweep` of the commands */
export async function stopSweep(sweep: ListedSweep, checkpoint: boolean, io: Io): Promise<number> {
  const cells = await stop(sweep, checkpoint, io.signal);
  if (io.json) io.out(`${JSON.stringify({ ok: true, cells })}\n`);
  else io.out(`stop: ${cells} running ${cells === 1 ? 'cell' : 'cells'}.\n`);
  await untilGone(sweep.dir, io.signal);
  return exitCode.done;
}

/** Rebuilds the report of a sweep. */
export async function reportSweep({ dir }: ListedSweep, io: Io): Promise<number> {
  const { model, ...files } = await new SweepReporter(dir).write();
  if (io.json) {
    const { done, cells, failed } = model;
    const { sentence } = headlineOf(model);
    io.out(`${JSON.stringify({ ...files, cells, done, failed, headline: sentence })}\n`);
  } else {
    tellModel(model, io);
    io.out(`${files.html}\n`);
  }
  return exitCode.done;
}

async function tellEnd(dir: string, io: Io): Promise<void> {
  const { manifest, cells } = await openSweep(dir);
  tellModel(await new SweepReporter(dir).model(), io);
  for (const { cell, name, state, message } of cells) {
    if (state !== 'failed' && state !== 'lost') continue;
    const why = message === undefined ? '' : `: ${printable(message)}`;
    io.err(`cell ${cell} (${printable(name)}) ${state}${why}\n`);
  }
  io.out(`Report  ${shown(dir, 'result', 'sweep.html')}\n`);
  if (cells.some(({ state }) => state !== 'done')) {
    io.out(`Go on with  manticore resume ${manifest.id}\n`);
  }
}

function tellModel(model: SweepModel, io: Io): void {
  const columns = Math.min(io.columns - 1, 200);
  const { sentence, details } = headlineOf(model);
  const lines = [
    '',
    ...[sentence, ...details].flatMap((text) => wrap(displayText(text, 2000), columns)),
    '',
    ...sweepTable(model, columns),
    '',
  ];
  io.out(lines.map((line) => `${line}\n`).join(''));
}

interface View {
  update(event: SweepEvent): void;
  say(text: string): void;
  end(): void;
}

function viewOf(io: Io): View {
  if (!io.json) return new SweepTerminal(io);
  return {
    update: (event) => io.out(`${JSON.stringify(event)}\n`),
    say: (text) => io.err(`${text}\n`),
    end: () => undefined,
  };
}

const shown = (...parts: string[]): string =>
  displayText(path.relative('', path.join(...parts)) || '.', 1000);
