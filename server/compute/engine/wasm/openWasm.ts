/** The `wasm` engine: opens the backend and makes it tfjs's current one. */
import { cpus } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { userCacheFolder } from '../../../files/userCache';
import type { Engine, EngineOptions } from '../engine';
import { notAvailable } from '../errors';
import { WasmBackend } from './backend';
import { physicalCores } from '../../../runs/cores';
import { isRegistered, makeCurrent, removeBackend } from './currentBackend';
import { LARGEST_MEMORY } from './heap';
import { measureTiers } from './measureTiers';
import { chooseTier, keyOfThisMachine } from './tierChoice';
import { availableTiers, type Tier } from './tiers';

/** The kernels' own version: bits may change with it, so a run notes it and resumes only on the same. */
export const KERNELS_VERSION = '3';

/** Each takes 4 MiB of working memory. */
const MOST_THREADS = 16;

/**
 * The tier that is asked for, or the fastest right one.
 * @throws EngineError `not-available` when this Node does not run it
 */
async function tierOf({ tier: wanted, measureAnew = false }: EngineOptions): Promise<Tier> {
  if (wanted === undefined) {
    removeBackend();
    return chooseTier({
      cacheFolder: userCacheFolder(),
      key: keyOfThisMachine(),
      anew: measureAnew,
      measure: measureTiers,
    });
  }
  const tier = availableTiers().find((one) => one === wanted);
  if (tier) return tier;
  throw notAvailable(
    'wasm',
    `this Node (${process.version}) does not run the ${wanted} kernels`,
    'Use Node 24, or at least 20.19; or leave the tier out.',
  );
}

/** As many as are asked for, else a core each; one alone where memory can't be shared with workers. */
function threadsOf({ threads = physicalCores() }: EngineOptions): number {
  // Some hosts take the constructor away, and the type of the global does not know.
  const isShared = 'SharedArrayBuffer' in globalThis;
  return isShared ? Math.min(threads, MOST_THREADS) : 1;
}

/** @throws EngineError `not-available` when Node can't run the kernels, `self-check-failed` when none computes right */
export async function openWasm(options: EngineOptions = {}): Promise<Engine> {
  const { memoryLimitBytes = LARGEST_MEMORY } = options;
  const tier = await tierOf(options);
  const backend = new WasmBackend({ threads: threadsOf(options), memoryLimitBytes, tier });
  await makeCurrent(backend);
  const { heap, kernels } = backend;
  return {
    name: 'wasm',
    device: cpus()[0]?.model.trim() ?? process.arch,
    version: `${tf.version_core}-${KERNELS_VERSION}`,
    tier,
    get threads() {
      return kernels.threads;
    },
    memoryBytes: () => heap.inUse,
    peakBytes: () => heap.peak,
    resetPeak: () => (heap.peak = heap.inUse),
    dispose: () => {
      if (isRegistered(backend)) removeBackend();
    },
  };
}
