/** Measures what can run here: `manticore engines`, and the choice behind `engine: auto`. */
import * as tf from '@tensorflow/tfjs-core';
import type { EngineName, EngineReport } from '../../contract/engine';
import { openEngine, type Engine } from './engine';
import { EngineError } from './errors';
import { selfCheckError } from './selfCheck';
import { WasmBackend } from './wasm/backend';
import { Op } from './wasm/assembly/opcodes';

/** Engines in the order in which they are listed. */
const engines: readonly EngineName[] = ['tensorflow', 'webgpu', 'wasm', 'cpu'];

/** Milliseconds spent on each figure, after a first untimed call. */
const BUDGET = 150;

/** Fewest seconds that one call of `work` took. */
function bestSeconds(work: () => void): number {
  work();
  let best = Infinity;
  const start = performance.now();
  do {
    const before = performance.now();
    work();
    best = Math.min(best, performance.now() - before);
  } while (performance.now() - start < BUDGET);
  return best / 1000;
}

/** GFLOP/s of a square matrix product. */
function productRate(size: number): number {
  const a = tf.randomUniform([size, size], -1, 1, 'float32', 1);
  const c = tf.randomUniform([size, size], -1, 1, 'float32', 2);
  const seconds = bestSeconds(() => {
    const product = tf.matMul(a, c);
    // Reading one entry waits for engines that answer before they are done.
    tf.tidy(() => tf.slice(product, [0, 0], [1, 1]).dataSync());
    product.dispose();
  });
  tf.dispose([a, c]);
  return (2 * size ** 3) / seconds / 1e9;
}

/** GFLOP/s of multiply-adds that touch no memory: what the instructions that an engine has can reach. */
function registerRate(backend: WasmBackend, threads: number): number {
  const rounds = 200_000;
  const lanes = 4;
  const chains = 10;
  return backend.withScratch(16 * (threads + 1), (at) => {
    new Float32Array(backend.heap.memory.buffer, at, 4).fill(0.5);
    const seconds = bestSeconds(() => backend.kernels.run(Op.PeakFlops, threads, [at, rounds]));
    return (2 * lanes * chains * rounds * threads) / seconds / 1e9;
  });
}

/** Gigabytes a second read and written by a copy of 32 MiB. */
function copyRate(): number {
  const count = 2 ** 23;
  const x = tf.zeros([count]);
  const seconds = bestSeconds(() => {
    const y = tf.concat([tf.slice(x, [1], [count - 1]), tf.slice(x, [0], [1])]);
    tf.tidy(() => tf.slice(y, [0], [1]).dataSync());
    y.dispose();
  });
  x.dispose();
  // The slice and the concatenation each read and write every byte.
  return (4 * 4 * count) / seconds / 1e9;
}

async function measure(engine: Engine): Promise<EngineReport> {
  const error = await selfCheckError();
  const backend = tf.backend();
  const gflops = tf.tidy(() => productRate(engine.name === 'cpu' ? 128 : 512));
  // An engine whose instructions can't be measured alone is its own measure.
  const peakGflops =
    backend instanceof WasmBackend
      ? Math.max(gflops, registerRate(backend, engine.threads))
      : gflops;
  return {
    ...{ name: engine.name, available: true, device: engine.device, version: engine.version },
    ...{ threads: engine.threads, tier: engine.tier, gflops, peakGflops },
    ...{ peakShare: gflops / peakGflops, copyGBs: tf.tidy(copyRate), selfCheckError: error },
  };
}

/** Opens each engine in turn and measures it; afterwards the last one that could be opened is current. */
export async function probeEngines(): Promise<EngineReport[]> {
  const reports: EngineReport[] = [];
  for (const name of engines) {
    try {
      const engine = await openEngine(name);
      reports.push(await measure(engine));
      engine.dispose();
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      reports.push({ name, available: false, reason: `${error.message}. ${error.hint}` });
    }
  }
  return reports;
}
