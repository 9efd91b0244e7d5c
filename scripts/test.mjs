/** `npm test`: all tests. Arguments go to mocha, such as `npm test -- --grep safetensors`. */
import { ensureBuilt, ensureInstalled, run } from './ensure.mjs';

ensureInstalled();
ensureBuilt({ tests: true });
run(process.execPath, ['node_modules/mocha/bin/mocha.js', ...process.argv.slice(2)]);
