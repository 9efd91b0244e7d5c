/** `npm run completions`: samples `examples/experiments/completions/{train,valid,test}.jsonl` anew, to the same letters. */
import path from 'node:path';
import { bundle } from './bundle.mjs';
import { ensureBuilt, ensureInstalled, root, run } from './ensure.mjs';

ensureInstalled();
ensureBuilt({ tests: false });
await bundle(['test/results/completions/main.ts'], 'build/completions');
run(process.execPath, [path.join(root, 'build/completions/main.mjs'), ...process.argv.slice(2)]);
