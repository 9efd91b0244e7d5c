/** `npm start`: the quickstart, a differentiable search over two pretrained models. Arguments go to `manticore search`. */
import { ensureBuilt, ensureInstalled, run } from './ensure.mjs';

ensureInstalled();
ensureBuilt({ tests: false });
run(process.execPath, [
  'dist/cli.js',
  'search',
  'examples/quickstart.manticore.yaml',
  ...process.argv.slice(2),
]);
