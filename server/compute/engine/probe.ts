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

/** Seconds beside which the wait for a device's answer counts little. */
const LONG_ENOUGH = 0.005;

/** Copies before an answer is waited for, at most. */
const MOST_COPIES = 64;

/** Rows of the largest product: 64 MiB a matrix, which any device's buffers hold. */
const LARGEST_PRODUCT = 4096;

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

/** Gigabytes a second read and written by copies of 32 MiB. */
async function copyRate(): Promise<number> {
  const count = 2 ** 23;
  const x = tf.zeros([count]);
  const copies = (repeats: number) => () =>
    finish(() => {
      let y = x;
      for (let i = 0; i < repeats; i++) {
        const from = y;
        y = tf.tidy(() => tf.concat([tf.slice(from, [1], [count - 1]), tf.slice(from, [0], [1])]));
        if (from !== x) from.dispose();
      }
      return tf.slice(y, [0], [1]);
    });
  try {
    const [once] = (await bestSeconds([copies(1)])) as [number];
    const repeats = Math.min(MOST_COPIES, Math.ceil(LONG_ENOUGH / once));
    const seconds = repeats === 1 ? once : (await bestSeconds([copies(repeats)]))[0]! / repeats;
    // The slice and the concatenation each read and write every byte.
    return (4 * 4 * count) / seconds / 1e9;
  } finally {
    x.dispose();
  }
}

/**
 * GFLOP/s of a matrix product, and of what the engine's instructions can reach where that can be measured alone. Neither
 * is bent to fit the other: on a machine that does other things a share above 1 says that the measurement was disturbed.
 */
export async function rates(
  engine: Engine,
): Promise<Pick<MeasuredEngine, 'gflops' | 'peakGflops' | 'peakShare'>> {
  const backend = tf.backend();
  if (engine.name === 'cpu') return withoutPeak(await productRate(128));
  if (!(backend instanceof WasmBackend)) {
    let rate = await productRate(512);
    for (let size = 1024; rate.seconds < LONG_ENOUGH && size <= LARGEST_PRODUCT; size *= 2) {
      rate = await productRate(size);
    }
    return withoutPeak(rate);
  }
  const peak = peakWork(backend, engine.threads);
  const { gflops, others } = await productRate(512, [peak]);
  const peakGflops = others[0]!;
  return { gflops, peakGflops, peakShare: gflops / peakGflops };
}

const withoutPeak = ({ gflops }: { readonly gflops: number }) => ({
  ...{ gflops, peakGflops: null, peakShare: null },
});

/** A product of two square matrices, measured in turns with `beside`; `others`: what those reach. */
async function productRate(size: number, beside: readonly Work[] = []) {
  const factor = (seed: number) =>
    tf.randomUniform<tf.Rank.R2>([size, size], -1, 1, 'float32', seed);
  const factors = [factor(1), factor(2)] as const;
  try {
    const works = [productWork(...factors), ...beside];
    const seconds = await bestSeconds(works.map(({ run }) => run));
    const [gflops, ...others] = works.map(({ gflop }, i) => gflop / seconds[i]!) as [
      number,
      ...number[],
    ];
    return { gflops, others, seconds: seconds[0]! };
  } finally {
    tf.dispose([...factors]);
  }
}

async function measure(engine: Engine): Promise<MeasuredEngine> {
  const error = await selfCheckError();
  return {
    ...{ name: engine.name, available: true, device: engine.device, version: engine.version },
    ...{ threads: engine.threads, tier: engine.tier, ...(await rates(engine)) },
    ...{ copyGBs: await copyRate(), selfCheckError: error },
  };
}

/**
 * Opens each engine in turn and measures it; afterwards the last one that could be opened is current. One that breaks, as a
 * native module or a driver may, takes none of the others with it.
 */
export async function probeEngines(open = openEngine): Promise<EngineReport[]> {
  const reports: EngineReport[] = [];
  for (const name of engines) {
    try {
      const engine = await open(name, { measureAnew: true });
      try {
        reports.push(await measure(engine));
      } finally {
        engine.dispose();
      }
    } catch (error) {
      reports.push({ name, available: false, reason: reasonOf(name, error) });
    }
  }
  return reports;
}

function reasonOf(name: EngineName, error: unknown): string {
  if (error instanceof EngineError) return `${error.message}. ${error.hint}`;
  const told = error instanceof Error ? error.message : String(error);
  return `engine ${name}: it broke while it was measured: ${told}. Take another engine, and report this: it is a fault of Manticore, or of what the engine loads.`;
}
