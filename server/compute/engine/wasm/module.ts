/** The compiled kernels: which build runs here, and how a job is started. */
import { Worker } from 'node:worker_threads';
import relaxedBytes from '../../../../build/kernels/relaxed.wasm';
import simdBytes from '../../../../build/kernels/simd.wasm';
import { notAvailable } from '../errors';
import type { Op } from './assembly/opcodes';

/** `relaxed`: fused multiply-add; `simd`: a product and a sum. */
export type Tier = 'simd' | 'relaxed';

const bytesOf: Record<Tier, Uint8Array<ArrayBuffer>> = { simd: simdBytes, relaxed: relaxedBytes };

/** Where a job's arguments are written: see assembly/layout.ts. */
const INTEGERS = 1024;
const FLOATS = 2048;
/** Where a worker leaves word that it failed: see assembly/threads.ts. */
const FAILED = 512;

interface KernelExports {
  readonly setup: (thread: number, threads: number) => void;
  readonly run: (op: number, chunks: number) => void;
}

/** The tiers that this Node accepts, the fastest first. */
export function availableTiers(): Tier[] {
  return (['relaxed', 'simd'] as const).filter((tier) => WebAssembly.validate(bytesOf[tier]));
}

export class KernelModule {
  readonly tier: Tier;
  private readonly integers: Int32Array;
  private readonly floats: Float32Array;
  private readonly kernels: KernelExports;
  private readonly workers: Worker[] = [];

  /**
   * @param wanted a tier, or the fastest
   * @throws EngineError `not-available` when this Node does not run it
   */
  constructor(memory: WebAssembly.Memory, threads: number, wanted: string | undefined) {
    const tier = availableTiers().find((one) => wanted === undefined || one === wanted);
    if (!tier) {
      throw notAvailable(
        'wasm',
        `this Node (${process.version}) does not run the ${wanted ?? 'simd'} kernels`,
        'Use Node 24, or at least 20.19; or leave the tier out.',
      );
    }
    this.tier = tier;
    const module = new WebAssembly.Module(bytesOf[tier]);
    const instance = new WebAssembly.Instance(module, { env: { memory } });
    this.kernels = instance.exports as unknown as KernelExports;
    this.kernels.setup(0, threads);
    for (let thread = 1; thread < threads; thread++) {
      this.workers.push(startWorker({ module, memory, thread, threads }));
    }
    this.integers = new Int32Array(memory.buffer, INTEGERS, 64);
    this.floats = new Float32Array(memory.buffer, FLOATS, 64);
  }

  /**
   * Runs all chunks of a job.
   * @param integers numbers and addresses, by the positions that the job's comment in the assembly names
   */
  run(op: Op, chunks: number, integers: readonly number[], floats: readonly number[] = []): void {
    if (chunks <= 0) return;
    this.integers.set(integers);
    this.floats.set(floats);
    this.kernels.run(op, chunks);
  }

  /** Ends the workers. No job may be started afterwards. */
  dispose(): void {
    for (const worker of this.workers) void worker.terminate();
  }
}

interface WorkerStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly thread: number;
  readonly threads: number;
}

/** Text, not a file: the bundle has no second file that it could name. */
const WORKER_SOURCE = `
const { module, memory, thread, threads } = require('node:worker_threads').workerData;
const { setup, serve } = new WebAssembly.Instance(module, { env: { memory } }).exports;
setup(thread, threads);
try {
  serve();
} finally {
  // Only a trap ends it: the main thread, which waits for this chunk, must trap too.
  Atomics.store(new Int32Array(memory.buffer), ${FAILED / 4}, 1);
}
`;

function startWorker(start: WorkerStart): Worker {
  const worker = new Worker(WORKER_SOURCE, { eval: true, workerData: start });
  // An idle pool does not keep the process alive.
  worker.unref();
  return worker;
}
