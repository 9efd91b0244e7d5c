/** An npm that does as it is told: a program on a PATH of its own. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** What it does when it is asked to install. */
export type NpmScript =
  /** Lays down a tfjs-node whose backend is tfjs's plain JavaScript one. */
  | { readonly kind: 'works' }
  /** Lays down one that throws when it is loaded. */
  | { readonly kind: 'broken'; readonly error: string }
  /** Prints this and fails. */
  | { readonly kind: 'fails'; readonly output: string }
  /** Never comes to an end by itself; the file is there once it runs. */
  | { readonly kind: 'hangs'; readonly sign: string };

/** Makes `npm` in a folder; that folder is what the PATH has to be. */
export async function fakeNpm(folder: string, script: NpmScript): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, 'npm');
  await writeFile(file, `#!${process.execPath}\n${source(script)}`);
  await chmod(file, 0o755);
  return folder;
}

function source(script: NpmScript): string {
  const lay = (index: string): string => `
const { mkdirSync, writeFileSync } = require('node:fs');
const wanted = process.argv.find((argument) => argument.startsWith('@tensorflow/'));
const [, name, version] = /^(.+)@(.+)$/.exec(wanted);
const folder = process.cwd() + '/node_modules/' + name;
mkdirSync(folder, { recursive: true });
writeFileSync(folder + '/package.json', JSON.stringify({ name, version, main: 'index.js' }));
writeFileSync(folder + '/index.js', ${JSON.stringify(index)});
console.log('added 1 package: ' + wanted);
`;
  switch (script.kind) {
    case 'works':
      return lay(plainTfjs());
    case 'broken':
      return lay(`throw new Error(${JSON.stringify(script.error)});`);
    case 'fails':
      return `console.error(${JSON.stringify(script.output)}); process.exitCode = 1;`;
    case 'hangs':
      return `require('node:fs').writeFileSync(${JSON.stringify(script.sign)}, String(process.pid)); setInterval(() => {}, 1000);`;
  }
}

/** As tfjs-node's exports, over a copy of tfjs of its own. */
function plainTfjs(): string {
  const modules = path.resolve('node_modules', '@tensorflow');
  return `
const util = require('util');
if (!util.isNullOrUndefined(null)) throw new Error('util lacks isNullOrUndefined');
const tf = require(${JSON.stringify(path.join(modules, 'tfjs-core'))});
require(${JSON.stringify(path.join(modules, 'tfjs-backend-cpu'))});
module.exports = {
  version: { 'tfjs-node': '4.22.0' },
  backend: () => tf.findBackend('cpu'),
  getKernelsForBackend: () => tf.getKernelsForBackend('cpu'),
  memory: () => tf.memory(),
};`;
}
