/**
 * The `tensorflow` engine: TensorFlow itself through tfjs-node, an optional peer that is used where it is installed:
 * beside this package, else where `manticore engines --install` puts it. Its tensors are TensorFlow's; the ops are the
 * composites.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { enginesFolder, installedEngine } from '../../files/userCache';
import type { Engine } from './engine';
import { notAvailable } from './errors';
import { selfCheckError } from './selfCheck';

/** What of tfjs-node's exports is used; it brings its own copy of tfjs-core. */
interface TensorflowModule {
  readonly version: { readonly 'tfjs-node'?: string; readonly tfjs?: string };
  readonly backend: () => tf.KernelBackend;
  readonly getKernelsForBackend: (name: string) => tf.KernelConfig[];
  readonly memory: () => { numBytes: number };
}

const HINT =
  'Install it with `manticore engines --install tensorflow` (in VS Code: Manticore: Install Engine…); or use the wasm engine.';

/** Why each package could not be loaded; the first that can is given. */
async function loadModule(): Promise<{ module: TensorflowModule; gpu: boolean }> {
  const failures: string[] = [];
  mendUtil();
  // Spelt out, not in a loop over names: the bundler must see that they stay outside.
  const loaders: [string, boolean, () => Promise<unknown>][] = [
    ['@tensorflow/tfjs-node-gpu', true, () => import('@tensorflow/tfjs-node-gpu')],
    ['@tensorflow/tfjs-node', false, () => import('@tensorflow/tfjs-node')],
  ];
  for (const [name, gpu, beside] of loaders) {
    try {
      const loaded = (await besideOrInstalled(name, beside)) as TensorflowModule & {
        default?: TensorflowModule;
      };
      return { module: loaded.default ?? loaded, gpu };
    } catch (error) {
      const reason = isAbsent(error)
        ? 'is not installed'
        : `does not load: ${(error as Error).message.split('\n')[0]!}`;
      failures.push(`${name} ${reason}`);
    }
  }
  throw notAvailable('tensorflow', failures.join('; '), HINT);
}

async function besideOrInstalled(name: string, beside: () => Promise<unknown>): Promise<unknown> {
  try {
    return await beside();
  } catch (error) {
    if (!isAbsent(error)) throw error;
    const folder = installedEngine(enginesFolder(), 'tensorflow');
    const load: (name: string) => unknown = createRequire(path.join(folder, 'package.json'));
    return load(name);
  }
}

function isAbsent(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
}

/** tfjs-node 4 asks `util` for what Node 23 took out of it. */
function mendUtil(): void {
  const missing = {
    isNullOrUndefined: (value: unknown): boolean => value === null || value === undefined,
    isArray: (value: unknown): boolean => Array.isArray(value),
  };
  for (const [name, value] of Object.entries(missing)) {
    if (!(name in util)) Object.defineProperty(util, name, { value, configurable: true });
  }
}

/** @throws EngineError `not-available` with the reason of each package */
export async function openTensorflow(): Promise<Engine> {
  const { module, gpu } = await loadModule();
  // tfjs-node registers with its own tfjs-core; ours takes over its backend and kernels.
  const name = 'manticore-tensorflow';
  const backend = module.backend();
  if (tf.getKernelsForBackend(name).length === 0) {
    for (const kernel of module.getKernelsForBackend('tensorflow')) {
      tf.registerKernel({ ...kernel, backendName: name });
    }
  }
  tf.registerBackend(name, () => backend);
  await tf.setBackend(name);
  try {
    await selfCheckError();
  } catch (error) {
    tf.removeBackend(name);
    throw notAvailable('tensorflow', `it fails a training step: ${String(error)}`, HINT);
  }
  let peak = 0;
  const bytes = () => {
    const { numBytes } = tf.memory();
    peak = Math.max(peak, numBytes);
    return numBytes;
  };
  return {
    ...{ name: 'tensorflow', device: gpu ? 'GPU (CUDA)' : 'CPU', tier: gpu ? 'cuda' : 'native' },
    ...{ version: module.version['tfjs-node'] ?? module.version.tfjs ?? 'unknown', threads: 1 },
    memoryBytes: bytes,
    peakBytes: () => (bytes(), peak),
    resetPeak: () => (peak = tf.memory().numBytes),
    dispose: () => tf.removeBackend(name),
  };
}
