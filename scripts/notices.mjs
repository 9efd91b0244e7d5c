/**
 * `npm run notices`: THIRD_PARTY_NOTICES.md, made of what the last build put into `dist/` (`build/meta.json`).
 * `--check` writes nothing, and fails when the file is stale.
 */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

const root = path.resolve(import.meta.dirname, '..');
const { values: options } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const FILE = 'THIRD_PARTY_NOTICES.md';
const META = 'build/meta.json';

/** Licences under which a work may be part of an MIT-licensed program. */
const COMPATIBLE = [
  'MIT',
  'ISC',
  '0BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'MPL-2.0',
  'OFL-1.1',
  'BlueOak-1.0.0',
];

/** Packages that ship no licence text, or whose metadata doesn't say where their source is. */
const SUPPLEMENTS = {
  '@huggingface/blake3-jit': { source: 'https://www.npmjs.com/package/@huggingface/blake3-jit' },
  '@microsoft/fast-element': { text: 'MIT', holder: 'Copyright (c) Microsoft Corporation.' },
  '@microsoft/fast-foundation': { text: 'MIT', holder: 'Copyright (c) Microsoft Corporation.' },
  '@microsoft/fast-web-utilities': { text: 'MIT', holder: 'Copyright (c) Microsoft Corporation.' },
  '@resvg/resvg-wasm': {
    text: 'MPL-2.0',
    note: 'The WebAssembly module is unchanged; its source is the repository at the tag of this version, and the Rust crates (resvg, usvg, tiny-skia and others) that its Cargo.lock names.',
  },
  '@tensorflow/tfjs-backend-cpu': { text: 'Apache-2.0', note: 'Copyright Google LLC.' },
  '@tensorflow/tfjs-backend-webgpu': { text: 'Apache-2.0', note: 'Copyright Google LLC.' },
  '@tensorflow/tfjs-core': { text: 'Apache-2.0', note: 'Copyright Google LLC.' },
  'gearhash-jit': {
    text: 'MIT',
    holder: 'Copyright (c) the gearhash-jit authors',
    source: 'https://www.npmjs.com/package/gearhash-jit',
  },
  seedrandom: { text: 'MIT', holder: 'Copyright 2019 David Bau.' },
  tr46: { text: 'MIT', holder: 'Copyright (c) Sebastian Mayr' },
};

/** Parts of `dist/` that are no package of a bundle. */
const PARTS = [
  {
    name: 'AssemblyScript',
    folder: 'node_modules/assemblyscript',
    note: 'Functions of its standard library are compiled into the kernels.',
  },
  {
    name: 'Inter',
    version: '4',
    licence: 'OFL-1.1',
    source: 'https://github.com/rsms/inter',
    textFile: 'server/report/font/OFL.txt',
    note: 'The font of drawn reports, Regular and SemiBold.',
  },
];

const read = (file) => readFileSync(path.join(root, file), 'utf8');

/** Folders of the packages that a bundle holds at least one byte of. */
function bundledFolders() {
  if (!existsSync(path.join(root, META)))
    throw new Error(`${META} is missing: run npm run build first.`);
  const folders = new Set();
  for (const { inputs } of Object.values(JSON.parse(read(META)).outputs)) {
    for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
      const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file);
      if (match && bytesInOutput > 0) folders.add(match[1]);
    }
  }
  return [...folders];
}

function sourceOf({ name, repository, homepage }) {
  const written = SUPPLEMENTS[name]?.source ?? repository?.url ?? repository ?? homepage;
  if (!written) throw new Error(`${name} doesn't say where its source is: add it to SUPPLEMENTS.`);
  return written
    .replace(/^git\+|\.git$/g, '')
    .replace(/^(?:ssh:\/\/)?git@github\.com[:/]/, 'https://github.com/')
    .replace(/^git:\/\//, 'https://')
    .replace(/^(?:github:)?([\w.-]+\/[\w.-]+)$/, 'https://github.com/$1');
}

function licenceText(folder, name) {
  const file = readdirSync(path.join(root, folder))
    .sort()
    .find((entry) => /^licen[cs]e(\.|$)/i.test(entry));
  if (file) return read(`${folder}/${file}`);
  const { text, holder } = SUPPLEMENTS[name] ?? {};
  if (!text) throw new Error(`${name} ships no licence text: add it to SUPPLEMENTS.`);
  return read(`scripts/licences/${text}.txt`).replace('{holder}', holder ?? '');
}

function packageAt(folder, extra = {}) {
  const manifest = JSON.parse(read(`${folder}/package.json`));
  const notice = existsSync(path.join(root, folder, 'NOTICE'))
    ? `\n\n${read(`${folder}/NOTICE`)}`
    : '';
  return {
    name: manifest.name,
    version: manifest.version,
    licence: manifest.license,
    source: sourceOf(manifest),
    text: licenceText(folder, manifest.name) + notice,
    note: SUPPLEMENTS[manifest.name]?.note,
    ...extra,
  };
}

function works() {
  const packages = bundledFolders().map((folder) => packageAt(folder));
  const parts = PARTS.map(({ folder, textFile, ...part }) =>
    folder ? packageAt(folder, part) : { ...part, text: read(textFile) },
  );
  const all = [...packages, ...parts];
  for (const { name, licence } of all) {
    if (!COMPATIBLE.includes(licence))
      throw new Error(`${name} is under ${licence}, which is not on the list.`);
  }
  return all.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const normal = (text) =>
  text
    .replaceAll('\r\n', '\n')
    .replace(/[ \t]+$/gm, '')
    .replace(/^\n+|\s+$/g, '');

function notices() {
  const all = works();
  const texts = new Map();
  for (const work of all) {
    const text = normal(work.text);
    texts.set(text, [...(texts.get(text) ?? []), work.name]);
  }
  const rows = all.map(
    ({ name, version, licence, source, note }) =>
      `- **${name}** ${version}, ${licence}, <${source}>${note ? `. ${note}` : ''}`,
  );
  const sections = [...texts].map(
    ([text, names]) => `## ${names.join(', ')}\n\n\`\`\`text\n${text}\n\`\`\``,
  );
  return `# Third-party notices

What is built into \`dist/\` beside this project's own code (MIT, see LICENSE). Made by \`npm run notices\`.

${rows.join('\n')}

${sections.join('\n\n')}
`;
}

const made = notices();
const file = path.join(root, FILE);
if (!options.check) {
  writeFileSync(file, made);
} else if (!existsSync(file) || readFileSync(file, 'utf8') !== made) {
  console.error(`${FILE} is stale: run npm run notices, and commit it.`);
  process.exit(1);
}
