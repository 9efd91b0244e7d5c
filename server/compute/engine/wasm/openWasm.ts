/** The `wasm` engine: opens the backend and makes it tfjs's current one. */
import { cpus } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import type { Engine, EngineOptions } from '../engine';
import { registerUpdateKernels } from '../update';
import { BACKEND_NAME, WasmBackend } from './backend';
import { physicalCores } from './cores';
import { registerFusedKernels } from './fusedKernels';
import { LARGEST_MEMORY } from './heap';
import { registerSequenceKernels } from './sequenceKernels';
import { registerStandardKernels } from './standardKernels';
import { updateKernels } from './updateKernels';

/** The kernels' own version: bits may change with it, so a run notes it and resumes only on the same. */
export const KERNELS_VERSION = '1';

/** Each takes 4 MiB of working memory. */
const MOST_THREADS = 16;

function registerKernelsOnce(): void {
  if (tf.getKernelsForBackend(BACKEND_NAME).length > 0) return;
  tf.copyRegisteredKernels('cpu', BACKEND_NAME);
  registerStandardKernels();
  registerFusedKernels();
  registerSequenceKernels();
}

/** tfjs types it as if there always were one. */
const openBackend = () => tf.findBackend(BACKEND_NAME) as tf.KernelBackend | null;

/** @throws EngineError `not-available` when Node can't run the kernels */
export async function openWasm(options: EngineOptions = {}): Promise<Engine> {
  const { memoryLimitBytes = LARGEST_MEMORY, tier } = options;
  const threads = Math.min(options.threads ?? physicalCores(), MOST_THREADS);
  const backend = new WasmBackend({ threads, memoryLimitBytes, ...(tier && { tier }) });
  registerKernelsOnce();
  // One at a time: tfjs knows a backend by its name.
  if (openBackend()) tf.removeBackend(BACKEND_NAME);
  tf.registerBackend(BACKEND_NAME, () => backend);
  await tf.setBackend(BACKEND_NAME);
  registerUpdateKernels(BACKEND_NAME, updateKernels(backend));
  const { heap, kernels } = backend;
  return {
    name: 'wasm',
    device: cpus()[0]?.model.trim() ?? process.arch,
    version: `${tf.version_core}-${KERNELS_VERSION}`,
    tier: kernels.tier,
    threads,
    memoryBytes: () => heap.inUse,
    peakBytes: () => heap.peak,
    resetPeak: () => (heap.peak = heap.inUse),
    dispose: () => {
      if (openBackend() === backend) tf.removeBackend(BACKEND_NAME);
    },
  };
}
