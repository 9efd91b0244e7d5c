/**
 * Finds the fastest tier that computes right on this machine. Right: one training step that meets every kernel equals tfjs's
 * plain JavaScript to the self-check's limit, and a product larger than a block equals a sum in double precision. Fast: what
 * a step spends its time in, on one thread, the tiers in turns so that what else the machine does hits all alike.
 */
import { selfCheckFailed } from '../errors';
import { SELF_CHECK_LIMIT, selfCheckError } from '../selfCheck';
import { Activation, Op } from './assembly/opcodes';
import { WasmBackend } from './backend';
import { makeCurrent, removeBackend } from './currentBackend';
import { Heap } from './heap';
import { availableTiers, FLOATS, INTEGERS, openTier, type OpenTier, type Tier } from './tiers';

/** Of one tier on this machine. */
export interface TierMeasure {
  readonly tier: Tier;
  /** Largest relative difference from the references; `Infinity` when a kernel failed. */
  readonly error: number;
  /** Fewest that the work took. */
  readonly seconds: number;
}

const MEGABYTE = 2 ** 20;
const ROUNDS = 24;
/**
 * The most of a simpler tier's time that one may take to be worth it: other hardware instructions, other bits; and an
 * experiment of V8's. A tie must not be decided by noise.
 */
const WORTH: Readonly<Record<Tier, number>> = { simd: 1, relaxed: 0.95, relaxed256: 0.8 };

/** Every tier that this Node accepts, the simplest first. Takes about a second. Leaves no backend of this name. */
export async function measureTiers(): Promise<TierMeasure[]> {
  const tiers = availableTiers().reverse();
  const errors: number[] = [];
  for (const tier of tiers) errors.push(await errorOf(tier));
  const seconds = secondsOf(tiers);
  return tiers.map((tier, i) => ({ tier, error: errors[i]!, seconds: seconds[i]! }));
}

/** @throws EngineError `self-check-failed` when none is right */
export function fastestRight(measures: readonly TierMeasure[]): Tier {
  const right = measures.filter(({ error }) => error <= SELF_CHECK_LIMIT);
  const [first, ...others] = right;
  if (!first) throw selfCheckFailed('wasm', Math.min(...measures.map(({ error }) => error)));
  return others.reduce(
    (best, next) => (next.seconds <= WORTH[next.tier] * best.seconds ? next : best),
    first,
  ).tier;
}

async function errorOf(tier: Tier): Promise<number> {
  const backend = new WasmBackend({ threads: 1, memoryLimitBytes: 64 * MEGABYTE, tier });
  await makeCurrent(backend);
  try {
    return Math.max(productError(backend), await selfCheckError());
  } catch {
    return Infinity; // A kernel that traps is as wrong as one that miscalculates.
  } finally {
    removeBackend();
  }
}

/** Values in (−1, 1) that repeat nowhere in step with a tile. */
const value = (i: number, seed: number): number => ((i * 37 + seed * 11) % 101) / 50.5 - 1;

/** Largest difference of a product with edges everywhere from its sums in double precision, over the largest sum. */
function productError(backend: WasmBackend): number {
  const [m, k, n] = [31, 301, 45];
  const { buffer } = backend.heap.memory;
  return backend.withScratch(4 * (m * k + k * n + m * n), (at) => {
    const a = new Float32Array(buffer, at, m * k).map((_, i) => value(i, 1));
    const b = new Float32Array(buffer, at, k * n).map((_, i) => value(i, 2));
    const [atB, atC] = [at + 4 * m * k, at + 4 * (m * k + k * n)];
    new Float32Array(buffer, at, m * k).set(a);
    new Float32Array(buffer, atB, k * n).set(b);
    backend.kernels.run(Op.Gemm, 1, gemm(at, atB, atC, [m, k, n]));
    const c = new Float32Array(buffer, atC, m * n);
    let [difference, largest] = [0, 0];
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let p = 0; p < k; p++) sum += a[i * k + p]! * b[p * n + j]!;
        difference = Math.max(difference, Math.abs(c[i * n + j]! - sum));
        largest = Math.max(largest, Math.abs(sum));
      }
    }
    return difference / largest;
  });
}

/** Arguments of a product of dense matrices in one job. */
const gemm = (a: number, b: number, c: number, [m, k, n]: readonly [number, number, number]) => [
  ...[a, k, 1, b, n, 1, c, n, m, k, n, 0, 0],
  ...[m, n, 0, 0, 0],
];

/** Fewest seconds that one thread of each tier took for `trial`. */
function secondsOf(tiers: readonly Tier[]): number[] {
  const heap = new Heap(1, 64 * MEGABYTE);
  const at = heap.allocate(8 * MEGABYTE);
  const floats = new Float32Array(heap.memory.buffer, at, 2 * MEGABYTE);
  floats.forEach((_, i) => (floats[i] = value(i, 3)));
  const best = tiers.map(() => Infinity);
  const opened: OpenTier[] = [];
  // The simplest are measured before V8 is told to join vectors, so that it compiles them as it would without that.
  for (const tier of tiers) {
    opened.push(openTier(tier, heap.memory, 1));
    for (let round = 0; round < ROUNDS; round++) {
      opened.forEach(({ kernels }, i) => {
        const start = performance.now();
        trial(heap, kernels, at);
        best[i] = Math.min(best[i]!, (performance.now() - start) / 1000);
      });
    }
  }
  return best;
}

/** Products, attention, a scan and GELU of small sizes: about a millisecond. */
function trial(heap: Heap, kernels: OpenTier['kernels'], at: number): void {
  const run = (op: Op, integers: readonly number[], decimals: readonly number[] = []) => {
    new Int32Array(heap.memory.buffer, INTEGERS, 64).set(integers);
    new Float32Array(heap.memory.buffer, FLOATS, 64).set(decimals);
    kernels.run(op, 1);
  };
  const place = (index: number) => at + index * MEGABYTE;
  run(Op.Gemm, gemm(place(0), place(1), place(6), [100, 128, 128]));
  run(Op.Gemm, gemm(place(1), place(2), place(6), [192, 300, 256]));
  const [headDim, l] = [32, 96];
  const qkv = [place(0), place(0) + 4 * headDim, place(0) + 8 * headDim, place(6)];
  run(
    Op.Attention,
    [...qkv, 3 * headDim, 3 * headDim, 1, headDim, l, l, 0, 0, 0, 0],
    [headDim ** -0.5, 1],
  );
  const [channels, states, positions] = [16, 16, 64];
  const inputs = [0, 1, 2, 3, 4, 5].map(place);
  const oneSegment = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, positions];
  run(Op.Scan, [...[...inputs, 0, place(6), place(7), positions, channels, states], ...oneSegment]);
  run(Op.Activation, [place(0), place(6), 4096, Activation.GeluErf, 0]);
}
