/** The `tensorflow` engine: TensorFlow itself, through tfjs-node's native module. */
import { cpus } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import type { Engine, EngineOptions } from '../engine';
import { BACKEND_NAME, TensorflowBackend } from './backend';
import { loadBinding } from './binding';
import { registerStandardKernels } from './standardKernels';

/**
 * What TensorFlow reads from the environment when it is loaded; a user's own setting stays.
 * @param threads those of one op
 */
function settings(threads: number | undefined): Record<string, string> {
  return {
    // Warnings tell of instructions that other builds would use.
    TF_CPP_MIN_LOG_LEVEL: '2',
    // Ops run one after the other here: threads beside an op's own have nothing to do.
    TF_NUM_INTEROP_THREADS: '1',
    ...(threads === undefined ? {} : { TF_NUM_INTRAOP_THREADS: String(threads) }),
    // Other programs need the GPU as well.
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    // Products of 19 bits: too coarse for the self-check, and not what the other engines compute.
    NVIDIA_TF32_OVERRIDE: '0',
  };
}

/** The threads that it was loaded with; they can't be changed afterwards. */
let loadedThreads: number | undefined;

/** @throws EngineError `not-available` with the reason of each place that it could stand in */
export async function openTensorflow(options: EngineOptions = {}): Promise<Engine> {
  for (const [name, value] of Object.entries(settings(options.threads)))
    process.env[name] ??= value;
  const binding = loadBinding();
  loadedThreads ??= threadsInUse();
  const backend = new TensorflowBackend(binding, options.memoryLimitBytes);
  if (tf.getKernelsForBackend(BACKEND_NAME).length === 0) registerStandardKernels();
  if (tf.findBackend(BACKEND_NAME) as tf.KernelBackend | null) tf.removeBackend(BACKEND_NAME);
  tf.registerBackend(BACKEND_NAME, () => backend);
  await tf.setBackend(BACKEND_NAME);
  const gpu = backend.isGpu;
  return {
    name: 'tensorflow',
    device: gpu ? 'GPU (CUDA)' : (cpus()[0]?.model.trim() ?? process.arch),
    version: binding.TF_Version,
    tier: gpu ? 'cuda' : 'native',
    threads: loadedThreads,
    memoryBytes: () => backend.inUse,
    peakBytes: () => backend.peak,
    resetPeak: () => (backend.peak = backend.inUse),
    dispose: () => {
      if (tf.findBackend(BACKEND_NAME) === backend) tf.removeBackend(BACKEND_NAME);
    },
  };
}

function threadsInUse(): number {
  const named = Number(process.env['TF_NUM_INTRAOP_THREADS']);
  return Number.isInteger(named) && named > 0 ? named : cpus().length;
}
