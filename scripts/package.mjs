/**
 * `npm run package`: builds, packs `manticore-<version>.vsix` into the root, prints what is in it, and fails when
 * something is missing, doesn't belong there, or the whole is too large. Needs no network once vsce is in its cache.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled, root, run } from './ensure.mjs';
import { ensureVsce, SetupError } from './hostSetup.mjs';

const largestBytes = 10 * 1000 * 1000;

/** Paths in the package that the extension can't do without. */
const wanted = [
  'package.json',
  'package.nls.json',
  'readme.md',
  'changelog.md',
  'LICENSE.txt',
  'THIRD_PARTY_NOTICES.md',
  ...['client', 'lsp', 'compute', 'webview', 'cli', 'png', 'templates'].map(
    (name) => `dist/${name}.js`,
  ),
  'dist/webview.css',
  'dist/manticore.schema.json',
  'examples/quickstart.manticore.yaml',
  ...['tiny-neox', 'tiny-mamba'].flatMap((model) =>
    ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'].map(
      (file) => `examples/models/${model}/${file}`,
    ),
  ),
  ...['train', 'valid', 'test'].map((split) => `examples/data/${split}.txt`),
  // What the manifest names.
  ...filesOf(JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))),
];

const unwanted = /\.(map|ts|mts|vsix)$|(^|\/)(node_modules|test|scripts|server|build|\.git)\//;

/** Relative paths in the manifest: icons, grammars, pictures, walkthrough pages. */
function filesOf(manifest) {
  const found = new Set();
  const visit = (value) => {
    if (typeof value === 'string') {
      const file = value.replace(/^\.\//, '');
      if (/^[\w./-]+\.(svg|png|json|md)$/.test(file)) found.add(file);
    } else if (value !== null && typeof value === 'object') Object.values(value).forEach(visit);
  };
  visit(manifest.contributes ?? {});
  visit(manifest.icon);
  return [...found];
}

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

/** `{ name, bytes, packed }` of each entry, from the archive's central directory. */
function entriesOf(archive) {
  const bytes = readFileSync(archive);
  const end = bytes.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  if (end < 0) throw new Error(`${archive} is no archive.`);
  const entries = [];
  let at = bytes.readUInt32LE(end + 16);
  for (let left = bytes.readUInt16LE(end + 10); left > 0; left--) {
    const nameLength = bytes.readUInt16LE(at + 28);
    entries.push({
      name: bytes.toString('utf8', at + 46, at + 46 + nameLength),
      packed: bytes.readUInt32LE(at + 20),
      bytes: bytes.readUInt32LE(at + 24),
    });
    at += 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  return entries;
}

const kilobytes = (bytes) => `${Math.ceil(bytes / 1000).toLocaleString('en')} kB`;

function check(archive) {
  const entries = entriesOf(archive)
    .filter(({ name }) => name.startsWith('extension/'))
    .map((entry) => ({ ...entry, name: entry.name.slice('extension/'.length) }));
  for (const { name, bytes, packed } of entries.sort((a, b) => b.packed - a.packed)) {
    console.log(`${kilobytes(packed).padStart(9)}  of ${kilobytes(bytes).padStart(9)}  ${name}`);
  }
  const size = statSync(archive).size;
  console.log(`${kilobytes(size).padStart(9)}  in ${entries.length} files: ${archive}`);
  const names = new Set(entries.map(({ name }) => name));
  const missing = wanted.filter((name) => !names.has(name));
  if (missing.length > 0) fail(`Missing in the package: ${missing.join(', ')}.`);
  const strange = [...names].filter((name) => unwanted.test(name));
  if (strange.length > 0) fail(`These don't belong in the package: ${strange.join(', ')}.`);
  if (size > largestBytes) fail(`The package is larger than ${kilobytes(largestBytes)}.`);
}

/** Where the package of this version is made. */
export function packageFile() {
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  return path.join(root, `manticore-${version}.vsix`);
}

function pack() {
  ensureInstalled();
  run(process.execPath, ['scripts/build.mjs']);
  const archive = packageFile();
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      ensureVsce(),
      'package',
      '--no-dependencies',
      '--allow-missing-repository',
      '--no-rewrite-relative-links',
      '--out',
      archive,
    ],
    { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  );
  if (status !== 0 || !existsSync(archive)) fail(`${stdout}${stderr}vsce made no package.`);
  check(archive);
  run(process.execPath, ['scripts/notices.mjs', '--check']);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    pack();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    fail(error.message);
  }
}
