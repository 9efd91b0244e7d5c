/** The compiled kernels with their threads: how a job is started, and what happens when a thread is not there. */
import { Worker } from 'node:worker_threads';
import { giveBackMemory } from '../giveBackMemory';
import { threadFailed } from '../errors';
import { Op } from './assembly/opcodes';
import type { Heap } from './heap';
import {
  closeTier,
  FLOATS,
  INTEGERS,
  openTier,
  tileColumns,
  type OpenTier,
  type Tier,
} from './tiers';

/** Where a thread leaves word that a chunk will never be done, and how long to wait for one: assembly/threads.ts. */
const FAILED = 512;
export const PATIENCE = 576;
/** No chunk takes that long, not even of the longest sequences on a slow machine. */
const PATIENCE_MS = 120_000;

export interface WorkerStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly thread: number;
  readonly threads: number;
  readonly columns: number;
}

/** What a thread is to this folder: a worker of Node. */
export interface KernelThread {
  on(event: 'error', listener: (error: unknown) => void): unknown;
  on(event: 'exit', listener: () => void): unknown;
  unref(): void;
  terminate(): unknown;
}

export class KernelModule {
  readonly tier: Tier;
  private readonly integers: Int32Array;
  private readonly floats: Float32Array;
  private readonly flags: Int32Array;
  private readonly kernels: OpenTier['kernels'];
  private readonly opened: OpenTier;
  private readonly workers = new Set<KernelThread>();
  /** Why no job can be started any more. */
  private broken: Error | undefined;

  /**
   * @param threads the main one counted; where workers can't be started there are fewer
   * @param start makes a worker
   */
  constructor(heap: Heap, threads: number, tier: Tier, start = startWorker) {
    const { memory } = heap;
    this.tier = tier;
    this.opened = openTier(tier, memory, threads);
    const { module, kernels } = this.opened;
    this.kernels = kernels;
    this.integers = new Int32Array(memory.buffer, INTEGERS, 64);
    this.floats = new Float32Array(memory.buffer, FLOATS, 64);
    this.flags = new Int32Array(memory.buffer, 0, INTEGERS / 4);
    this.flags[PATIENCE / 4] = PATIENCE_MS;
    const columns = tileColumns[tier];
    for (let thread = 1; thread < threads; thread++) {
      try {
        this.keep(start({ module, memory, thread, threads, columns }));
      } catch {
        break; // No more threads are to be had: fewer compute the same bits.
      }
    }
  }

  /** Those that are there, the main one counted. */
  get threads(): number {
    return 1 + this.workers.size;
  }

  /**
   * A worker that ends while no job runs is done without. One that ends in the middle of a job leaves a chunk undone, which
   * the main thread notices by itself: it is inside `run` and hears of no event.
   */
  private keep(worker: KernelThread): void {
    // An idle pool does not keep the process alive.
    worker.unref();
    this.workers.add(worker);
    worker.on('error', () => this.workers.delete(worker));
    worker.on('exit', () => this.workers.delete(worker));
  }

  /**
   * Runs all chunks of a job.
   * @param integers numbers and addresses, by the positions that the job's comment in the assembly names
   * @throws EngineError `thread-failed` when a worker ended in the middle of it; then nothing runs any more
   */
  run(op: Op, chunks: number, integers: readonly number[], floats: readonly number[] = []): void {
    if (this.broken) throw this.broken;
    if (chunks <= 0) return;
    this.integers.set(integers);
    this.floats.set(floats);
    try {
      this.kernels.run(op, chunks);
    } catch (error) {
      // The memory may be half written, and workers may still be at this job.
      this.broken =
        Atomics.load(this.flags, FAILED / 4) === 0
          ? new Error(`kernel ${Op[op]} failed`, { cause: error })
          : threadFailed('wasm');
      throw this.broken;
    }
  }

  /** Ends the workers. No job can be started afterwards. */
  dispose(): void {
    this.broken ??= new Error('the wasm engine was disposed');
    for (const worker of this.workers) void worker.terminate();
    this.workers.clear();
    closeTier(this.opened);
  }
}

/** Text, not a file: the bundle has no second file that it could name. */
const WORKER_SOURCE = `
const { module, memory, thread, threads, columns } = require('node:worker_threads').workerData;
const { setup, serve } = new WebAssembly.Instance(module, { env: { memory } }).exports;
setup(thread, threads, columns);
(${giveBackMemory.toString()})();
try {
  serve();
} finally {
  // Only a trap ends it: the main thread, which waits for this chunk, must trap too.
  Atomics.store(new Int32Array(memory.buffer), ${FAILED / 4}, 1);
}
`;

function startWorker(start: WorkerStart): KernelThread {
  return new Worker(WORKER_SOURCE, { eval: true, workerData: start });
}
