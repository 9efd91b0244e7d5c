/**
 * `npm run test:panel`: the weights panel in Chromium. Builds the webview, bundles `test/panel` and runs it. Chromium is
 * what `CHROMIUM` names, else the first of its usual names on the path. Arguments go to mocha, such as `--grep slider`.
 */
import { ensureInstalled, root, run } from './ensure.mjs';
import { chromiumPath } from './hostSetup.mjs';

const chromium = chromiumPath();
if (chromium === undefined) {
  console.error(
    'The panel’s tests need Chromium: install it (Debian: apt-get install chromium), or set CHROMIUM to the program of a Chromium or Chrome.',
  );
  process.exit(1);
}

ensureInstalled();
run(process.execPath, [
  ...['scripts/build.mjs', '--only', 'webview', '--tests', '--out', 'build/panel', 'test/panel'],
]);
run(
  process.execPath,
  [
    ...['node_modules/mocha/bin/mocha.js', '--no-config', '--enable-source-maps'],
    ...['--timeout', '60000', '--spec', 'build/panel/**/*.test.mjs', ...process.argv.slice(2)],
  ],
  { cwd: root, env: { ...process.env, CHROMIUM: chromium } },
);
