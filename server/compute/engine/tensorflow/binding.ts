/**
 * tfjs-node's native module, which calls TensorFlow's C API: where it stands, what of it is used, and how it is loaded. The
 * rest of tfjs-node is not: it brings a second copy of tfjs, and a kernel of its own costs several calls for one.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { enginesFolder, installedEngine } from '../../../files/userCache';
import { notAvailable } from '../errors';

/** A TF_AttrType. */
export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: number | boolean | string | readonly number[];
}

/** What TensorFlow tells of a tensor that it made. */
export interface MadeTensor {
  readonly id: number;
  readonly shape: number[];
  /** A TF_DataType. */
  readonly dtype: number;
}

type TypedValues = Float32Array | Int32Array | Uint8Array;

/** `tfjs_binding.node` of tfjs-node 4.22.0: tensors by number. Each throws an Error with TensorFlow's own words. */
export interface TensorflowBinding {
  readonly TF_Version: string;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_BOOL: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_STRING: number;
  isUsingGpuDevice(): boolean;
  createTensor(shape: readonly number[], dtype: number, values: TypedValues): number;
  deleteTensor(id: number): void;
  /** A copy. */
  tensorDataSync(id: number): TypedValues;
  executeOp(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): MadeTensor[];
}

export const INSTALL_HINT =
  'Install it with `manticore engines --install tensorflow` (in VS Code: Manticore: Install Engine…); or use the wasm engine.';

/** Packages that may stand beside this one; the first is for a GPU. */
const packages = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

/** The native module of a package of tfjs-node, by the highest N-API version that it was built for. */
function inPackage(folder: string): string | undefined {
  const lib = path.join(folder, 'lib');
  const versions = foldersIn(lib)
    .filter((name) => /^napi-v\d+$/.test(name))
    .sort((a, b) => Number(b.slice(6)) - Number(a.slice(6)));
  return versions
    .map((name) => path.join(lib, name, 'tfjs_binding.node'))
    .find((file) => isThere(file));
}

function foldersIn(folder: string): string[] {
  return isThere(folder) ? readdirSync(folder) : [];
}

const isThere = (file: string): boolean => statSync(file, { throwIfNoEntry: false }) !== undefined;

/** The name in the installation's own note: what the recipe wrote beside what it built. */
export const BUILT_BINDING = 'tfjs_binding.node';

/** Every place where one can stand, in order: what the user installed for Manticore, then what stands beside it. */
function candidates(): string[] {
  const installed = installedEngine(enginesFolder(), 'tensorflow');
  const built = path.join(installed, 'tensorflow', BUILT_BINDING);
  const fetched = packages.map((name) => inPackage(path.join(installed, 'node_modules', name)));
  // Another place than this user's is a trial, or a test: what stands beside the package is none of its business.
  const beside = process.env['MANTICORE_ENGINES_DIR'] === undefined ? besideThis() : [];
  return [isThere(built) ? built : undefined, ...fetched, ...beside].filter(
    (file) => file !== undefined,
  );
}

function besideThis(): (string | undefined)[] {
  const { resolve } = createRequire(path.join(process.argv[1] ?? process.cwd(), 'from'));
  return packages.map((name) => {
    try {
      return inPackage(path.dirname(resolve(`${name}/package.json`)));
    } catch (error) {
      if ((error as { code?: string }).code === 'MODULE_NOT_FOUND') return undefined;
      throw error;
    }
  });
}

let loaded: TensorflowBinding | undefined;

/**
 * Loads it once a process; its settings are read from the environment when it is.
 * @throws EngineError `not-available` with the reason of each place
 */
export function loadBinding(): TensorflowBinding {
  if (loaded) return loaded;
  const files = candidates();
  if (files.length === 0) throw notAvailable('tensorflow', 'it is not installed', INSTALL_HINT);
  const failures: string[] = [];
  for (const file of files) {
    try {
      const load: (file: string) => unknown = createRequire(file);
      loaded = load(file) as TensorflowBinding;
      return loaded;
    } catch (error) {
      failures.push(whyNot(file, error));
    }
  }
  throw notAvailable('tensorflow', failures.join('; '), INSTALL_HINT);
}

function whyNot(file: string, error: unknown): string {
  const [told = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  if (/GLIBCXX|GLIBC_|CXXABI/.test(told)) return `${told} (this system is older than its binaries)`;
  const head = readFileSync(file).subarray(0, 4).toString('latin1');
  const known = ['\x7fELF', 'MZ', '\xcf\xfa\xed\xfe', '\xca\xfe\xba\xbe'];
  return known.some((magic) => head.startsWith(magic))
    ? `${file} does not load: ${told}`
    : `${file} is no native module`;
}
