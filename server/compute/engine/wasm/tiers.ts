/**
 * The builds of the kernels and which of them this Node runs. `relaxed256` is `relaxed` with a wider tile in the matrix
 * product, for V8's experimental joining of 128-bit operations into 256-bit ones: twice the speed where it works, a
 * third of it where it doesn't, the same bits in both. So it is only taken after a look at both (module.ts).
 */
import { setFlagsFromString } from 'node:v8';
import relaxedBytes from '../../../../build/kernels/relaxed.wasm';
import simdBytes from '../../../../build/kernels/simd.wasm';
import { Op } from './assembly/opcodes';
import type { Heap } from './heap';

/** `relaxed`: fused multiply-add; `simd`: a product and a sum; `relaxed256`: `relaxed` on 256-bit registers. */
export type Tier = 'simd' | 'relaxed' | 'relaxed256';

/** Where a job's arguments are written: see assembly/layout.ts. */
export const INTEGERS = 1024;
export const FLOATS = 2048;

/** Columns of the matrix product's tile. */
export const tileColumns: Record<Tier, number> = { simd: 8, relaxed: 8, relaxed256: 16 };

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

/**
 * Compiles a tier on `memory` and sets up the main thread's instance. For `relaxed256` V8's joining of vectors is
 * switched on for all that is compiled from then on.
 */
export function openTier(tier: Tier, memory: WebAssembly.Memory, threads: number): OpenTier {
  if (tier === 'relaxed256') JOIN_FLAGS.forEach(setFlagsFromString);
  const module = new WebAssembly.Module(bytesOf(tier));
  const kernels = new WebAssembly.Instance(module, { env: { memory } })
    .exports as unknown as KernelExports;
  kernels.setup(0, threads, tileColumns[tier]);
  return { tier, module, kernels };
}

/** A product of [m, k] and [k, n], with edges in m; its time is some tens of microseconds. */
const [M, K, N] = [100, 128, 128];
const ROUNDS = 24;
/** The wider tile is taken when it needs at most this share of the other's time: a tie is not worth an experiment. */
const WORTH = 0.8;

/** The fastest tier that computes the same bits as its simpler one on this machine. */
export function fastestTier(heap: Heap): Tier {
  const [first, second] = availableTiers() as [Tier, Tier?];
  if (first !== 'relaxed256') return first;
  const sizes = [4 * M * K, 4 * K * N, 4 * M * N, 4 * M * N] as const;
  const places = sizes.map((size) => heap.allocate(size)) as [number, number, number, number];
  const [a, b, wide, plain] = places;
  const floats = new Float32Array(heap.memory.buffer);
  for (let i = 0; i < M * K; i++) floats[a / 4 + i] = ((i * 37) % 101) / 50 - 1;
  for (let i = 0; i < K * N; i++) floats[b / 4 + i] = ((i * 53) % 103) / 51 - 1;
  const product = (tier: Tier, to: number) => {
    const { kernels } = openTier(tier, heap.memory, 1);
    const integers = [a, K, 1, b, N, 1, to, N, M, K, N, 0, 0, M, N, 0, 0, 0];
    return () => {
      new Int32Array(heap.memory.buffer, INTEGERS, 64).set(integers);
      const start = performance.now();
      kernels.run(Op.Gemm, 1);
      return performance.now() - start;
    };
  };
  const [runWide, runPlain] = [product(first, wide), product(second!, plain)];
  let [best, other] = [Infinity, Infinity];
  for (let round = 0; round < ROUNDS; round++) {
    best = Math.min(best, runWide());
    other = Math.min(other, runPlain());
  }
  const bits = (at: number) => Buffer.from(heap.memory.buffer, at, 4 * M * N);
  const worth = best <= WORTH * other && bits(wide).equals(bits(plain));
  places.forEach((place, i) => heap.release(place, sizes[i]!));
  if (worth) return first;
  USUAL_FLAGS.forEach(setFlagsFromString);
  return second!;
}
