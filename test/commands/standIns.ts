/** Programs that an installation runs, which do as they are told: a folder that is the whole PATH. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** What npm does when it is asked to install; asked to pack, it packs something else than was asked for. */
export type NpmScript =
  /** Lays down a tfjs-node whose native module stands in this folder, beside TensorFlow's libraries. */
  | { readonly kind: 'works'; readonly from: string }
  /** Lays down one that can't be loaded. */
  | { readonly kind: 'broken' }
  /** Prints this and fails. */
  | { readonly kind: 'fails'; readonly output: string }
  /** Never comes to an end by itself; the file is there once it runs. */
  | { readonly kind: 'hangs'; readonly sign: string };

export type PythonScript =
  /** Fetches and unpacks a wheel with two files that are called as TensorFlow's libraries are. */
  | { readonly kind: 'works' }
  /** Has no pip, and no virtual environments either. */
  | { readonly kind: 'no pip' }
  | { readonly kind: 'old pip' }
  /** Its pip prints this and fails. */
  | { readonly kind: 'fails'; readonly output: string }
  /** Its pip starts another program and never comes to an end; the file then names both processes. */
  | { readonly kind: 'hangs'; readonly sign: string };

export interface StandIns {
  readonly npm?: NpmScript;
  readonly python?: PythonScript;
  /** Symbols that `nm` tells of any library; absent: there is no nm. */
  readonly symbols?: string;
  /** Whether there is a compiler. */
  readonly compiler?: boolean;
}

/** Makes the folder. @returns its path */
export async function standIns(folder: string, programs: StandIns): Promise<string> {
  await mkdir(folder, { recursive: true });
  const { npm, python, symbols, compiler = false } = programs;
  if (npm) await program(folder, 'npm', npmSource(npm));
  if (python) await program(folder, 'python3', pythonSource(python));
  if (symbols !== undefined) {
    await program(folder, 'nm', `console.log(${JSON.stringify(symbols)});`);
  }
  if (compiler) await program(folder, 'c++', 'process.exitCode = 1;');
  return folder;
}

export async function program(folder: string, name: string, source: string): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, `#!${process.execPath}\n${source}`);
  await chmod(file, 0o755);
  return file;
}

const FILES = "const { mkdirSync, writeFileSync, symlinkSync, copyFileSync } = require('node:fs');";
const WAIT = 'setInterval(() => {}, 1000);';

function npmSource(script: NpmScript): string {
  const onInstall = (lay: string): string => `${FILES}
if (process.argv[2] === 'pack') {
  const [, name, version] = /^(.+)@(.+)$/.exec(process.argv[3]);
  writeFileSync(name.replace('@', '').replace('/', '-') + '-' + version + '.tgz', 'another package');
} else {
  const wanted = process.argv.find((argument) => argument.startsWith('@tensorflow/'));
  const folder = process.cwd() + '/node_modules/' + /^(.+)@/.exec(wanted)[1] + '/lib/napi-v8/';
  mkdirSync(folder, { recursive: true });
  ${lay}
  console.log('added 1 package: ' + wanted);
}`;
  switch (script.kind) {
    case 'works':
      // The libraries are large; the module looks for them in its own folder.
      return onInstall(`
  const from = ${JSON.stringify(script.from)};
  for (const name of require('node:fs').readdirSync(from)) {
    if (name.startsWith('libtensorflow')) symlinkSync(from + '/' + name, folder + name);
  }
  copyFileSync(from + '/tfjs_binding.node', folder + 'tfjs_binding.node');`);
    case 'broken':
      return onInstall("writeFileSync(folder + 'tfjs_binding.node', 'nothing to load');");
    case 'fails':
      return `console.error(${JSON.stringify(script.output)}); process.exitCode = 1;`;
    case 'hangs':
      return `${FILES} writeFileSync(${JSON.stringify(script.sign)}, String(process.pid)); ${WAIT}`;
  }
}

function pythonSource(script: PythonScript): string {
  const withPip = (download: string, version = '24.0'): string => `${FILES}
const [, , ...words] = process.argv;
const asked = words.join(' ');
if (asked === '-m pip --version') console.log('pip ${version} from /somewhere (python 3.12)');
else if (asked.startsWith('-m pip download')) { ${download} }
else if (words[0] === '-c') {
  mkdirSync(words[3] + '/tensorflow', { recursive: true });
  for (const part of ['cc', 'framework']) {
    const name = 'tensorflow/libtensorflow_' + part + '.so.2';
    writeFileSync(words[3] + '/' + name, part);
    console.log(name);
  }
} else process.exitCode = 1;`;
  switch (script.kind) {
    case 'works':
      return withPip(
        "writeFileSync(words[words.indexOf('--dest') + 1] + '/tensorflow-2.21.0-py3-none-any.whl', 'a wheel');",
      );
    case 'no pip':
      return 'process.exitCode = 1;';
    case 'old pip':
      return withPip('', '20.0.2');
    case 'fails':
      return withPip(`console.error(${JSON.stringify(script.output)}); process.exitCode = 1;`);
    case 'hangs':
      return withPip(`
  const { spawn } = require('node:child_process');
  const other = spawn(process.execPath, ['-e', ${JSON.stringify(WAIT)}], { stdio: 'inherit' });
  writeFileSync(${JSON.stringify(script.sign)}, process.pid + ' ' + other.pid);
  ${WAIT}`);
  }
}
