/**
 * tfjs-node's native module, compiled against the TensorFlow that stands beside it: its sources come in its npm package,
 * Node's own interface in `node-api-headers`, and the compiler is the system's. Nothing else is fetched, and no script of a
 * package runs.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { CommandError } from '../commandError';
import { findNpm, runNpm } from '../npm';
import { findProgram, type ProgramResult } from '../runProgram';
import { cancelled, npmFailed, runTool, type InstallOptions, type RecipeContext } from './recipe';
import { filesOfTar } from './tar';

interface Sources {
  readonly name: string;
  readonly version: string;
  /** SHA-512 of the package, as the registry's metadata gives it. */
  readonly integrity: string;
  /** The folder of the package that is used. */
  readonly folder: string;
}

const sources: readonly [Sources, Sources] = [
  {
    name: '@tensorflow/tfjs-node',
    version: '4.22.0',
    integrity:
      'sha512-uHrXeUlfgkMxTZqHkESSV7zSdKdV0LlsBeblqkuKU9nnfxB1pC6DtoyYVaLxznzZy7WQSegjcohxxCjAf6Dc7w==',
    folder: 'binding',
  },
  {
    name: 'node-api-headers',
    version: '1.9.0',
    integrity:
      'sha512-2oNILP4jXwRB4ywnYKjVk1YyJ96n2D4EOVJO6S3oYZ5PtbJrw3Yt9TpAuX3nBLMuzn74rnfGQrv13pS9vC+YiA==',
    folder: 'include',
  },
];

const BINDING = 'tfjs_binding.node';

/** What the module calls TensorFlow by; a wheel that hides it can't be used. */
const ENTRY = 'TFE_NewContext';

/**
 * Finds the compiler first, so that nothing is fetched in vain.
 * @throws CommandError `engine-tools-missing`
 */
export async function findCompiler(): Promise<string> {
  const file = await findProgram(['c++', 'g++', 'clang++']);
  if (file !== undefined) return file;
  throw new CommandError(
    'engine-tools-missing',
    'No C++ compiler is on the PATH (c++, g++ or clang++): it builds the part that joins TensorFlow to Node.',
    'Install one (Debian, Ubuntu: sudo apt install g++; Fedora: sudo dnf install gcc-c++; macOS: xcode-select --install), then try again. Or use the wasm engine.',
  );
}

/**
 * Compiles the module into `folder`, where TensorFlow's libraries stand; it finds them there wherever the folder goes.
 * @param include TensorFlow's headers
 * @param libraries names in `folder`, to link with
 * @throws CommandError `engine-unfit`, `engine-build-failed`, `engine-download-failed`, `npm-missing`
 */
export async function buildBinding(
  compiler: string,
  folder: string,
  include: string,
  libraries: readonly string[],
  context: RecipeContext,
): Promise<void> {
  await requireEntry(folder, libraries, context);
  const [binding, headers] = sources;
  const code = await fetchSources(binding, context);
  const nodeHeaders = await fetchSources(headers, context);
  context.onLine(`Compiling ${binding.name} ${binding.version} with ${compiler}: half a minute.`);
  await compile(compiler, { code, headers: [nodeHeaders, include] }, folder, libraries, context);
}

/**
 * @param code the folder of the module's sources
 * @throws CommandError `engine-build-failed` with the compiler's first error, `engine-tools-missing`
 */
export async function compile(
  compiler: string,
  { code, headers }: { readonly code: string; readonly headers: readonly string[] },
  folder: string,
  libraries: readonly string[],
  context: Pick<RecipeContext, 'aside' | 'signal' | 'onLine'>,
): Promise<void> {
  const args = [
    ...['-shared', '-fPIC', '-O2', '-std=c++17', '-w', '-DNAPI_VERSION=8'],
    ...headers.flatMap((header) => ['-I', header]),
    ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((file) => path.join(code, file)),
    ...['-o', path.join(folder, BINDING)],
    ...libraries.map((library) => path.join(folder, library)),
    ...(process.platform === 'darwin'
      ? ['-undefined', 'dynamic_lookup', '-Wl,-rpath,@loader_path']
      : ['-Wl,-rpath,$ORIGIN']),
  ];
  const result = await run(compiler, args, context);
  if (result.code === 0) return;
  throw new CommandError(
    'engine-build-failed',
    `${sources[0].name} could not be compiled: ${firstError(result)}`,
    `Look whether ${compiler} works (it must know C++17: GCC 8 or newer, Clang 7 or newer), then try again. Or use the wasm engine.`,
  );
}

