/** How one engine is laid down for this user: what every recipe gets and gives, and what several of them need. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { EngineName, EngineReport } from '../../contract/engine';
import { CommandError } from '../commandError';
import { runComputeJob } from '../computeJob';
import type { ComputeProgram } from '../computeProgram';
import { runNpm, type NpmCommand } from '../npm';
import { runProgram, type ProgramOptions, type ProgramResult } from '../runProgram';

export interface InstallOptions {
  /** What it does, and what the programs that it runs print. */
  readonly onLine: (line: string) => void;
  /** Aborted: what runs is ended with all that it started, and the recipe throws `cancelled`. */
  readonly signal: AbortSignal;
}

/** The measured engine of a recipe that worked. */
export type WorkingEngine = Extract<EngineReport, { readonly available: true }>;

export interface RecipeContext extends InstallOptions {
  /** A folder of this installation's own, removed afterwards: for what is only needed on the way. */
  readonly aside: string;
  /** The engine's folder inside `aside`; what stands in it at the end is put in place. May not exist yet. */
  readonly target: string;
  /** Opens and measures what stands in `target`, in a compute process that sees this installation and no other. */
  readonly tryEngine: () => Promise<WorkingEngine>;
}

/**
 * Lays an engine down in `context.target` and tries it there (`context.tryEngine`). What it lays down must work after that
 * folder is renamed: paths in it are relative.
 * @throws CommandError
 */
export type EngineRecipe = (context: RecipeContext) => Promise<WorkingEngine>;

export const cancelled = (): CommandError =>
  new CommandError('cancelled', 'The installation was cancelled.', '');

/**
 * Runs a tool of the user's.
 * @param unusable made of the reason why it can't be started
 * @throws CommandError `cancelled`, or what `unusable` makes
 */
export async function runTool(
  file: string,
  args: readonly string[],
  options: ProgramOptions,
  unusable: (reason: string) => CommandError,
): Promise<ProgramResult> {
  let result: ProgramResult;
  try {
    result = await runProgram(file, args, options);
  } catch (error) {
    throw unusable(error instanceof Error ? error.message : String(error));
  }
  if (options.signal.aborted) throw cancelled();
  return result;
}

/** @throws CommandError `engine-unfit` when it can't be opened, with the reason and `hint` */
export async function tryEngine(
  name: EngineName,
  folder: string,
  program: ComputeProgram,
  { onLine, signal }: InstallOptions,
): Promise<WorkingEngine> {
  onLine('Trying the engine.');
  const answer = await runComputeJob({ kind: 'engines' }, program, {
    signal,
    env: { MANTICORE_ENGINES_DIR: folder },
    onOutput: (text) => text.trimEnd().split('\n').forEach(onLine),
  });
  const report =
    answer.type === 'engines' ? answer.engines.find((engine) => engine.name === name) : undefined;
  if (report?.available === true) return report;
  throw new CommandError(
    'engine-unfit',
    `The engine ${name} was fetched, but can't be used here: ${report?.reason ?? 'it was not found'}`,
    'Let `manticore.nodePath` or MANTICORE_NODE name a Node that its binaries support; or use the wasm engine.',
  );
}

/**
 * Installs packages into `folder` by npm.
 * @param wanted name@version each
 * @param args more arguments, such as `--ignore-scripts`
 * @throws CommandError
 */
export async function installPackages(
  npm: NpmCommand,
  folder: string,
  wanted: readonly string[],
  options: InstallOptions,
  args: readonly string[] = [],
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(
    path.join(folder, 'package.json'),
    `${JSON.stringify({ name: 'manticore-engine', private: true })}\n`,
  );
  const fixed = ['--no-audit', '--no-fund', '--save-exact', '--loglevel=notice'];
  const all = ['install', ...wanted, ...fixed, '--foreground-scripts', ...args];
  const result = await runNpm(npm, all, { ...options, cwd: folder });
  if (options.signal.aborted) throw cancelled();
  if (result.code !== 0) throw npmFailed(wanted.join(', '), result);
}

/** Which of its many ways to fail npm took, from what it printed. */
export function npmFailed(wanted: string, { code, output }: ProgramResult): CommandError {
  const said = tellingLine(output) ?? `it ended with ${code ?? 'a signal'}`;
  if (/\bENOSPC\b/.test(output)) {
    return new CommandError(
      'disk-full',
      'No space is left for the engine.',
      'Free some, then try again.',
    );
  }
  if (
    /\b(ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|E40[134]|ETARGET|ERR_SOCKET_TIMEOUT)\b/.test(
      output,
    )
  ) {
    return new CommandError(
      'engine-download-failed',
      `${wanted} could not be downloaded: ${said}`,
      'Check the network (a proxy is set with `npm config set proxy`), then try again.',
    );
  }
  if (/node-gyp|gyp ERR|node-pre-gyp|make: \*\*\*|MSBUILD/i.test(output)) {
    return new CommandError(
      'engine-build-failed',
      `${wanted} has no binary for this system and could not be built: ${said}`,
      'Install a C++ compiler and Python 3, then try again; or use the wasm engine.',
    );
  }
  return new CommandError(
    'engine-install-failed',
    `npm could not install ${wanted}: ${said}`,
    'The lines above say more; the wasm engine needs no installation.',
  );
}

/** The line that says most: an error of what npm ran, else npm's own first one that is no bookkeeping. */
function tellingLine(output: string): string | undefined {
  const lines = output.split('\n').map((line) => line.trim());
  const thrown = lines.findLast((line) => /^[A-Za-z]*Error: \S/.test(line));
  const told = lines
    .flatMap((line) => /^npm (?:ERR!|error) (.+)/.exec(line)?.[1] ?? [])
    .find((line) => !/^(code|errno|syscall|path|command|signal) |complete log/.test(line));
  return (thrown ?? told)?.slice(0, 400);
}
