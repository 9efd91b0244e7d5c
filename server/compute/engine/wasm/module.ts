/** The compiled kernels: which build runs here, and how a job is started. */
import { Worker } from 'node:worker_threads';
import { notAvailable } from '../errors';
import type { Op } from './assembly/opcodes';
import type { Heap } from './heap';
import {
  availableTiers,
  fastestTier,
  FLOATS,
  INTEGERS,
  openTier,
  tileColumns,
  type OpenTier,
  type Tier,
} from './tiers';

/** Where a worker leaves word that it failed: see assembly/threads.ts. */
const FAILED = 512;

export class KernelModule {
  readonly tier: Tier;
  readonly threads: number;
  private readonly integers: Int32Array;
  private readonly floats: Float32Array;
  private readonly kernels: OpenTier['kernels'];
  private readonly workers: Worker[] = [];

  /**
   * @param wanted a tier, or the fastest
   * @throws EngineError `not-available` when this Node does not run it
   */
  constructor(heap: Heap, threads: number, wanted: string | undefined) {
    const { memory } = heap;
    const tier =
      wanted === undefined ? fastestTier(heap) : availableTiers().find((one) => one === wanted);
    if (!tier) {
      throw notAvailable(
        'wasm',
        `this Node (${process.version}) does not run the ${String(wanted)} kernels`,
        'Use Node 24, or at least 20.19; or leave the tier out.',
      );
    }
    this.tier = tier;
    this.threads = threads;
    const { module, kernels } = openTier(tier, memory, threads);
    this.kernels = kernels;
    for (let thread = 1; thread < threads; thread++) {
      const columns = tileColumns[tier];
      this.workers.push(startWorker({ module, memory, thread, threads, columns }));
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
  readonly columns: number;
}

/** Text, not a file: the bundle has no second file that it could name. */
const WORKER_SOURCE = `
const { module, memory, thread, threads, columns } = require('node:worker_threads').workerData;
const { setup, serve } = new WebAssembly.Instance(module, { env: { memory } }).exports;
setup(thread, threads, columns);
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
