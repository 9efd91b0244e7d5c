/** Bundles programs that stand beside the tests, of the product's own modules and as the product's bundles are made. */
import { build } from 'esbuild';
import { root } from './ensure.mjs';

/** @param entryPoints paths of sources, from the repository's root @param outdir folder for a `.mjs` of each */
export async function bundle(entryPoints, outdir) {
  await build({
    absWorkingDir: root,
    entryPoints,
    outdir,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    mainFields: ['module', 'main'],
    alias: { yaml: './node_modules/yaml/browser/dist/index.js' },
    loader: { '.wasm': 'binary', '.ttf': 'binary', '.py': 'text' },
    external: ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node', 'webgpu'],
    logLevel: 'warning',
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
}
