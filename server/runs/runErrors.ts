/** Errors of runs that a user can meet: what, where, and what to do. Bugs throw plain errors instead. */
import { systemCode } from '../files/systemErrors';

/** Thrown by `server/runs`; the command line prints `message`, then `hint`. */
export class RunError extends Error {
  constructor(
    /** Stable, kebab-case. */
    readonly code: string,
    message: string,
    /** What the user can do. */
    readonly hint: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'RunError';
  }
}

export function diskFull(path: string, cause: unknown): RunError {
  return new RunError(
    'disk-full',
    `No space is left to write ${path}.`,
    'Free some space on that disk, then go on with `manticore resume`.',
    { cause },
  );
}

export function runFolderRefused(path: string, cause: unknown): RunError {
  return new RunError(
    'run-folder-refused',
    `No run folder can be made in ${path} (${systemCode(cause) ?? 'unknown reason'}).`,
    'Name another place with `--out DIR`, or make that folder writable.',
    { cause },
  );
}

export function notARunFolder(path: string): RunError {
  return new RunError(
    'not-a-run',
    `${path} is not a run folder: it has no readable run.json.`,
    'Give the folder, the id or a prefix of the id of a run; `manticore runs` lists them.',
  );
}

export function runNotFound(reference: string): RunError {
  return new RunError(
    'run-not-found',
    `No run matches "${reference}".`,
    'Give the folder of a run, its id, a prefix of one, or `latest`; `manticore runs` lists them.',
  );
}

export function runAmbiguous(reference: string, matches: readonly string[]): RunError {
  return new RunError(
    'run-ambiguous',
    `"${reference}" matches ${matches.length} runs: ${matches.slice(0, 5).join(', ')}.`,
    'Give more of the id, or the folder.',
  );
}

export function unsafeFile(path: string, reason: string): RunError {
  return new RunError(
    'unsafe-file',
    `${path} is not read: ${reason}.`,
    'A run folder holds regular files only; remove what somebody else put there.',
  );
}

export function notRunning(path: string): RunError {
  return new RunError(
    'not-running',
    `No process of yours is working on ${path}.`,
    'Go on with `manticore resume`, or look with `manticore runs`.',
  );
}

export function alreadyRunning(path: string, pid: number): RunError {
  return new RunError(
    'already-running',
    `Process ${pid} is already working on ${path}.`,
    'Follow it with `manticore attach`, or end it with `manticore stop` first.',
  );
}

export function controlRefused(path: string, reason: string): RunError {
  return new RunError(
    'control-refused',
    `What answers for ${path} is not its compute process: ${reason}.`,
    'Nothing was sent to it. Look at who owns the sockets in your runtime folder.',
  );
}

export function controlTimeout(path: string, seconds: number): RunError {
  return new RunError(
    'control-timeout',
    `The compute process of ${path} did not answer within ${seconds} s.`,
    'A request is answered between two steps; it may still be applied. Try again later.',
  );
}

export function unsafeRuntimeFolder(path: string, reason: string): RunError {
  return new RunError(
    'unsafe-runtime-folder',
    `The runtime folder ${path} can't be used: ${reason}.`,
    'Remove it, or let MANTICORE_RUNTIME_DIR name a folder (a short path) that only you can read.',
  );
}

export function startFailed(reason: string, logPath: string): RunError {
  return new RunError(
    'start-failed',
    `The compute process ended before it was ready: ${reason}`,
    `Its whole output is in ${logPath}.`,
  );
}

/** @param by who names it: a variable, a setting */
export function nodeMissing(path: string, by: string): RunError {
  return new RunError(
    'node-missing',
    `${by} names ${path}, which can't be run.`,
    'Set it to the path of a Node binary, version 20.19 or later, or leave it empty.',
  );
}

/** Turns `ENOSPC` and `EDQUOT` into the typed error; every other error is returned as it is. */
export function withDiskFull(error: unknown, path: string): unknown {
  const code = systemCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT' ? diskFull(path, error) : error;
}
