/** Measures what can run here: `manticore engines`, and the choice behind `engine: auto`. */
import * as tf from '@tensorflow/tfjs-core';
import type { EngineName, EngineReport, MeasuredEngine } from '../../contract/engine';
import { openEngine, type Engine } from './engine';
import { EngineError } from './errors';
import { selfCheckError } from './selfCheck';
import { WasmBackend } from './wasm/backend';
import { Op, PEAK_CHAINS, PEAK_CHAINS_WIDE } from './wasm/assembly/opcodes';
import { tileColumns } from './wasm/tiers';

/** Engines in the order in which they are listed. */
const engines: readonly EngineName[] = ['tensorflow', 'webgpu', 'wasm', 'cpu'];

/** Milliseconds spent on each figure, after a first untimed call. */
const BUDGET = 150;

/** Fewest seconds that one call of each took; in turns, so that what else the machine does hits all alike. */
async function bestSeconds(works: readonly (() => void | Promise<void>)[]): Promise<number[]> {
  for (const work of works) await work();
  const best = works.map(() => Infinity);
  const start = performance.now();
  do {
    for (const [i, work] of works.entries()) {
      const before = performance.now();
      await work();
      best[i] = Math.min(best[i]!, performance.now() - before);
    }
  } while (performance.now() - start < BUDGET * works.length);
  return best.map((milliseconds) => milliseconds / 1000);
}

interface Work {
  /** 10⁹ floating-point operations of one run. */
  readonly gflop: number;
  readonly run: () => void | Promise<void>;
}

/** Computes, and reads the one entry that `work` gives: engines answer before they are done. */
async function finish(work: () => tf.Tensor): Promise<void> {
  const entry = tf.tidy(work);
  try {
    await entry.data();
  } finally {
    entry.dispose();
  }
}

/** A square matrix product of `a` and `c`. */
function productWork(a: tf.Tensor2D, c: tf.Tensor2D): Work {
  const run = () => finish(() => tf.slice(tf.matMul(a, c), [0, 0], [1, 1]));
  return { gflop: (2 * a.shape[0] ** 3) / 1e9, run };
}

/** Multiply-adds that wait for no memory: what the instructions that an engine has can reach. */
function peakWork(backend: WasmBackend, threads: number): Work {
  // Some milliseconds, as long as a product: starting the threads must not count.
  const rounds = 1_000_000;
  const chains = tileColumns[backend.kernels.tier] === 16 ? PEAK_CHAINS_WIDE : PEAK_CHAINS;
  const block = 512;
  const run = () => {
    backend.withScratch(block * (threads + 1), (at) => {
      const values = Float32Array.from({ length: block / 4 }, (_, i) => i);
      values.set([0.5, 1e-3], values.length - 2);
      new Float32Array(backend.heap.memory.buffer, at, values.length).set(values);
      backend.kernels.run(Op.PeakFlops, threads, [at, rounds]);
    });
  };
  return { gflop: (2 * 4 * chains * rounds * threads) / 1e9, run };
}

/** Gigabytes a second read and written by a copy of 32 MiB. */
async function copyRate(): Promise<number> {
  const count = 2 ** 23;
  const x = tf.zeros([count]);
  const copied = () => tf.concat([tf.slice(x, [1], [count - 1]), tf.slice(x, [0], [1])]);
  const [seconds] = (await bestSeconds([() => finish(() => tf.slice(copied(), [0], [1]))])) as [
    number,
  ];
  x.dispose();
  // The slice and the concatenation each read and write every byte.
  return (4 * 4 * count) / seconds / 1e9;
}

/**
 * GFLOP/s of a matrix product, and of what the engine's instructions can reach where that can be measured alone. Neither
 * is bent to fit the other: on a machine that does other things a share above 1 says that the measurement was disturbed.
 */
export async function rates(
  engine: Engine,
): Promise<Pick<MeasuredEngine, 'gflops' | 'peakGflops' | 'peakShare'>> {
  const backend = tf.backend();
  const size = engine.name === 'cpu' ? 128 : 512;
  const factor = (seed: number) =>
    tf.randomUniform<tf.Rank.R2>([size, size], -1, 1, 'float32', seed);
  const factors = [factor(1), factor(2)] as const;
  const works = [productWork(...factors)];
  if (backend instanceof WasmBackend) works.push(peakWork(backend, engine.threads));
  const seconds = await bestSeconds(works.map(({ run }) => run));
  tf.dispose([...factors]);
  const [gflops, peakGflops = null] = works.map(({ gflop }, i) => gflop / seconds[i]!) as [
    number,
    number?,
  ];
  return { gflops, peakGflops, peakShare: peakGflops === null ? null : gflops / peakGflops };
}

async function measure(engine: Engine): Promise<MeasuredEngine> {
  const error = await selfCheckError();
  return {
    ...{ name: engine.name, available: true, device: engine.device, version: engine.version },
    ...{ threads: engine.threads, tier: engine.tier, ...(await rates(engine)) },
    ...{ copyGBs: await copyRate(), selfCheckError: error },
  };
}

/** Opens each engine in turn and measures it; afterwards the last one that could be opened is current. */
export async function probeEngines(): Promise<EngineReport[]> {
  const reports: EngineReport[] = [];
  for (const name of engines) {
    try {
      const engine = await openEngine(name, { measureAnew: true });
      reports.push(await measure(engine));
      engine.dispose();
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      reports.push({ name, available: false, reason: `${error.message}. ${error.hint}` });
    }
  }
  return reports;
}
