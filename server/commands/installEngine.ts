/**
 * Installs an engine for this user: fetched by npm into a folder aside, tried there by the compute process itself, and
 * put in its place as one act. An engine that doesn't pass never replaces one that did.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { EngineReport } from '../contract/engine';
import { exists, systemCode } from '../files/systemErrors';
import { enginesFolder, installedEngine } from '../files/userCache';
import { CommandError } from './commandError';
import type { ComputeProgram } from './computeProgram';
import { runComputeJob } from './computeJob';
import { findNpm, runNpm, type NpmCommand, type NpmResult } from './npm';

const TENSORFLOW_VERSION = '4.22.0';

export interface InstallOptions {
  /** What it does, and what npm prints. */
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface InstalledEngine {
  /** Its folder. */
  readonly where: string;
  readonly report: Extract<EngineReport, { readonly available: true }>;
}

/**
 * @param name `tensorflow`; for other names a sentence why there is nothing to install
 * @throws CommandError `engine-included`, `engine-without-kernels`, `engine-unknown`, `npm-missing`,
 * `engine-download-failed`, `engine-build-failed`, `engine-install-failed`, `engine-unfit`, `disk-full`, `cancelled`
 */
export async function installEngine(
  name: string,
  program: ComputeProgram,
  options: InstallOptions,
): Promise<InstalledEngine> {
  refuseOthers(name);
  const npm = await findNpm();
  const folder = enginesFolder();
  const aside = path.join(folder, `.installing-${randomBytes(4).toString('hex')}`);
  try {
    await mkdir(aside, { recursive: true });
    const report = await fetchTensorflow(npm, aside, program, options);
    const where = installedEngine(folder, name);
    await putInPlace(installedEngine(aside, name), where, path.join(aside, 'before'));
    return { where, report };
  } catch (error) {
    throw withFullDisk(error, folder);
  } finally {
    await rm(aside, { recursive: true, force: true, maxRetries: 3 });
  }
}

function refuseOthers(name: string): void {
  switch (name) {
    case 'tensorflow':
      return;
    case 'wasm':
    case 'cpu':
      throw new CommandError(
        'engine-included',
        `The engine ${name} comes with Manticore: there is nothing to install.`,
        'Use it with `engine: wasm`.',
      );
    case 'webgpu':
      throw new CommandError(
        'engine-without-kernels',
        'There is nothing to install for webgpu: this version of Manticore has no kernels for it.',
        'Use wasm, which every machine runs, or install tensorflow.',
      );
    default:
      throw new CommandError(
        'engine-unknown',
        `There is no engine ${JSON.stringify(name.slice(0, 100))}.`,
        'The engine that can be installed is tensorflow.',
      );
  }
}

/** The package for a GPU where there is one, else, or where that doesn't work, the one for the processor. */
async function fetchTensorflow(
  npm: NpmCommand,
  aside: string,
  program: ComputeProgram,
  options: InstallOptions,
): Promise<InstalledEngine['report']> {
  const target = installedEngine(aside, 'tensorflow');
  const gpu = await hasNvidia();
  for (const name of [...(gpu ? ['@tensorflow/tfjs-node-gpu'] : []), '@tensorflow/tfjs-node']) {
    try {
      await fetchPackage(npm, target, `${name}@${TENSORFLOW_VERSION}`, options);
      return await tryEngine(aside, program, options);
    } catch (error) {
      const isLast = name === '@tensorflow/tfjs-node';
      const goesOn = error instanceof CommandError && error.code.startsWith('engine-');
      if (isLast || !goesOn) throw error;
      options.onLine(`${error.message} The package for the processor is tried instead.`);
      await rm(target, { recursive: true, force: true, maxRetries: 3 });
    }
  }
  throw new Error('the last package either works or throws');
}

/** The driver's own folder on Linux, its tool elsewhere. tfjs has GPU packages for Linux and Windows on x64. */
async function hasNvidia(): Promise<boolean> {
  if (process.arch !== 'x64') return false;
  if (process.platform === 'linux') return exists('/proc/driver/nvidia/version');
  if (process.platform !== 'win32') return false;
  return exists(
    path.join(process.env['SystemRoot'] ?? 'C:\\Windows', 'System32', 'nvidia-smi.exe'),
  );
}

async function fetchPackage(
  npm: NpmCommand,
  target: string,
  wanted: string,
  options: InstallOptions,
): Promise<void> {
  await mkdir(target, { recursive: true });
  await writeFile(
    path.join(target, 'package.json'),
    `${JSON.stringify({ name: 'manticore-engine', private: true })}\n`,
  );
  options.onLine(`Fetching ${wanted}: some hundred megabytes.`);
  const args = ['install', wanted, '--no-audit', '--no-fund', '--save-exact', '--loglevel=notice'];
  const result = await runNpm(npm, [...args, '--foreground-scripts'], { ...options, cwd: target });
  if (options.signal.aborted)
    throw new CommandError('cancelled', 'The installation was cancelled.', '');
  if (result.code !== 0) throw npmFailed(wanted, result);
}

/** Which of its many ways to fail npm took, from what it printed. */
function npmFailed(wanted: string, { code, output }: NpmResult): CommandError {
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

/** Opens and measures it in a compute process that sees this installation and no other. */
async function tryEngine(
  aside: string,
  program: ComputeProgram,
  { onLine, signal }: InstallOptions,
): Promise<InstalledEngine['report']> {
  onLine('Trying the engine.');
  const answer = await runComputeJob({ kind: 'engines' }, program, {
    signal,
    env: { MANTICORE_ENGINES_DIR: aside },
    onOutput: (text) => text.trimEnd().split('\n').forEach(onLine),
  });
  const report =
    answer.type === 'engines'
      ? answer.engines.find(({ name }) => name === 'tensorflow')
      : undefined;
  if (report?.available === true) return report;
  throw new CommandError(
    'engine-unfit',
    `TensorFlow was fetched, but can't be used here: ${report?.reason ?? 'it was not found'}`,
    'Let `manticore.nodePath` or MANTICORE_NODE name a Node that its binaries support; or use the wasm engine.',
  );
}

async function putInPlace(from: string, to: string, before: string): Promise<void> {
  const replaces = await exists(to);
  if (replaces) await rename(to, before);
  try {
    await rename(from, to);
  } catch (error) {
    if (replaces) await rename(before, to);
    throw error;
  }
}

function withFullDisk(error: unknown, folder: string): unknown {
  const code = systemCode(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new CommandError(
    'disk-full',
    `No space is left in ${folder}.`,
    'Free some, then try again.',
    { cause: error },
  );
}
