/** The user's npm, run without a shell. */
import { spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { systemCode } from '../files/systemErrors';
import { CommandError } from './commandError';

/** A program, and the arguments that come before npm's own. */
export interface NpmCommand {
  readonly file: string;
  readonly first: readonly string[];
}

/**
 * The first npm on the PATH. On Windows that is a batch file, which needs a shell; the script behind it does not.
 * @throws CommandError `npm-missing`
 */
export async function findNpm(environment: NodeJS.ProcessEnv = process.env): Promise<NpmCommand> {
  const folders = (environment['PATH'] ?? environment['Path'] ?? '')
    .split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder));
  for (const folder of folders) {
    const found = process.platform === 'win32' ? await onWindows(folder) : await onPosix(folder);
    if (found !== undefined) return found;
  }
  throw new CommandError(
    'npm-missing',
    'No npm is on the PATH: it fetches the engine.',
    'Install Node.js, which brings npm (https://nodejs.org), restart the terminal or the editor, then try again.',
  );
}

async function onPosix(folder: string): Promise<NpmCommand | undefined> {
  const file = path.join(folder, 'npm');
  return (await isThere(file, constants.X_OK)) ? { file, first: [] } : undefined;
}

async function onWindows(folder: string): Promise<NpmCommand | undefined> {
  const file = path.join(folder, 'node.exe');
  const script = path.join(folder, 'node_modules', 'npm', 'bin', 'npm-cli.js');
  const both = (await isThere(file, constants.F_OK)) && (await isThere(script, constants.R_OK));
  return both ? { file, first: [script] } : undefined;
}

async function isThere(file: string, mode: number): Promise<boolean> {
  try {
    await access(file, mode);
    return true;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}

export interface NpmOptions {
  readonly cwd: string;
  /** Every line of its output. */
  readonly onLine: (line: string) => void;
  /** Aborted: npm and what it started are ended. */
  readonly signal: AbortSignal;
}

/** How it ended, and the end of what it printed. */
export interface NpmResult {
  readonly code: number | null;
  readonly output: string;
}

const keptOutput = 64 * 1024;

/** @throws CommandError `npm-missing` when it can't be started */
export async function runNpm(
  { file, first }: NpmCommand,
  args: readonly string[],
  { cwd, onLine, signal }: NpmOptions,
): Promise<NpmResult> {
  // A group of its own: what npm runs (downloads, compilers) ends with it.
  const ownGroup = process.platform !== 'win32';
  const child = spawn(file, [...first, ...args], {
    cwd,
    detached: ownGroup,
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
  });
  const end = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(ownGroup ? -child.pid : child.pid, 'SIGTERM');
    } catch (error) {
      if (systemCode(error) !== 'ESRCH') throw error;
    }
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
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(
      'npm-missing',
      `npm (${file}) can't be run: ${reason}.`,
      'Install Node.js again, which brings npm.',
    );
  } finally {
    signal.removeEventListener('abort', end);
  }
}
