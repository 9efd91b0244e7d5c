/** Wheels of PyPI by the user's own pip: its registry, proxy and certificates are those of the user's settings. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { CommandError } from '../commandError';
import { findProgram, type ProgramResult } from '../runProgram';
import { runTool, type InstallOptions } from './recipe';

/** A Python that has pip. Which Python hardly matters: what is fetched is not for it. */
export interface Python {
  readonly file: string;
}

/** From this one on pip knows the names of today's wheels (manylinux_2_x). */
const OLDEST_PIP = [20, 3] as const;

/**
 * A Python with pip; where the system's has none, one in `aside`, which brings its own.
 * @throws CommandError `engine-tools-missing`
 */
export async function findPython(aside: string, options: InstallOptions): Promise<Python> {
  const file = await findProgram(['python3', 'python']);
  if (file === undefined) {
    throw missing(
      "No Python 3 is on the PATH: its pip fetches TensorFlow's libraries.",
      'Install it (Debian, Ubuntu: sudo apt install python3-pip; Fedora: sudo dnf install python3-pip; macOS: brew install python), then try again.',
    );
  }
  const version = await pipVersion(file, aside, options);
  if (version !== undefined) {
    if (isOld(version)) {
      throw missing(
        `The pip of ${file} is too old: ${version.join('.')}, and ${OLDEST_PIP.join('.')} or newer is needed.`,
        `Update it (${file} -m pip install --user --upgrade pip), then try again.`,
      );
    }
    return { file };
  }
  return withOwnPip(file, aside, options);
}

const isOld = ([major, minor]: readonly [number, number]): boolean =>
  major < OLDEST_PIP[0] || (major === OLDEST_PIP[0] && minor < OLDEST_PIP[1]);

async function pipVersion(
  file: string,
  cwd: string,
  options: InstallOptions,
): Promise<readonly [number, number] | undefined> {
  const quiet = { ...options, cwd, onLine: () => undefined };
  const { code, output } = await run(file, ['-m', 'pip', '--version'], quiet);
  const [, major, minor] = /^pip (\d+)\.(\d+)/m.exec(output) ?? [];
  return code === 0 && major !== undefined ? [Number(major), Number(minor)] : undefined;
}

async function withOwnPip(file: string, aside: string, options: InstallOptions): Promise<Python> {
  options.onLine(`${file} has no pip: making a virtual environment that has.`);
  const folder = path.join(aside, 'python');
  const { code } = await run(file, ['-m', 'venv', folder], { ...options, cwd: aside });
  const own = path.join(folder, process.platform === 'win32' ? 'Scripts' : 'bin', 'python');
  if (code === 0 && (await pipVersion(own, aside, options)) !== undefined) return { file: own };
  throw missing(
    `${file} has no pip, and can't make a virtual environment that has.`,
    'Install pip (Debian, Ubuntu: sudo apt install python3-pip; others: python3 -m ensurepip --user), then try again.',
  );
}

const missing = (message: string, hint: string): CommandError =>
  new CommandError('engine-tools-missing', message, `${hint} Or use the wasm engine.`);

type Run = InstallOptions & { readonly cwd: string };

const run = (file: string, args: readonly string[], options: Run): Promise<ProgramResult> =>
  runTool(
    file,
    args,
    {
      ...options,
      env: {
        // Nothing is installed into any Python, so a user's rule against that does not apply.
        PIP_REQUIRE_VIRTUALENV: 'false',
        PIP_DISABLE_PIP_VERSION_CHECK: '1',
        PYTHONUNBUFFERED: '1',
        // What it unpacks on the way belongs on the disk whose space was looked at.
        TMPDIR: options.cwd,
      },
    },
    (reason) =>
      missing(`Python (${file}) can't be run: ${reason}.`, 'Install it again, then try again.'),
  );

/**
 * Fetches a wheel and nothing that it requires, and unpacks those of its files whose names begin with one of `prefixes`.
 * @param wanted as pip takes it: `name==version`, or `name` with the versions that will do
 * @param target where the files go, under the names that they have in the wheel
 * @returns the names of the files
 * @throws CommandError `engine-download-failed`, `engine-install-failed`, `disk-full`
 */
export async function unpackWheel(
  { file }: Python,
  wanted: string,
  prefixes: readonly string[],
  target: string,
  options: InstallOptions & { readonly aside: string },
): Promise<string[]> {
  const folder = path.join(options.aside, 'wheel');
  // A way that failed before may have left another wheel there.
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  await mkdir(folder, { recursive: true });
  options.onLine(`Fetching ${wanted}.`);
  const fixed = ['--no-deps', '--no-cache-dir', '--no-input', '--progress-bar', 'off'];
  // The libraries are the same for every Python; this one has wheels, whatever the user's own is.
  const anyPython = ['--only-binary=:all:', '--python-version', '3.12', '--implementation', 'cp'];
  const fetched = await run(
    file,
    ['-m', 'pip', 'download', ...fixed, ...anyPython, '--dest', folder, wanted],
    { ...options, cwd: options.aside },
  );
  if (fetched.code !== 0) throw pipFailed(wanted, fetched);
  const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
  if (wheel === undefined) throw pipFailed(wanted, fetched);
  options.onLine(`Unpacking ${wheel}.`);
  const names: string[] = [];
  const unpacked = await run(file, ['-c', UNPACK, path.join(folder, wheel), target, ...prefixes], {
    ...options,
    cwd: options.aside,
    onLine: (line) => names.push(line),
  });
  // Each is as large as what it held: one at a time.
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  if (unpacked.code !== 0) throw unpackFailed(wheel, unpacked);
  return names;
}

/** Prints each name that it unpacks. `extract` keeps a name inside of the target, whatever it is. */
const UNPACK = `
import sys, zipfile
wheel, target, *prefixes = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if name.startswith(tuple(prefixes)):
            archive.extract(name, target)
            print(name)
`;

function pipFailed(wanted: string, { output, code }: ProgramResult): CommandError {
  const said = lastError(output) ?? `it ended with ${code ?? 'a signal'}`;
  if (/No space left on device|Errno 28/.test(output)) return diskFull();
  if (/No matching distribution|Could not find a version/.test(output)) {
    return new CommandError(
      'engine-download-failed',
      `pip finds no ${wanted} for this system (${process.platform}, ${process.arch}): ${said}`,
      'Look whether the registry that pip is set to has it (pip config list; pip download --no-deps ' +
        `${wanted}); it is made for Linux with glibc 2.27 or newer and for macOS on Apple silicon.`,
    );
  }
  return new CommandError(
    'engine-download-failed',
    `pip could not fetch ${wanted}: ${said}`,
    'Check the network, and what pip is set to (pip config list), then try again.',
  );
}

function unpackFailed(wheel: string, { output, code }: ProgramResult): CommandError {
  if (/No space left on device|Errno 28/.test(output)) return diskFull();
  const said = output.trim().split('\n').at(-1) ?? `it ended with ${code ?? 'a signal'}`;
  return new CommandError(
    'engine-install-failed',
    `${wheel} could not be unpacked: ${said.slice(0, 400)}`,
    'Try again: the file may have come damaged.',
  );
}

const diskFull = (): CommandError =>
  new CommandError('disk-full', 'No space is left for the engine.', 'Free some, then try again.');

function lastError(output: string): string | undefined {
  const errors = output.split('\n').flatMap((line) => /^ERROR: (.+)/.exec(line.trim())?.[1] ?? []);
  return errors.at(-1)?.slice(0, 400);
}
