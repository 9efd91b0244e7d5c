/** The `tensorflow` engine: TensorFlow itself, through tfjs-node's native module. */
import { cpus } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { userCacheFolder } from '../../../files/userCache';
import type { Engine, EngineOptions } from '../engine';
import { registerUpdateKernels } from '../update';
import { physicalCores } from '../../../runs/cores';
import { measureTiers } from '../wasm/measureTiers';
import { chooseTier, keyOfThisMachine } from '../wasm/tierChoice';
import { BACKEND_NAME, TensorflowBackend } from './backend';
import { loadBinding } from './binding';
import { registerAttentionKernels } from './attentionKernels';
import { registerFusedKernels } from './fusedKernels';
import { HostKernels } from './hostKernels';
import { registerSequenceKernels } from './sequenceKernels';
import { registerStandardKernels } from './standardKernels';
import { updateKernels } from './updateKernels';

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
    // Sums in a fixed order: a run that is resumed goes on with the same bits. Ops that have no such order on a GPU refuse to
    // run there (TensorFlow's util/determinism.h); none is used.
    TF_DETERMINISTIC_OPS: '1',
    // Other programs need the GPU as well.
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    // Products of 19 bits: too coarse for the self-check, and not what the other engines compute.
    NVIDIA_TF32_OVERRIDE: '0',
  };
}

/** The threads that it was loaded with; they can't be changed afterwards. */
let loadedThreads: number | undefined;

export interface TensorflowOptions extends EngineOptions {
  /** Also without a GPU what is computed where there is one: for tests. */
  readonly asOnGpu?: boolean;
}

/** @throws EngineError `not-available` with the reason of each place that it could stand in */
export async function openTensorflow(options: TensorflowOptions = {}): Promise<Engine> {
  for (const [name, value] of Object.entries(settings(options.threads)))
    process.env[name] ??= value;
  const binding = loadBinding();
  loadedThreads ??= threadsInUse();
  const gpu = binding.isUsingGpuDevice();
  const host = gpu || options.asOnGpu === true ? undefined : await hostKernels(options);
  const backend = new TensorflowBackend(binding, options.memoryLimitBytes, host);
  if (tf.getKernelsForBackend(BACKEND_NAME).length === 0) {
    registerStandardKernels();
    registerFusedKernels();
    registerAttentionKernels();
    registerSequenceKernels();
  }
  if (tf.findBackend(BACKEND_NAME) as tf.KernelBackend | null) tf.removeBackend(BACKEND_NAME);
  tf.registerBackend(BACKEND_NAME, () => backend);
  await tf.setBackend(BACKEND_NAME);
  registerUpdateKernels(BACKEND_NAME, updateKernels(backend));
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

/** Our own kernels where this Node runs them; they are chosen as for the wasm engine. */
async function hostKernels({ threads = physicalCores() }: EngineOptions): Promise<HostKernels> {
  const tier = await chooseTier({
    cacheFolder: userCacheFolder(),
    key: keyOfThisMachine(),
    anew: false,
    measure: measureTiers,
  });
  return new HostKernels(threads, tier);
}

function threadsInUse(): number {
  const named = Number(process.env['TF_NUM_INTRAOP_THREADS']);
  return Number.isInteger(named) && named > 0 ? named : cpus().length;
}
