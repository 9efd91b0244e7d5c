/**
 * `npm run bench`: the engine in turns beside PyTorch, which MANTICORE_PEER_PYTHON names. `--help` lists the options.
 * The bundles are of the product's own modules, made as the product's are.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { bundle } from './bundle.mjs';
import { ensureBuilt, ensureInstalled, root, run } from './ensure.mjs';

ensureInstalled();
ensureBuilt({ tests: false });
await bundle(
  ['main', 'ours', 'gemm'].map((name) => `test/bench/engine/${name}.ts`),
  'build/bench',
);
const { status } = spawnSync(
  process.execPath,
  [path.join(root, 'build/bench/main.mjs'), ...process.argv.slice(2)],
  { stdio: 'inherit', cwd: root },
);
process.exitCode = status ?? 1;
// The page is prose of the repository like any other.
const { values } = parseArgs({
  options: { write: { type: 'string' } },
  strict: false,
  allowPositionals: true,
});
if (status === 0 && typeof values.write === 'string') {
  const prettier = path.join(root, 'node_modules/prettier/bin/prettier.cjs');
  run(process.execPath, [prettier, '--log-level', 'warn', '--write', values.write]);
}
