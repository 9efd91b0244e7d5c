/** Threads that can't be started, end, or hang: fewer threads or a clear failure, never a wait without end. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { Worker } from 'node:worker_threads';
import * as tf from '@tensorflow/tfjs-core';
import { openEngine } from '../../../server/compute/engine/engine';
import { EngineError } from '../../../server/compute/engine/errors';
import { SELF_CHECK_LIMIT, selfCheckError } from '../../../server/compute/engine/selfCheck';
import { Op, Unary } from '../../../server/compute/engine/wasm/assembly/opcodes';
import { Heap } from '../../../server/compute/engine/wasm/heap';
import {
  KernelModule,
  PATIENCE,
  type KernelThread,
  type WorkerStart,
} from '../../../server/compute/engine/wasm/module';

const count = 40 * 32768;

/** Negates 1, 2, 3 … in forty chunks and checks the result. */
function negate(heap: Heap, kernels: KernelModule): void {
  const [from, to] = [heap.allocate(4 * count), heap.allocate(4 * count)];
  const x = new Float32Array(heap.memory.buffer, from, count).map((_, i) => i + 1);
  new Float32Array(heap.memory.buffer, from, count).set(x);
  kernels.run(Op.Unary, 40, [from, to, count, Unary.Negate]);
  const y = new Float32Array(heap.memory.buffer, to, count);
  assert.ok(y.every((value, i) => value === -x[i]!));
  heap.release(from, 4 * count);
  heap.release(to, 4 * count);
}

const threadFailed = (error: unknown) =>
  error instanceof EngineError && error.code === 'thread-failed' && error.hint.includes('Resume');

describe('threads of the kernels', () => {
  let heap: Heap;
  let kernels: KernelModule;
  beforeEach(() => {
    heap = new Heap(3, 2 ** 26);
  });
  afterEach(() => {
    kernels.dispose();
  });

  it('are done without when none can be started', () => {
    kernels = new KernelModule(heap, 3, 'simd', () => {
      throw new Error('ERR_WORKER_INIT_FAILED');
    });
    assert.equal(kernels.threads, 1);
    negate(heap, kernels);
  });

  it('are done without when they fail as they start', async () => {
    const failing: EventEmitter[] = [];
    kernels = new KernelModule(heap, 3, 'simd', () => {
      const thread = new EventEmitter();
      failing.push(thread);
      return Object.assign(thread, { unref: () => undefined, terminate: () => undefined });
    });
    assert.equal(kernels.threads, 3);
    negate(heap, kernels);
    failing.forEach((thread) => thread.emit('error', new Error('no memory')));
    await Promise.resolve();
    assert.equal(kernels.threads, 1);
    negate(heap, kernels);
  });

  it('are done without when they end between two jobs', async () => {
    const started: Worker[] = [];
    kernels = new KernelModule(heap, 3, 'simd', ({ module, memory, ...rest }: WorkerStart) => {
      const source = `const { parentPort, workerData } = require('node:worker_threads');
        const { module, memory, thread, threads, columns } = workerData;
        const { setup, serve } = new WebAssembly.Instance(module, { env: { memory } }).exports;
        setup(thread, threads, columns);
        parentPort.postMessage('there');
        serve();`;
      const worker = new Worker(source, { eval: true, workerData: { module, memory, ...rest } });
      started.push(worker);
      return worker;
    });
    await Promise.all(started.map((worker) => once(worker, 'message')));
    negate(heap, kernels);
    await Promise.all(started.map((worker) => worker.terminate()));
    assert.equal(kernels.threads, 1);
    for (let i = 0; i < 3; i++) negate(heap, kernels);
  });

  it('fail the job when one ends in the middle of it, and every job after', async () => {
    // Takes one chunk as a thread of the kernels does, and is gone.
    const source = `const { workerData: { memory }, parentPort } = require('node:worker_threads');
      const jobs = new BigInt64Array(memory.buffer);
      parentPort.postMessage('there');
      for (;;) {
        const word = Atomics.load(jobs, 128 / 8);
        if ((word & 0xffffffffn) > 0n && Atomics.compareExchange(jobs, 128 / 8, word, word - 1n) === word) break;
      }`;
    let taking: Worker | undefined;
    kernels = new KernelModule(heap, 2, 'simd', ({ memory }): KernelThread => {
      taking = new Worker(source, { eval: true, workerData: { memory } });
      return taking;
    });
    new Int32Array(heap.memory.buffer)[PATIENCE / 4] = 50;
    await once(taking!, 'message');
    const at = heap.allocate(512 * 401);
    const run = () => {
      kernels.run(Op.PeakFlops, 400, [at, 2000]);
    };
    assert.throws(() => {
      // Again and again, until the other thread has come to take its chunk.
      for (let round = 0; round < 1000; round++) run();
    }, threadFailed);
    assert.throws(run, threadFailed);
    assert.throws(() => {
      negate(heap, kernels);
    }, threadFailed);
  });

  it('fail the job when one traps', () => {
    const job = [1000, 1, []] as unknown as Parameters<KernelModule['run']>;
    kernels = new KernelModule(heap, 2, 'simd');
    assert.throws(
      () => {
        kernels.run(...job);
      },
      { message: /^kernel .* failed$/ },
    );
    assert.throws(() => {
      negate(heap, kernels);
    }, /kernel .* failed/);
  });

  it('take no job after they were ended', () => {
    kernels = new KernelModule(heap, 2, 'simd');
    negate(heap, kernels);
    kernels.dispose();
    assert.throws(() => {
      negate(heap, kernels);
    }, /was disposed/);
  });

  it('is one where memory can not be shared', async () => {
    kernels = new KernelModule(heap, 1, 'simd');
    const own = Object.getOwnPropertyDescriptor(globalThis, 'SharedArrayBuffer')!;
    Reflect.deleteProperty(globalThis, 'SharedArrayBuffer');
    try {
      const engine = await openEngine('wasm', { threads: 2, tier: 'simd' });
      assert.equal(engine.threads, 1);
      assert.ok((await selfCheckError()) <= SELF_CHECK_LIMIT);
      engine.dispose();
    } finally {
      Object.defineProperty(globalThis, 'SharedArrayBuffer', own);
    }
  });
});

describe('addresses of the wasm engine', () => {
  it('are right above 2 GiB', async () => {
    const engine = await openEngine('wasm', { threads: 2 });
    const backend = tf.backend() as unknown as { heap: Heap };
    // Taken, never touched: pages that nobody writes cost nothing.
    const below = backend.heap.allocate(1.6 * 2 ** 30);
    const more = backend.heap.allocate(0.7 * 2 ** 30);
    try {
      const probe = backend.heap.allocate(64);
      assert.ok(probe > 2 ** 31, String(probe));
      backend.heap.release(probe, 64);
      assert.ok((await selfCheckError()) <= SELF_CHECK_LIMIT);
    } finally {
      backend.heap.release(below, 1.6 * 2 ** 30);
      backend.heap.release(more, 0.7 * 2 ** 30);
      engine.dispose();
    }
  });
});
