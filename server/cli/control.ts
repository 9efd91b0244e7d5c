/** `manticore stop | pause | resume-control | pin | unpin | prune | restore`: changes to a run that is going on. */
import type { ControlReply, ControlRequest } from '../contract/control';
import { ControlClient } from '../runs/controlClient';
import { findRun, runBases } from '../runs/listRuns';
import { RunError } from '../runs/runErrors';
import { CliError, exitCode, type Io } from './io';
import { printable } from './runsCommand';

export const controlActions = [
  'stop',
  'pause',
  'resume-control',
  'pin',
  'unpin',
  'prune',
  'restore',
] as const;
export type ControlCommand = (typeof controlActions)[number];

const usages: Readonly<Record<ControlCommand, string>> = {
  stop: 'manticore stop RUN [--checkpoint]',
  pause: 'manticore pause RUN',
  'resume-control': 'manticore pause RUN --resume',
  pin: 'manticore pin RUN BLOCK NAME[=W]…',
  unpin: 'manticore unpin RUN BLOCK',
  prune: 'manticore prune RUN BLOCK NAME',
  restore: 'manticore restore RUN BLOCK NAME',
};

/**
 * Sends one request and waits until it is applied, between two steps.
 * @param args RUN and what follows it, as typed
 * @returns 0 applied, 1 refused or not reachable, 2 wrong usage, 130 Ctrl-C while waiting
 */
export async function runControl(
  action: ControlCommand,
  args: readonly string[],
  io: Io,
): Promise<number> {
  try {
    const { reference, request } = parseControl(action, args);
    const run = await findRun(reference, await runBases(process.cwd()));
    const client = await ControlClient.connect(run.dir);
    const onAbort = (): void => client.close();
    io.signal.addEventListener('abort', onAbort);
    try {
      return tell(await client.request(request), action, io);
    } finally {
      io.signal.removeEventListener('abort', onAbort);
      client.close();
    }
  } catch (error) {
    if (io.signal.aborted) return exitCode.stopped;
    return tellError(error, io);
  }
}

function tell(reply: ControlReply, action: ControlCommand, io: Io): number {
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
  if (!(error instanceof RunError) && !(error instanceof CliError)) throw error;
  io.err(`${error.code}: ${printable(error.message)}\n${printable(error.hint)}\n`);
  return error instanceof CliError ? error.exit : exitCode.problems;
}

/** @throws CliError `usage` */
export function parseControl(
  action: ControlCommand,
  args: readonly string[],
): { readonly reference: string; readonly request: ControlRequest } {
  const flags = args.filter((argument) => argument.startsWith('--'));
  const [reference, ...rest] = args.filter((argument) => !argument.startsWith('--'));
  const allowed = action === 'stop' ? ['--checkpoint'] : [];
  const unknown = flags.find((flag) => !allowed.includes(flag));
  if (unknown !== undefined) throw usage(action, `It has no flag ${unknown}.`);
  if (reference === undefined) throw usage(action, 'RUN is missing.');
  const request = requestOf(action, rest, flags.includes('--checkpoint'));
  return { reference, request };
}

function requestOf(
  action: ControlCommand,
  rest: readonly string[],
  checkpoint: boolean,
): ControlRequest {
  switch (action) {
    case 'stop':
      expect(action, rest, 0);
      return { action: 'stop', checkpoint };
    case 'pause':
      expect(action, rest, 0);
      return { action: 'pause' };
    case 'resume-control':
      expect(action, rest, 0);
      return { action: 'resume' };
    case 'pin':
      return { action: 'pin', block: blockOf(action, rest[0]), weights: weightsOf(rest.slice(1)) };
    case 'unpin':
      expect(action, rest, 1);
      return { action: 'unpin', block: blockOf(action, rest[0]) };
    case 'prune':
    case 'restore':
      expect(action, rest, 2);
      return { action, block: blockOf(action, rest[0]), component: rest[1]! };
  }
}

function expect(action: ControlCommand, rest: readonly string[], count: number): void {
  if (rest.length !== count) {
    throw usage(action, `It takes ${count} arguments after RUN, not ${rest.length}.`);
  }
}

function blockOf(action: ControlCommand, text: string | undefined): number {
  if (text === undefined) throw usage(action, 'BLOCK is missing.');
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

function usage(action: ControlCommand, message: string): CliError {
  return new CliError('usage', message, `Usage: ${usages[action]}`, exitCode.usage);
}
