/** `npm run results`: writes docs/results.md. `--help` lists the options. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { bundle } from './bundle.mjs';
import { ensureBuilt, ensureInstalled, root, run } from './ensure.mjs';

ensureInstalled();
ensureBuilt({ tests: false });
await bundle(['test/results/main.ts'], 'build/results');
const options = process.argv.slice(2);
run(process.execPath, [path.join(root, 'build/results/main.mjs'), ...options]);
// The page is prose of the repository like any other.
const { values } = parseArgs({
  args: options,
  options: { write: { type: 'string', default: 'docs/results.md' } },
  strict: false,
  allowPositionals: true,
});
const prettier = path.join(root, 'node_modules/prettier/bin/prettier.cjs');
run(process.execPath, [prettier, '--log-level', 'warn', '--write', String(values.write)]);
