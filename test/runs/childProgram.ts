/** Builds and starts the little programs of `fixtures/`, which use the real modules in a real process. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const built = new Map<string, Promise<string>>();

/** Path of the bundled program. */
export function programPath(name: string): Promise<string> {
  let program = built.get(name);
  if (program === undefined) {
    program = bundle(name);
    built.set(name, program);
  }
  return program;
}

let folder: string | undefined;

async function bundle(name: string): Promise<string> {
  if (folder === undefined) {
    const made = mkdtempSync(path.join(tmpdir(), 'manticore-programs-'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  const outfile = path.join(folder, `${name}.cjs`);
  const options = {
    entryPoints: [path.resolve('test/runs/fixtures', `${name}.ts`)],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    outfile,
  };
  const script = 'require(process.argv[1]).buildSync(JSON.parse(process.argv[2]))';
  const esbuild = path.resolve('node_modules/esbuild');
  await promisify(execFile)(process.execPath, ['-e', script, esbuild, JSON.stringify(options)]);
  return outfile;
}

/** Starts a program with its output piped; the caller ends it. */
export async function startProgram(name: string, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, [await programPath(name), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child, 'spawn');
  return child;
}

/** Kills it as `kill -9` does, and waits until it is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  const gone =
    child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
  child.kill('SIGKILL');
  await gone;
}
