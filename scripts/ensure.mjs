/** Installs and builds only when something changed since the last time: what `npm start` and `npm test` begin with. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '..');
const oldestNode = [20, 19];

/** Runs a command in the repository; ends this process with the command's code when it fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32' && command === 'npm',
    ...options,
  });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

const filesUnder = (folder) =>
  existsSync(path.join(root, folder))
    ? readdirSync(path.join(root, folder), { recursive: true })
        .map((name) => path.join(folder, String(name)))
        .filter((name) => statSync(path.join(root, name)).isFile())
        .sort()
    : [];

const hashOf = (files) => {
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(path.join(root, file)));
  return hash.digest('hex');
};

/** Runs `action` unless `stampFile` says that it already ran for these inputs. */
function once(stampFile, inputs, action) {
  const stamp = path.join(root, stampFile);
  // Not Node's version: the first `npm start` runs on the machine's, later ones on the one that it installed.
  const hash = `${process.platform}-${process.arch} ${hashOf(inputs)}`;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  action();
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, hash);
}

export function ensureInstalled() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
    console.error(
      `Manticore needs Node ${oldestNode.join('.')} or newer; this is ${process.version}. Install it from nodejs.org.`,
    );
    process.exit(1);
  }
  // The lockfile repeats the manifest's dependencies; the rest of the manifest changes nothing here.
  once('node_modules/.manticore-installed', ['package-lock.json', '.npmrc'], () => {
    console.error('Installing packages…');
    run('npm', ['ci', '--loglevel=error'], { stdio: ['ignore', 2, 2] });
  });
}

export function ensureBuilt({ tests }) {
  const sources = [
    'package-lock.json',
    ...['server', 'client', 'webview', 'scripts'].flatMap(filesUnder),
    ...(tests ? filesUnder('test') : []),
  ];
  once(tests ? 'build/stamp-tests' : 'build/stamp', sources, () => {
    console.error('Building…');
    run(process.execPath, ['scripts/build.mjs', ...(tests ? ['--tests'] : [])]);
  });
}
