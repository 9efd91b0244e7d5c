/** AdamW and the norm of all gradients. */
import * as tf from '@tensorflow/tfjs-core';
import { readScalars } from '../read';
import type { AdamwEntry, AdamwOptions, UpdateKernels } from '../update';
import type { TensorflowBackend } from './backend';
import { Ops } from './fusedKernels';

type Info = tf.TensorInfo;

/** What our own kernels take at once, of values, gradients and moments: the memory that they work in ends at 4 GB. */
const MOST_COPIED = 512 * 2 ** 20;

export function updateKernels(backend: TensorflowBackend): UpdateKernels {
  return {
    accumulate: (a, b) => tf.add(a, b),
    squaredNorm: async (tensors) => {
      const made = backend.scope(() => tensors.map((tensor) => backend.run('L2Loss', [tensor])));
      const halves = made.map(asTensor);
      try {
        return (await readScalars(halves)).reduce((total, half) => total + 2 * half, 0);
      } finally {
        tf.dispose(halves);
      }
    },
    adamw: (entries, options) => {
      for (const batch of batches(entries)) {
        const bytes = batch.reduce((sum, { value }) => sum + 16 * value.size, 0);
        if (backend.host && bytes <= MOST_COPIED) {
          assign(batch, backend.host.adamw(backend, batch, options));
        } else {
          for (const entry of batch) assign([entry], onDevice(backend, entry, options));
        }
      }
    },
  };
}

const asTensor = (info: Info): tf.Tensor => tf.engine().makeTensorFromTensorInfo(info);

/** Runs of entries that are small enough to be copied together. */
function batches(entries: readonly AdamwEntry[]): AdamwEntry[][] {
  const all: AdamwEntry[][] = [];
  let room = 0;
  for (const entry of entries) {
    const bytes = 16 * entry.value.size;
    if (bytes > room || all.length === 0) {
      all.push([]);
      room = MOST_COPIED;
    }
    all.at(-1)!.push(entry);
    room -= bytes;
  }
  return all;
}

/** A variable takes over the values that it is assigned and lets its own go. */
function assign(entries: readonly AdamwEntry[], updated: readonly Info[]): void {
  const fresh = updated.values();
  for (const entry of entries) {
    for (const part of ['value', 'm', 'v'] as const) {
      const tensor = asTensor(fresh.next().value!);
      entry[part].assign(tensor);
      tensor.dispose();
    }
  }
}

/**
 * The equation of `adamwStep` with as few ops as it can be written in; what is constant goes into factors.
 * @returns value, first and second moment
 */
function onDevice(
  backend: TensorflowBackend,
  { value, grad, m, v, step, decay }: AdamwEntry,
  { learningRate, beta1, beta2, epsilon, gradScale }: AdamwOptions,
): Info[] {
  const { add, sub, mul, of } = new Ops(backend);
  const secondScale = Math.sqrt(1 - beta2 ** step);
  const stepSize = (learningRate / (1 - beta1 ** step)) * secondScale;
  return backend.scope(() => {
    const first = add(mul(m, beta1), mul(grad, (1 - beta1) * gradScale));
    const squares = mul(of('Square', grad), (1 - beta2) * gradScale ** 2);
    const second = add(mul(v, beta2), squares);
    const denominator = add(of('Sqrt', second), epsilon * secondScale);
    const change = backend.run('RealDiv', [mul(first, stepSize), denominator]);
    return [sub(mul(value, 1 - learningRate * decay), change), first, second];
  });
}
