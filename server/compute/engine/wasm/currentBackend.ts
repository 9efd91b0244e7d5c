/** Makes a backend tfjs's current one: one at a time, since tfjs knows a backend by its name. */
import * as tf from '@tensorflow/tfjs-core';
import { registerUpdateKernels } from '../update';
import { BACKEND_NAME, type WasmBackend } from './backend';
import { registerFusedKernels } from './fusedKernels';
import { registerMixtureKernels } from './mixtureKernels';
import { registerSequenceKernels } from './sequenceKernels';
import { registerStandardKernels } from './standardKernels';
import { updateKernels } from './updateKernels';

function registerKernelsOnce(): void {
  if (tf.getKernelsForBackend(BACKEND_NAME).length > 0) return;
  tf.copyRegisteredKernels('cpu', BACKEND_NAME);
  registerStandardKernels();
  registerFusedKernels();
  registerMixtureKernels();
  registerSequenceKernels();
}

/** tfjs types it as if there always were one. */
const registered = () => tf.findBackend(BACKEND_NAME) as tf.KernelBackend | null;

/** Disposes the one that is there. */
export function removeBackend(): void {
  if (registered()) tf.removeBackend(BACKEND_NAME);
}

/** Whether this very one is there. */
export const isRegistered = (backend: WasmBackend): boolean => registered() === backend;

export async function makeCurrent(backend: WasmBackend): Promise<void> {
  registerKernelsOnce();
  removeBackend();
  tf.registerBackend(BACKEND_NAME, () => backend);
  await tf.setBackend(BACKEND_NAME);
  registerUpdateKernels(BACKEND_NAME, updateKernels(backend));
}
