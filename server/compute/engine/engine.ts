/** Opens a backend for tensors. This is the one place that loads tfjs's backends and gradient registrations. */
import './tfjsGradients';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import type { EngineName } from '../../contract/engine';
import { EngineError, notAvailable, selfCheckFailed } from './errors';
import { SELF_CHECK_LIMIT, selfCheckError } from './selfCheck';
import { openTensorflow } from './tensorflow/openTensorflow';
import { openWasm } from './wasm/openWasm';
import type { WebgpuOptions } from './webgpu/openWebgpu';

export interface EngineOptions {
  /** Worker threads, the main one counted. */
  readonly threads?: number;
  /** Most bytes the tensors may take. */
  readonly memoryLimitBytes?: number;
  /** Which build of the kernels, to go on with a run's own; the fastest when absent. */
  readonly tier?: string;
  /** Forgets which build was found to be the fastest on this machine, and finds out again. */
  readonly measureAnew?: boolean;
}

/** An open engine; tfjs's current backend until another is opened. */
export interface Engine {
  readonly name: EngineName;
  readonly device: string;
  readonly version: string;
  /** Which build of the kernels runs, where an engine has several. */
  readonly tier: string;
  readonly threads: number;
  /** Bytes of tensors in use. */
  memoryBytes(): number;
  /** Most bytes in use since the engine was opened or `resetPeak` was called. */
  peakBytes(): number;
  resetPeak(): void;
  /**
   * Waits until the device has done all that was asked of it. Absent where a kernel that fails throws at once.
   * @throws EngineError when any of it failed since the last call: a kernel, memory, a lost device
   */
  settled?(): Promise<void>;
  /** Engines that `auto` would have taken before this one, had they not failed: a sentence each. */
  readonly passedOver?: readonly string[];
  /** Frees everything; tensors of this engine are gone. */
  dispose(): void;
}

/**
 * @param name `auto`: the first engine that loads and passes its self-check
 * @throws EngineError when it cannot be had
 */
export async function openEngine(
  name: EngineName | 'auto',
  options: EngineOptions = {},
): Promise<Engine> {
  // `firstUse` is the CPU backend's advice, on the terminal, to install another one.
  Object.assign(tf.findBackend('cpu'), { firstUse: false });
  switch (name) {
    case 'auto':
      return openFirst(options);
    case 'cpu':
      return openCpu();
    case 'wasm':
      return openWasm(options);
    case 'tensorflow':
      return openTensorflow(options);
    case 'webgpu':
      return openGpu({ ...options, allowSoftware: true });
  }
}

/** Loaded when it is asked for: its kernels are a good part of the compute process's code. */
async function openGpu(options: WebgpuOptions): Promise<Engine> {
  const { openWebgpu } = await import('./webgpu/openWebgpu');
  return openWebgpu(options);
}

/** What `auto` tries, the fastest first: a GPU by its maker's library, any GPU, the processor. */
const inOrder: readonly [name: EngineName, open: (options: EngineOptions) => Promise<Engine>][] = [
  ['tensorflow', openTensorflowOnGpu],
  ['webgpu', (options) => openGpu({ ...options, allowSoftware: false })],
  ['wasm', openWasm],
];

async function openTensorflowOnGpu(options: EngineOptions): Promise<Engine> {
  const engine = await openTensorflow(options);
  if (engine.tier === 'cuda') return engine;
  engine.dispose();
  throw notAvailable('tensorflow', 'it computes on the processor here', 'Ask for it by its name.');
}

async function openFirst(options: EngineOptions): Promise<Engine> {
  const failures: EngineError[] = [];
  for (const [name, open] of inOrder) {
    try {
      const engine = await checked(name, await open(options));
      const passedOver = failures.filter(({ code }) => code !== 'not-available');
      return { ...engine, passedOver: passedOver.map(({ message }) => message) };
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      failures.push(error);
    }
  }
  throw notAvailable(
    'auto',
    failures.map((failure) => failure.message).join('; '),
    failures.at(-1)!.hint,
  );
}

/** @throws EngineError when it computes something else than the oracle, or nothing; it is disposed then */
async function checked(name: EngineName, engine: Engine): Promise<Engine> {
  try {
    const error = await selfCheckError();
    if (!(error <= SELF_CHECK_LIMIT)) throw selfCheckFailed(name, error);
    return engine;
  } catch (error) {
    engine.dispose();
    throw error;
  }
}

/** tfjs's plain JavaScript backend: the oracle of the tests. */
async function openCpu(): Promise<Engine> {
  await tf.setBackend('cpu');
  let peak = 0;
  const bytes = () => {
    const { numBytes } = tf.memory();
    peak = Math.max(peak, numBytes);
    return numBytes;
  };
  return {
    name: 'cpu',
    device: 'CPU (plain JavaScript)',
    version: tf.version_core,
    tier: 'javascript',
    threads: 1,
    memoryBytes: bytes,
    peakBytes: () => (bytes(), peak),
    resetPeak: () => (peak = tf.memory().numBytes),
    dispose: () => undefined,
  };
}
