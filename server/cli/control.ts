/** `manticore stop | pause | pin | unpin | prune | restore`: changes to a run that is going on. */
import { CommandError } from '../commands/commandError';
import { sendControl } from '../commands/sendControl';
import { untilGone } from '../commands/untilGone';
import type { ControlReply, ControlRequest } from '../contract/control';
import { findRun, runBases } from '../runs/listRuns';
import { RunError } from '../runs/runErrors';
import { findSweep } from '../runs/sweepFolder';
import { CliError, exitCode, type Io } from './io';
import { printable } from './runsCommand';
import { stopSweep } from './sweep';

/** A command as typed: blocks and weights are still text. */
export type ControlCommand =
  | { readonly action: 'stop'; readonly checkpoint: boolean }
  | { readonly action: 'pause' }
  | { readonly action: 'resume' }
  /** `NAME`, or several `NAME=W`. */
  | { readonly action: 'pin'; readonly block: string; readonly components: readonly string[] }
  | { readonly action: 'unpin'; readonly block: string }
  | { readonly action: 'prune' | 'restore'; readonly block: string; readonly component: string };

const usages: Readonly<Record<ControlCommand['action'], string>> = {
  stop: 'manticore stop RUN [--checkpoint]',
  pause: 'manticore pause RUN',
  resume: 'manticore resume RUN',
  pin: 'manticore pin RUN BLOCK NAME[=W]…',
  unpin: 'manticore unpin RUN BLOCK',
  prune: 'manticore prune RUN BLOCK NAME',
  restore: 'manticore restore RUN BLOCK NAME',
};

/**
 * Sends one request and waits until it is applied, between two steps; a stop, until the run's process has ended.
 * @param reference the run's folder, id, a prefix, or `latest`
 * @returns 0 applied, 1 refused or not reachable, 2 wrong usage, 130 Ctrl-C while waiting
 */
export async function runControl(
  reference: string,
  command: ControlCommand,
  io: Io,
): Promise<number> {
  try {
    const request = parseControl(command);
    const bases = await runBases(process.cwd());
    const sweep = request.action === 'stop' ? await findSweep(reference, bases) : undefined;
    if (sweep && request.action === 'stop') return await stopSweep(sweep, request.checkpoint, io);
    const run = await findRun(reference, bases);
    const reply = await sendControl(run.dir, request, io.signal);
    const exit = tellReply(reply, request.action, io);
    // What comes next may be a resume.
    if (reply.ok && request.action === 'stop') await untilGone(run.dir, io.signal);
    return exit;
  } catch (error) {
    if (io.signal.aborted) return exitCode.stopped;
    return tellError(error, io);
  }
}

/** Prints what became of a request and gives the exit code. */
export function tellReply(reply: ControlReply, action: string, io: Io): number {
  if (io.json) io.out(`${JSON.stringify(reply)}\n`);
  if (reply.ok) {
    if (!io.json) io.out(`${action}: applied after step ${reply.step}.\n`);
    return exitCode.done;
  }
  if (!io.json) io.err(`${printable(reply.code)}: ${printable(reply.message)}\n`);
  return exitCode.problems;
}

/** Prints an error that a user can meet and gives its exit code; a bug goes on up. */
export function tellError(error: unknown, io: Io): number {
  const known =
    error instanceof RunError || error instanceof CommandError || error instanceof CliError;
  if (!known) throw error;
  io.err(`${error.code}: ${printable(error.message)}\n${printable(error.hint)}\n`);
  if (error instanceof CliError) return error.exit;
  return failures.has(error.code) ? exitCode.failed : exitCode.problems;
}

/** Errors that the machine is to blame for, not what was typed. */
const failures: ReadonlySet<string> = new Set([
  ...['start-failed', 'disk-full', 'compute-ended', 'internal-error'],
  ...['engine-download-failed', 'engine-build-failed', 'engine-install-failed', 'engine-unfit'],
]);

/** @throws CliError `usage` */
export function parseControl(command: ControlCommand): ControlRequest {
  const { action } = command;
  switch (action) {
    case 'stop':
      return { action, checkpoint: command.checkpoint };
    case 'pause':
    case 'resume':
      return { action };
    case 'pin':
      return {
        action,
        block: blockOf(action, command.block),
        weights: weightsOf(command.components),
      };
    case 'unpin':
      return { action, block: blockOf(action, command.block) };
    case 'prune':
    case 'restore':
      return { action, block: blockOf(action, command.block), component: command.component };
  }
}

function blockOf(action: ControlCommand['action'], text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) {
    throw usage(action, `BLOCK is a whole number from 1, not "${text}".`);
  }
  return Number(text);
}

/** `neox` → all of it; `neox=0.7 mamba=0.3` → these weights. */
function weightsOf(items: readonly string[]): Record<string, number> {
  if (items.length === 0) throw usage('pin', 'NAME is missing.');
  const weights = new Map<string, number>();
  for (const item of items) {
    const [, name, text] =
      /^([A-Za-z][\w-]*)(?:=(\d+(?:\.\d*)?(?:e-?\d+)?|\.\d+))?$/i.exec(item) ?? [];
    if (name === undefined) {
      throw usage('pin', `"${item}" is neither a component's name nor NAME=W.`);
    }
    if (weights.has(name)) throw usage('pin', `${name} stands there twice.`);
    if (text === undefined && items.length > 1) {
      throw usage('pin', `With several components each needs a weight: ${name}=W.`);
    }
    weights.set(name, text === undefined ? 1 : Number(text));
  }
  return Object.fromEntries(weights);
}

function usage(action: ControlCommand['action'], message: string): CliError {
  return new CliError('usage', message, `Usage: ${usages[action]}`, exitCode.usage);
}
