/**
 * The `tensorflow` engine, by the first of these ways that works here:
 *
 * - `cuda`: the libraries of PyPI's current TensorFlow with NVIDIA's CUDA 12 beside them, and a native module built against
 *   them. Needs the NVIDIA driver alone, no CUDA of the system's.
 * - `cpu`: the same without CUDA.
 * - `package-gpu`, `package`: tfjs-node's own download, of an old TensorFlow (2.9); on a GPU it wants CUDA 11.2 and cuDNN 8.1 of
 *   the system. Needs no Python and no compiler, and is the only way on Windows.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { CommandError } from '../commandError';
import { findNpm } from '../npm';
import { requireSpace } from './diskSpace';
import { CUDA_12_DRIVER, findNvidiaDriver, type NvidiaDriver } from './nvidia';
import { findPython, unpackWheel, type Python } from './python';
import {
  installPackages,
  type EngineRecipe,
  type RecipeContext,
  type WorkingEngine,
} from './recipe';
import { buildBinding, findCompiler } from './tfjsBinding';
import { readRequirements } from './wheelRequirements';

/** The one that the engine is tested with. */
const TENSORFLOW = '2.21.0';
const TFJS_NODE = '4.22.0';

type Way = 'cuda' | 'cpu' | 'package-gpu' | 'package';

export const tensorflowRecipe: EngineRecipe = async (context) => {
  const failures: CommandError[] = [];
  const driver = await findNvidiaDriver();
  for (const way of waysFor(process.platform, process.arch, driver)) {
    try {
      return await follow(way, context);
    } catch (error) {
      // No room, no npm, or nobody who waits: another way would not change that.
      if (!(error instanceof CommandError) || !error.code.startsWith('engine-')) throw error;
      failures.push(error);
      context.onLine(error.message);
      await rm(context.target, { recursive: true, force: true, maxRetries: 3 });
    }
  }
  throw allFailed(failures);
};

/** The ways that can work on a system, the best first. */
export function waysFor(
  platform: NodeJS.Platform,
  arch: string,
  driver: NvidiaDriver | undefined,
): Way[] {
  const isX64 = arch === 'x64';
  const packages: Way[] = isX64 || arch === 'arm64' ? ['package'] : [];
  if (platform === 'win32' && isX64) return driver ? ['package-gpu', 'package'] : ['package'];
  if (platform === 'darwin') return isX64 ? packages : ['cpu', ...packages];
  if (platform !== 'linux') return [];
  // PyPI's wheels for arm64 are for the processor alone.
  if (!driver || !isX64) return ['cpu', ...packages];
  return (driver.version ?? CUDA_12_DRIVER) >= CUDA_12_DRIVER
    ? ['cuda', 'package-gpu', 'cpu', 'package']
    : ['package-gpu', 'cpu', 'package'];
}

function follow(way: Way, context: RecipeContext): Promise<WorkingEngine> {
  switch (way) {
    case 'cuda':
      return fromWheels(context, true);
    case 'cpu':
      return fromWheels(context, false);
    case 'package-gpu':
      return fromPackage('@tensorflow/tfjs-node-gpu', context);
    case 'package':
      return fromPackage('@tensorflow/tfjs-node', context);
  }
}

/** The first reason is that of the best way; the last one may be the easiest to mend. */
function allFailed(failures: readonly CommandError[]): CommandError {
  const first = failures[0];
  const last = failures.at(-1);
  if (!first || !last) {
    return new CommandError(
      'engine-unfit',
      `There is no TensorFlow for this system (${process.platform}, ${process.arch}).`,
      'Use the wasm engine.',
    );
  }
  if (first === last) return first;
  const others = failures.slice(0, -1).map(({ message }) => message);
  const hints = new Set([first.hint, last.hint]);
  return new CommandError(
    last.code,
    `${last.message} Before that: ${others.join(' ')}`,
    [...hints].join(' '),
    { cause: first },
  );
}

async function fromPackage(name: string, context: RecipeContext): Promise<WorkingEngine> {
  const npm = await findNpm();
  await requireSpace(context.aside, 1.6e9);
  const wanted = `${name}@${TFJS_NODE}`;
  context.onLine(`Fetching ${wanted}: some hundred megabytes.`);
  await installPackages(npm, context.target, [wanted], context);
  return context.tryEngine();
}

