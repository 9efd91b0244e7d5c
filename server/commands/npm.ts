/** The user's npm, run without a shell. */
import { constants } from 'node:fs/promises';
import path from 'node:path';
import { CommandError } from './commandError';
import {
  isRunnable,
  pathFolders,
  runProgram,
  type ProgramOptions,
  type ProgramResult,
} from './runProgram';

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
  for (const folder of pathFolders(environment)) {
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
  return (await isRunnable(file)) ? { file, first: [] } : undefined;
}

async function onWindows(folder: string): Promise<NpmCommand | undefined> {
  const file = path.join(folder, 'node.exe');
  const script = path.join(folder, 'node_modules', 'npm', 'bin', 'npm-cli.js');
  const both =
    (await isRunnable(file, constants.F_OK)) && (await isRunnable(script, constants.R_OK));
  return both ? { file, first: [script] } : undefined;
}

/** @throws CommandError `npm-missing` when it can't be started */
export async function runNpm(
  { file, first }: NpmCommand,
  args: readonly string[],
  options: ProgramOptions,
): Promise<ProgramResult> {
  try {
    return await runProgram(file, [...first, ...args], options);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(
      'npm-missing',
      `npm (${file}) can't be run: ${reason}.`,
      'Install Node.js again, which brings npm.',
    );
  }
}
