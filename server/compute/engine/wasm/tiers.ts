/**
 * The builds of the kernels and which of them this Node runs. `relaxed256` is `relaxed` with a wider tile in the matrix
 * product, for V8's experimental joining of 128-bit operations into 256-bit ones: twice the speed where it works, a
 * third of it where it doesn't, the same bits in both. So it is only taken after a look at both (measureTiers.ts).
 */
import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import relaxedBytes from '../../../../build/kernels/relaxed.wasm';
import simdBytes from '../../../../build/kernels/simd.wasm';

/** `relaxed`: fused multiply-add; `simd`: a product and a sum; `relaxed256`: `relaxed` on 256-bit registers. */
export type Tier = 'simd' | 'relaxed' | 'relaxed256';

/** Where a job's arguments are written: see assembly/layout.ts. */
export const INTEGERS = 1024;
export const FLOATS = 2048;

/** Columns of the matrix product's tile. */
export const tileColumns: Record<Tier, number> = { simd: 8, relaxed: 8, relaxed256: 16 };

/** Of the compiled kernels: what was found out about others says nothing about these. */
export function kernelsDigest(): string {
  return createHash('sha256').update(simdBytes).update(relaxedBytes).digest('hex');
}

/** A custom section, which changes nothing but the bytes: V8 shares code between modules of the same bytes. */
const MARK = Uint8Array.of(0, 5, 4, ...Buffer.from('wide'));

function bytesOf(tier: Tier): Uint8Array<ArrayBuffer> {
  switch (tier) {
    case 'simd':
      return simdBytes;
    case 'relaxed':
      return relaxedBytes;
    case 'relaxed256':
      return Uint8Array.from([...relaxedBytes, ...MARK]);
  }
}

/** V8 joins operations on x86-64 alone; Node's 13.6 is the first with an engine of it that was seen to work. */
function joinsVectors(): boolean {
  const [major, minor] = process.versions.v8.split('.').map(Number) as [number, number];
  return process.arch === 'x64' && (major > 13 || (major === 13 && minor >= 6));
}

/** The tiers that this Node accepts, the best first; whether `relaxed256` is worth it is another question. */
export function availableTiers(): Tier[] {
  const tiers: Tier[] = WebAssembly.validate(relaxedBytes) ? ['relaxed', 'simd'] : ['simd'];
  return tiers[0] === 'relaxed' && joinsVectors() ? ['relaxed256', ...tiers] : tiers;
}

/** Also without V8's quick first compiler: what a check has run is then what a run will run. */
const JOIN_FLAGS = ['--experimental-wasm-revectorize', '--no-liftoff'] as const;
const USUAL_FLAGS = ['--no-experimental-wasm-revectorize', '--liftoff'] as const;

interface KernelExports {
  readonly setup: (thread: number, threads: number, tileColumns: number) => void;
  readonly run: (op: number, chunks: number) => void;
}

/** A compiled tier with the main thread's instance. */
export interface OpenTier {
  readonly tier: Tier;
  readonly module: WebAssembly.Module;
  readonly kernels: KernelExports;
}

/** Whose flags V8 has. */
let latest: OpenTier | undefined;

/**
 * Compiles a tier on `memory` and sets up the main thread's instance. V8's joining of vectors is switched on for
 * `relaxed256` and off for the others, for all that is compiled until `closeTier`; V8 compiles a function at its first call.
 */
export function openTier(tier: Tier, memory: WebAssembly.Memory, threads: number): OpenTier {
  if (joinsVectors())
    (tier === 'relaxed256' ? JOIN_FLAGS : USUAL_FLAGS).forEach(setFlagsFromString);
  const module = new WebAssembly.Module(bytesOf(tier));
  const kernels = new WebAssembly.Instance(module, { env: { memory } })
    .exports as unknown as KernelExports;
  kernels.setup(0, threads, tileColumns[tier]);
  latest = { tier, module, kernels };
  return latest;
}

/** What is compiled from now on, such as the drawing of reports, is compiled as ever: quickly, and without joining. */
export function closeTier(opened: OpenTier): void {
  // One that was opened since has flags of its own.
  if (opened !== latest) return;
  if (joinsVectors()) USUAL_FLAGS.forEach(setFlagsFromString);
  latest = undefined;
}
