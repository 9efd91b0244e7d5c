/**
 * `npm run goldens`: rewrites every golden file. Needs a Python with `test/reference/requirements.txt`, named by
 * MANTICORE_PEER_PYTHON (default `python3`). Look at the difference before you commit it.
 */
import { ensureBuilt, ensureInstalled, run } from './ensure.mjs';

const python = process.env.MANTICORE_PEER_PYTHON ?? 'python3';

ensureInstalled();
ensureBuilt({ tests: true });
// What our own tables and drawings write; the Python below checks the tables' part.
run(
  process.execPath,
  // Without the configuration file, whose pattern would be added to this one.
  ['node_modules/mocha/bin/mocha.js', '--no-config', 'build/test/{models,report}/**/*.test.mjs'],
  {
    env: { ...process.env, UPDATE_GOLDEN: '1' },
  },
);
for (const script of [
  'families',
  'stack',
  'hybrid',
  'search',
  'weightsGoldens',
  'chatTemplates',
  'parquetFiles',
  'pretrained',
  'transformersExport',
]) {
  run(python, [`test/reference/${script}.py`]);
}
