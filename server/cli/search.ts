/** `manticore search` and `manticore resume`: starts the compute process and follows it to the end. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { loadConfig, placeProblems } from '../commands/configFile';
import { resumeRun } from '../commands/resumeRun';
import { sendControl } from '../commands/sendControl';
import { isRunnable, startRun } from '../commands/startRun';
import type { RunRef } from '../contract/runViews';
import { systemCode } from '../files/systemErrors';
import { isError } from '../language/checkConfig';
import { displayText } from '../report/text';
import { findRun, runBases } from '../runs/listRuns';
import { signalProcess } from '../runs/processIdentity';
import { readRawEvents } from '../runs/readEvents';
import { RunError } from '../runs/runErrors';
import { findPublication } from '../runs/runtimeFolder';
import { findSweep } from '../runs/sweepFolder';
import { createNodeModelReader } from '../weights/nodeModelReader';
import { showRun, tellEnd, type EventView } from './attach';
import { tellError, tellReply } from './control';
import { exitCode, type Io } from './io';
import { problemLine } from './problemLine';
import { resumeSweep, startSweep } from './sweep';

/** This bundle stands beside that of the compute process. */
const program = { distFolder: __dirname };

export interface SearchOptions {
  /** Folder in which the run folder is made; default `.manticore/runs` beside the config. */
  readonly out?: string;
  readonly engine?: string;
  /** `key=value` overrides. */
  readonly set: readonly string[];
  /** Cells of a sweep that run at once; default 1. */
  readonly jobs?: number;
}

/** How long a stop may take after the second Ctrl-C before the process is ended. */
const patienceMs = 5_000;

/**
 * Checks the config, makes the run folder, starts the process, shows its events.
 * @returns 0 done, 1 problems in the config, 3 failed, 130 stopped
 */
export async function runSearch(file: string, options: SearchOptions, io: Io): Promise<number> {
  const overrides = [
    ...options.set,
    ...(options.engine === undefined ? [] : [`engine=${options.engine}`]),
  ];
  const config = await loadConfig(file, createNodeModelReader(), overrides);
  for (const problem of placeProblems(config)) io.err(problemLine(problem));
  if (!isRunnable(config)) {
    const reason = config.problems.some(isError)
      ? 'the errors above are mended'
      : 'every model is downloaded';
    io.err(`${file}: nothing runs until ${reason}.\n`);
    return exitCode.problems;
  }
  if (config.sweep !== undefined) {
    try {
      const { out, jobs = 1 } = options;
      return await startSweep(config, { jobs, ...(out === undefined ? {} : { out }) }, io);
    } catch (error) {
      return tellError(error, io);
    }
  }
  if (options.jobs !== undefined) {
    io.err(
      `${file} has no \`sweep\`, so there is one run and \`--jobs\` says nothing: leave it out.\n`,
    );
    return exitCode.usage;
  }
  const tellFolder = ({ id, dir }: RunRef): void => {
    if (io.json) return;
    io.out(`Run ${id} in ${displayText(path.relative('', dir) || '.', 1000)}\n`);
  };
  try {
    const { out } = options;
    const place = out === undefined ? {} : { out };
    const run = await startRun(config, program, { ...place, onFolder: tellFolder });
    return await follow(run.dir, run.id, 0, io);
  } catch (error) {
    return tellError(error, io);
  }
}

/**
 * Goes on with a run: a paused one continues, a stopped, failed or lost one starts again at its last checkpoint.
 * @returns as `runSearch`
 */
export async function runResume(
  reference: string,
  options: { readonly jobs?: number },
  io: Io,
): Promise<number> {
  try {
    const bases = await runBases(process.cwd());
    const sweep = await findSweep(reference, bases);
    if (sweep) return await resumeSweep(sweep, options.jobs ?? 1, io);
    const run = await findRun(reference, bases);
    let fromSeq = 0;
    const resumed = await resumeRun(run, createNodeModelReader(), program, async () => {
      fromSeq = await nextSeq(run.dir);
    });
    if (resumed.kind === 'continued') return tellReply(resumed.reply, 'resume', io);
    return await follow(run.dir, run.id, fromSeq, io);
  } catch (error) {
    return tellError(error, io);
  }
}

/** `seq` of the first event that this process will write: what came before is not shown again. */
async function nextSeq(dir: string): Promise<number> {
  try {
    return ((await readRawEvents(dir)).events.at(-1)?.seq ?? -1) + 1;
  } catch (error) {
    // A run whose process never began has no log.
    if (systemCode(error) === 'ENOENT') return 0;
    throw error;
  }
}

async function follow(dir: string, id: string, fromSeq: number, io: Io): Promise<number> {
  const patience = new AbortController();
  let view: EventView | undefined;
  const say = (text: string): void => {
    if (io.isTTY && view?.say !== undefined) view.say(text);
    else io.err(`\n${text}\n`);
  };
  const release = stopOnInterrupt(dir, io, say, patience);
  try {
    const shown = { ...io, signal: patience.signal };
    const end = await showRun(dir, shown, undefined, fromSeq, (made) => (view = made));
    const code = end.kind === 'detached' ? exitCode.stopped : tellEnd(end, id, io);
    if (!io.json) tellWhere(dir, id, end.kind, io);
    return code;
  } finally {
    release();
  }
}

function tellWhere(dir: string, id: string, end: string, io: Io): void {
  const shown = (...parts: string[]): string =>
    displayText(path.relative('', path.join(dir, ...parts)), 1000);
  if (end === 'done') {
    // A run that only pretrained projectors leaves no hybrid.
    const left = existsSync(path.join(dir, 'result', 'config.json'))
      ? `Hybrid  ${shown('result')}`
      : `Projectors  ${shown('result', 'projectors')}`;
    io.out(`Report  ${shown('result', 'report.html')}\n${left}\n`);
  } else {
    io.out(
      `Report so far  ${shown('result', 'report.html')}\nGo on with  manticore resume ${id}\n`,
    );
  }
}

/**
 * Ctrl-C once: checkpoint and stop. Twice: stop at once, and end the process if it doesn't.
 * @param patience aborted when nothing more is to be waited for
 */
function stopOnInterrupt(
  dir: string,
  io: Io,
  say: (text: string) => void,
  patience: AbortController,
): () => void {
  let timer: NodeJS.Timeout | undefined;
  const send = (checkpoint: boolean): void => {
    sendControl(dir, { action: 'stop', checkpoint }).catch((error: unknown) => {
      // A process that has just ended can't be stopped any more: the log tells how it ended.
      if (!(error instanceof RunError)) throw error;
    });
  };
  const first = (): void => {
    say('Stopping after this step, with a checkpoint. Press Ctrl-C again to stop at once.');
    send(true);
  };
  const second = (): void => {
    say('Stopping at once.');
    send(false);
    timer = setTimeout(() => {
      void endProcess(dir).finally(() => patience.abort());
    }, patienceMs);
  };
  io.signal.addEventListener('abort', first, { once: true });
  io.impatience.addEventListener('abort', second, { once: true });
  if (io.signal.aborted) first();
  return () => {
    clearTimeout(timer);
    io.signal.removeEventListener('abort', first);
    io.impatience.removeEventListener('abort', second);
  };
}

/** Ends the process that published itself for this folder, if that very process still lives. */
async function endProcess(dir: string): Promise<void> {
  const publication = await findPublication(dir);
  if (publication !== undefined) await signalProcess(publication.record, 'SIGKILL');
}
