/** `manticore search` and `manticore resume`: starts the compute process and follows it to the end. */
import path from 'node:path';
import { version } from '../../package.json';
import { checkConfig, isError } from '../language/checkConfig';
import { displayText } from '../report/text';
import { ControlClient } from '../runs/controlClient';
import { launchDetached } from '../runs/launch';
import { findRun, runBases, type ListedRun } from '../runs/listRuns';
import { chooseNode, type NodeChoice } from '../runs/nodeBinary';
import { signalProcess } from '../runs/processIdentity';
import { readRawEvents } from '../runs/readEvents';
import { createRunFolder, holdReserve, readConfigSnapshot, readPlanFile } from '../runs/runFolder';
import { systemCode } from '../files/systemErrors';
import { RunError } from '../runs/runErrors';
import { runState } from '../runs/runState';
import { findPublication } from '../runs/runtimeFolder';
import { createNodeModelReader } from '../weights/nodeModelReader';
import { showRun, tellEnd, type EventView } from './attach';
import { loadConfig, placeProblems, problemLine } from './configFile';
import { runControl, tellError } from './control';
import { CliError, exitCode, type Io } from './io';

export interface SearchOptions {
  /** Folder in which the run folder is made; default `.manticore/runs` beside the config. */
  readonly out?: string;
  readonly engine?: string;
  /** `key=value` overrides. */
  readonly set: readonly string[];
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
  if (config.plan === undefined || config.problems.some(isError)) {
    const reason = config.problems.some(isError)
      ? 'the errors above are mended'
      : 'every model is downloaded';
    io.err(`${file}: nothing runs until ${reason}.\n`);
    return exitCode.problems;
  }
  try {
    const run = await createRunFolder({
      configPath: file,
      configText: config.text,
      plan: config.plan,
      ...(options.out === undefined ? {} : { out: options.out }),
      versions: { manticore: version },
    });
    const node = await chooseNode({ baseFolder: __dirname });
    if (!io.json) {
      io.out(`Run ${run.id} in ${displayText(path.relative('', run.dir) || '.', 1000)}\n`);
    }
    return await launchAndFollow(run.dir, run.id, 'run', node, 0, io);
  } catch (error) {
    return tellError(error, io);
  }
}

/**
 * Goes on with a run: a paused one continues, a stopped, failed or lost one starts again at its last checkpoint.
 * @returns as `runSearch`
 */
export async function runResume(reference: string, io: Io): Promise<number> {
  try {
    const run = await findRun(reference, await runBases(process.cwd()));
    const state = await runState(run.dir);
    if (state === 'paused') return await runControl(run.dir, { action: 'resume' }, io);
    if (state === 'done') {
      throw new CliError(
        'run-done',
        `Run ${run.id} is done: there is nothing left to do.`,
        'Rebuild its report with `manticore report`, or start a new run with `manticore search`.',
      );
    }
    if (state === 'running' || state === 'starting') {
      throw new CliError(
        'already-running',
        `Run ${run.id} is ${state}.`,
        'Follow it with `manticore attach`.',
      );
    }
    await checkPlan(run);
    const node = await chooseNode({ baseFolder: __dirname });
    return await launchAndFollow(run.dir, run.id, 'resume', node, await nextSeq(run.dir), io);
  } catch (error) {
    return tellError(error, io);
  }
}

/**
 * A run folder isn't trusted: the plan that stands there must be the one that its config gives now.
 * @throws CliError `plan-changed`
 */
async function checkPlan(run: ListedRun): Promise<void> {
  const text = await readConfigSnapshot(run.dir);
  const { plan: stored } = await readPlanFile(run.dir);
  const configPath = run.manifest.config;
  const name = path.basename(configPath).replace(/(\.manticore)?\.ya?ml$/i, '');
  const checked = await checkConfig(text, {
    name,
    base: path.dirname(configPath),
    reader: createNodeModelReader(),
  });
  const error = checked.problems.find(isError);
  if (checked.plan !== undefined && error === undefined) {
    if (JSON.stringify(checked.plan) === JSON.stringify(stored)) return;
  }
  throw new CliError(
    'plan-changed',
    `Run ${run.id} can't go on: ${error?.message ?? 'its models, its config or this version of Manticore are no longer those it began with.'}`,
    'Put the models back where they were, or start a new run with `manticore search`.',
  );
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

async function launchAndFollow(
  dir: string,
  id: string,
  mode: 'run' | 'resume',
  node: NodeChoice,
  fromSeq: number,
  io: Io,
): Promise<number> {
  // On a full disk the process could not even say why it ended.
  await holdReserve(dir);
  await launchDetached({
    computePath: path.join(__dirname, 'compute.js'),
    runDir: dir,
    nodePath: node.path,
    execArgv: [],
    args: [mode, dir],
    env: node.environment,
  });
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
    io.out(`Report  ${shown('result', 'report.html')}\nHybrid  ${shown('result')}\n`);
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
    requestStop(dir, checkpoint).catch((error: unknown) => {
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

async function requestStop(dir: string, checkpoint: boolean): Promise<void> {
  const client = await ControlClient.connect(dir);
  try {
    await client.request({ action: 'stop', checkpoint });
  } finally {
    client.close();
  }
}

/** Ends the process that published itself for this folder, if that very process still lives. */
async function endProcess(dir: string): Promise<void> {
  const publication = await findPublication(dir);
  if (publication !== undefined) await signalProcess(publication.record, 'SIGKILL');
}
