/**
 * Compiles the AssemblyScript kernels, one copy of the sources for each tier: `simd` (every Node that runs this
 * project) and `relaxed` (relaxed SIMD: fused multiply-add, where the machine and Node have it).
 */
import { renameSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import asc from 'assemblyscript/asc';
import { tileSource } from './tileSource.mjs';

const assembly = path.join(import.meta.dirname, 'assembly', 'index.ts');

const tiles = path.join(path.dirname(assembly), 'tiles.ts');

const tiers = {
  simd: 'simd,threads',
  relaxed: 'simd,relaxed-simd,threads',
};

/** Writes `<tier>.wasm` into `folder`. @throws Error with the compiler's messages */
export async function compileKernels(folder) {
  for (const [tier, features] of Object.entries(tiers)) {
    const out = `${tier}.wasm`;
    let wasm;
    const { error, stderr } = await asc.main(
      [
        path.relative(process.cwd(), assembly),
        ...['--outFile', out, '--enable', features, '--runtime', 'stub', '--use', 'abort='],
        ...['-O3', '--noAssert', '--uncheckedBehavior', 'always'],
        // The low 64 KiB are the jobs' arguments; the sizes are the heap's (server/compute/engine/wasm/heap.ts).
        ...[
          '--importMemory',
          '--sharedMemory',
          '--initialMemory',
          '1024',
          '--maximumMemory',
          '65536',
        ],
        ...['--memoryBase', '65536'],
      ],
      {
        readFile: (name, base) => sourceOf(path.resolve(base, name)),
        writeFile: (name, contents) => {
          if (name === out) wasm = contents;
        },
      },
    );
    if (error || !wasm)
      throw new Error(`kernels (${tier}): ${error?.message ?? 'no output'}\n${stderr}`);
    // Aside and renamed: another build may be reading.
    const aside = path.join(folder, `${out}.${process.pid}`);
    writeFileSync(aside, wasm);
    renameSync(aside, path.join(folder, out));
  }
}

/** A file's text; `null` where there is none, which is how the compiler finds out. */
async function sourceOf(file) {
  if (file === tiles) return tileSource();
  return readFile(file, 'utf8').catch(() => null);
}