/** The largest moment of each: what is kept, and the largest wheel beside it. */
const needed = { cuda: 7e9, cpu: 1.4e9 } as const;

/**
 * pip fetches the wheels, and only what the engine loads is unpacked: two libraries, NVIDIA's, and the headers to build with.
 * A virtual environment would be larger, would need a Python that the wheels are made for, and could not be renamed.
 * The libraries find each other by paths relative to their own, so they keep the places that they have in the wheels.
 */
async function fromWheels(context: RecipeContext, cuda: boolean): Promise<WorkingEngine> {
  const compiler = await findCompiler();
  await findNpm();
  const python = await findPython(context.aside, context);
  await requireSpace(context.aside, cuda ? needed.cuda : needed.cpu);
  context.onLine(
    cuda
      ? 'Making TensorFlow with CUDA 12: 3.4 GB to fetch, 5.6 GB to keep.'
      : 'Making TensorFlow for the processor: 0.3 GB to fetch, 0.9 GB to keep.',
  );
  const { folder, libraries, requirements } = await unpackTensorflow(python, context, cuda);
  for (const wheel of requirements) {
    await unpackWheel(python, wheel, ['nvidia/'], context.target, context);
  }
  const include = path.join(folder, 'include');
  await buildBinding(compiler, folder, include, libraries, context);
  await rm(include, { recursive: true, force: true, maxRetries: 3 });
  await removeHeaders(path.join(context.target, 'nvidia'));
  const report = await context.tryEngine();
  if (cuda && report.tier !== 'cuda') {
    context.onLine(
      'TensorFlow runs, but on the processor: it could not use the GPU. TF_CPP_MIN_LOG_LEVEL=0 manticore engines tells why.',
    );
  }
  return report;
}

interface Unpacked {
  /** Where the libraries stand. */
  readonly folder: string;
  readonly libraries: readonly string[];
  /** Wheels of NVIDIA's libraries, as pip takes them. */
  readonly requirements: readonly string[];
}

async function unpackTensorflow(
  python: Python,
  context: RecipeContext,
  cuda: boolean,
): Promise<Unpacked> {
  // The wheel for the processor alone, half as large, is made for Linux on x64.
  const isSmall = !cuda && process.platform === 'linux' && process.arch === 'x64';
  const wheel = isSmall ? 'tensorflow_cpu' : 'tensorflow';
  const headers = [
    'tensorflow/c/',
    'tensorflow/core/platform/ctstring',
    'tsl/platform/',
    'xla/tsl/c/',
  ];
  const prefixes = [
    'tensorflow/libtensorflow_cc.',
    'tensorflow/libtensorflow_framework.',
    ...headers.map((name) => `tensorflow/include/${name}`),
    `${wheel}-${TENSORFLOW}.dist-info/`,
  ];
  await mkdir(context.target, { recursive: true });
  const wanted = `${wheel}==${TENSORFLOW}`;
  const names = await unpackWheel(python, wanted, prefixes, context.target, context);
  const libraries = names
    .filter((name) => /^tensorflow\/libtensorflow_(cc|framework)\./.test(name))
    .map((name) => path.posix.basename(name));
  if (libraries.length !== 2) {
    throw new CommandError(
      'engine-unfit',
      `The wheel of ${wanted} has not the two libraries that the engine needs, but ${libraries.length}.`,
      'Use the wasm engine, and report this.',
    );
  }
  const note = path.join(context.target, `${wheel}-${TENSORFLOW}.dist-info`, 'METADATA');
  return {
    folder: path.join(context.target, 'tensorflow'),
    libraries,
    requirements: cuda ? await readRequirements(note) : [],
  };
}

/** NVIDIA's wheels hold headers as well, which nothing loads. */
async function removeHeaders(nvidia: string): Promise<void> {
  const parts = await readdir(nvidia).catch((): string[] => []);
  for (const part of parts) {
    const include = path.join(nvidia, part, 'include');
    await rm(include, { recursive: true, force: true, maxRetries: 3 });
  }
}
