/**
 * `npm run test:host`: the extension in a real VS Code. Sets the host up, packages, bundles the tests and runs them.
 * `--vsix FILE` tests a package that stands; other arguments go to mocha, such as `--grep trust`.
 */
import path from 'node:path';
import { ensureInstalled, root, run } from './ensure.mjs';
import { ensureHost, SetupError } from './hostSetup.mjs';
import { packageFile } from './package.mjs';

function setUp() {
  try {
    return ensureHost();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}

const args = process.argv.slice(2);
const at = args.indexOf('--vsix');
const [, given] = at < 0 ? [] : args.splice(at, 2);

ensureInstalled();
const host = setUp();
if (given === undefined) run(process.execPath, ['scripts/package.mjs']);
const vsix = path.resolve(given ?? packageFile());
run(process.execPath, [
  ...['scripts/build.mjs', '--only', '', '--tests', '--out', 'build/host', 'test/host'],
]);
run(
  process.execPath,
  [
    ...['node_modules/mocha/bin/mocha.js', '--no-config', '--enable-source-maps'],
    ...['--timeout', '300000', '--spec', 'build/host/**/*.test.mjs', ...args],
  ],
  { cwd: root, env: { ...process.env, MANTICORE_HOST: JSON.stringify({ ...host, vsix }) } },
);
