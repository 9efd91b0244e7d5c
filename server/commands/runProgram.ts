/** Another program, run without a shell and ended with all that it started. */
import { spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { systemCode } from '../files/systemErrors';

export interface ProgramOptions {
  readonly cwd: string;
  /** Every line of its output. */
  readonly onLine: (line: string) => void;
  /** Aborted: the program and what it started are ended. */
  readonly signal: AbortSignal;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** How it ended, and the end of what it printed. */
export interface ProgramResult {
  /** `null`: by a signal. */
  readonly code: number | null;
  readonly output: string;
}

const keptOutput = 64 * 1024;

/** How long a program may take to end by itself before it is killed. */
const PATIENCE_MS = 5000;

/** @throws Error with a system code when it can't be started */
export async function runProgram(
  file: string,
  args: readonly string[],
  { cwd, onLine, signal, env = {} }: ProgramOptions,
): Promise<ProgramResult> {
  // A group of its own: what it runs (downloads, compilers) ends with it.
  const ownGroup = process.platform !== 'win32';
  const child = spawn(file, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: ownGroup,
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
  });
  const send = (name: NodeJS.Signals): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(ownGroup ? -child.pid : child.pid, name);
    } catch (error) {
      if (systemCode(error) !== 'ESRCH') throw error;
    }
  };
  let kill: NodeJS.Timeout | undefined;
  const end = (): void => {
    send('SIGTERM');
    kill = setTimeout(() => send('SIGKILL'), PATIENCE_MS);
  };
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      output = `${output}${line}\n`.slice(-keptOutput);
      onLine(line);
    });
  }
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    return { code, output };
  } finally {
    clearTimeout(kill);
    signal.removeEventListener('abort', end);
  }
}

/** The first of `names` on the PATH that can be run. */
export async function findProgram(
  names: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> {
  const endings = process.platform === 'win32' ? ['.exe'] : [''];
  for (const name of names) {
    for (const folder of pathFolders(environment)) {
      for (const ending of endings) {
        const file = path.join(folder, `${name}${ending}`);
        if (await isRunnable(file)) return file;
      }
    }
  }
  return undefined;
}

/** The PATH's absolute folders: a relative one is whatever folder this happens to run in. */
export const pathFolders = (environment: NodeJS.ProcessEnv): string[] =>
  (environment['PATH'] ?? environment['Path'] ?? '')
    .split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder));

export async function isRunnable(file: string, mode = constants.X_OK): Promise<boolean> {
  try {
    await access(file, mode);
    return true;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}
