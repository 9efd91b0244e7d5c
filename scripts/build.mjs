/**
 * Builds `dist/`: AssemblyScript kernels, then the bundles, then (with `--tests`) the tests in `build/test`.
 * `--tests --out FOLDER test/part…` bundles only those parts, into FOLDER; tests that drive a browser
 * (`test/panel`, `test/host`) are bundled only when they are named. `--only lsp,webview` makes only those bundles,
 * `--only ''` none.
 * Kernels are compiled again only when their sources changed.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const root = path.resolve(import.meta.dirname, '..');
process.chdir(root);
const { values: options, positionals: testFolders } = parseArgs({
  options: {
    tests: { type: 'boolean', default: false },
    out: { type: 'string', default: 'build/test' },
    only: { type: 'string' },
  },
  allowPositionals: true,
});

const exists = (file) => existsSync(path.join(root, file));
const files = (folder, ending) =>
  exists(folder)
    ? readdirSync(folder, { recursive: true })
        .map((name) => path.posix.join(folder, String(name).split(path.sep).join('/')))
        .filter((name) => name.endsWith(ending))
        .sort()
    : [];

/** Compiles the kernels to `build/kernels/*.wasm`, which the bundles embed. */
async function buildKernels() {
  const folder = 'server/compute/engine/wasm';
  const script = `${folder}/compileKernels.mjs`;
  if (!exists(script)) return;
  const sources = [script, `${folder}/tileSource.mjs`, ...files(`${folder}/assembly`, '.ts')];
  const hash = createHash('sha256');
  for (const source of sources) hash.update(source).update(readFileSync(source));
  const stamp = hash.digest('hex');
  const stampFile = 'build/kernels/stamp';
  if (exists(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;
  mkdirSync('build/kernels', { recursive: true });
  const { compileKernels } = await import(path.join(root, script));
  await compileKernels('build/kernels');
  writeFileSync(stampFile, stamp);
}

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  // The ES modules of tfjs-core share one engine with its gradient registrations.
  mainFields: ['module', 'main'],
  // The package's build for Node reads an environment variable for each token, a third of a config's parsing time.
  alias: { yaml: './node_modules/yaml/browser/dist/index.js' },
  loader: { '.wasm': 'binary', '.ttf': 'binary', '.py': 'text' },
  external: ['vscode', '@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'],
  sourcemap: 'linked',
  logLevel: 'warning',
};

const nodeEntries = {
  client: 'client/main.ts',
  lsp: 'server/lsp/main.ts',
  compute: 'server/compute/main.ts',
  cli: 'server/cli/main.ts',
  png: 'server/report/png.ts',
  templates: 'server/compute/templates/program.ts',
};

/**
 * Reports are written by several bundles, and their drawing engine with its fonts is larger than the rest of most:
 * `dist/png.js` is beside them once, loaded when a picture is drawn.
 */
const sharedPng = {
  name: 'shared png',
  setup({ onResolve }) {
    onResolve({ filter: /^\.{1,2}\/(.+\/)?png$/ }, ({ kind, path: named, resolveDir }) =>
      kind === 'dynamic-import' &&
      path.relative(root, path.resolve(resolveDir, named)) === path.join('server', 'report', 'png')
        ? { path: './png.js', external: true }
        : undefined,
    );
  },
};

async function buildBundles(named) {
  const writesReports = named.some((name) => ['lsp', 'compute', 'cli'].includes(name));
  const renders = named.includes('compute');
  const wanted = [...named, ...(writesReports ? ['png'] : []), ...(renders ? ['templates'] : [])];
  const minified = {
    outdir: 'dist',
    minify: true,
    keepNames: true,
    legalComments: 'linked',
    metafile: true,
  };
  const made = [];
  const entryPoints = Object.fromEntries(
    Object.entries(nodeEntries).filter(([name]) => wanted.includes(name)),
  );
  if (Object.keys(entryPoints).length > 0) {
    made.push(
      await build({ ...common, ...minified, entryPoints, format: 'cjs', plugins: [sharedPng] }),
    );
  }
  if (wanted.includes('webview')) {
    made.push(
      await build({
        ...minified,
        entryPoints: { webview: 'webview/main.ts' },
        bundle: true,
        platform: 'browser',
        target: 'es2022',
        format: 'iife',
        sourcemap: 'linked',
        logLevel: 'warning',
      }),
    );
  }
  if (options.only !== undefined) return;
  // What went into them: `scripts/notices.mjs` asks.
  const outputs = Object.assign({}, ...made.map(({ metafile }) => metafile.outputs));
  mkdirSync('build', { recursive: true });
  writeFileSync('build/meta.json', JSON.stringify({ outputs }));
}

async function buildSchema() {
  if (!exists('server/language/jsonSchema.ts')) return;
  await build({
    ...common,
    entryPoints: { jsonSchema: 'server/language/jsonSchema.ts' },
    outdir: 'build',
    format: 'cjs',
    sourcemap: false,
  });
  const { createRequire } = await import('node:module');
  const { manticoreJsonSchema } = createRequire(import.meta.url)(
    path.join(root, 'build/jsonSchema.js'),
  );
  writeFileSync(
    'dist/manticore.schema.json',
    `${JSON.stringify(manticoreJsonSchema(), null, 2)}\n`,
  );
}

async function buildTests() {
  rmSync(options.out, { recursive: true, force: true });
  const inBrowser = (file) => /^test\/(panel|host)\//.test(file);
  await build({
    ...common,
    external: [...common.external, 'playwright-core', 'axe-core', 'mocha'],
    entryPoints:
      testFolders.length > 0
        ? testFolders.flatMap((folder) => files(folder, '.test.ts'))
        : files('test', '.test.ts').filter((file) => !inBrowser(file)),
    outbase: 'test',
    outdir: options.out,
    format: 'esm',
    splitting: true,
    outExtension: { '.js': '.mjs' },
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
}

/** Tests that VS Code itself loads, into its extension host: one file each, of the kind that it can require. */
async function buildTestsInside() {
  const entryPoints = testFolders.includes('test/host')
    ? files('test/host/inside', '.inside.ts')
    : [];
  if (entryPoints.length === 0) return;
  await build({
    ...common,
    external: [...common.external, 'mocha'],
    entryPoints,
    outbase: 'test',
    outdir: options.out,
    format: 'cjs',
  });
}

await buildKernels();
mkdirSync('dist', { recursive: true });
await buildBundles(options.only?.split(',') ?? [...Object.keys(nodeEntries), 'webview']);
await buildSchema();
if (options.tests) {
  await buildTests();
  await buildTestsInside();
}