const run = (
  file: string,
  args: readonly string[],
  { aside, signal, onLine }: Pick<RecipeContext, 'aside' | 'signal' | 'onLine'>,
): Promise<ProgramResult> =>
  runTool(
    file,
    args,
    { cwd: aside, signal, onLine, env: { TMPDIR: aside } },
    (reason) =>
      new CommandError(
        'engine-tools-missing',
        `${file} can't be run: ${reason}.`,
        'Install it again, then try again. Or use the wasm engine.',
      ),
  );

const firstError = ({ output, code }: ProgramResult): string =>
  (
    output.split('\n').find((line) => /\berror\b/i.test(line)) ??
    `it ended with ${code ?? 'a signal'}`
  )
    .trim()
    .slice(0, 400);

async function requireEntry(
  folder: string,
  libraries: readonly string[],
  context: RecipeContext,
): Promise<void> {
  const nm = await findProgram(['nm']);
  if (nm === undefined) return; // The linker and the trial tell as well, only later.
  const seen: string[] = [];
  const exported = new RegExp(` [TW] _?${ENTRY}(@|$)`);
  const onLine = (line: string): void => {
    if (exported.test(line)) seen.push(line);
  };
  for (const library of libraries) {
    const flags = process.platform === 'darwin' ? ['-gU'] : ['-D', '--defined-only'];
    await run(nm, [...flags, path.join(folder, library)], { ...context, onLine });
  }
  if (seen.length > 0) return;
  throw new CommandError(
    'engine-unfit',
    `The libraries of this TensorFlow do not offer ${ENTRY}, which the engine calls it by.`,
    'Use the wasm engine, and report this: another version of TensorFlow is needed.',
  );
}

/** A package by npm, without its dependencies and its scripts. @returns the folder of its sources */
async function fetchSources(
  { name, version, integrity, folder }: Sources,
  context: RecipeContext,
): Promise<string> {
  const wanted = `${name}@${version}`;
  const npm = await findNpm();
  const options = { ...context, cwd: context.aside };
  context.onLine(`Fetching ${wanted}.`);
  const args = ['pack', wanted, '--json', '--ignore-scripts', '--loglevel=error'];
  const result = await runNpm(npm, args, quiet(options));
  if (context.signal.aborted) throw cancelled();
  if (result.code !== 0) throw npmFailed(wanted, result);
  const file = path.join(
    context.aside,
    `${name.replace('@', '').replace('/', '-')}-${version}.tgz`,
  );
  const packed = await readFile(file);
  const digest = `sha512-${createHash('sha512').update(packed).digest('base64')}`;
  if (digest !== integrity) {
    throw new CommandError(
      'engine-download-failed',
      `${wanted} is not the package that this version of Manticore was tested with (${digest}).`,
      'Look which registry npm is set to (npm config get registry), then try again.',
    );
  }
  const target = path.join(context.aside, 'sources', name);
  for (const { name: inside, content } of filesOfTar(gunzipSync(packed))) {
    const relative = path.posix.relative(`package/${folder}`, inside);
    if (relative.startsWith('..') || relative.includes('/')) continue;
    await mkdir(target, { recursive: true });
    await writeFile(path.join(target, relative), content);
  }
  return target;
}

/** npm prints the package's description as JSON: nothing for the user. */
const quiet = <T extends InstallOptions>(options: T): T => ({
  ...options,
  onLine: () => undefined,
});
