/** Accumulation, norms and AdamW in place. */
import * as tf from '@tensorflow/tfjs-core';
import type { AdamwEntry, AdamwOptions, Pair, UpdateKernels } from '../update';
import { Binary, FLAT_CHUNK, Op } from './assembly/opcodes';
import type { WasmBackend } from './backend';
import { doubleSum } from './fusedKernels';
import { flatChunks } from './jobs';

export function updateKernels(backend: WasmBackend): UpdateKernels {
  return {
    accumulate: (a, b) => {
      if (!isOwn(backend, a)) return tf.add(a, b);
      const at = backend.address(a);
      const integers = [at, backend.address(b), at, a.size, Binary.Add];
      backend.kernels.run(Op.ElementwiseBinary, flatChunks(a.size), integers);
      return a;
    },
    accumulateAll: (pairs) => accumulateAll(backend, pairs),
    squaredNorm: (tensors) => Promise.resolve(squaredNorm(backend, tensors)),
    adamw: (entries, options) => {
      if (entries.length > 0) adamw(backend, entries, options);
    },
  };
}

function accumulateAll(backend: WasmBackend, pairs: readonly Pair[]): tf.Tensor[] {
  const table: number[] = [];
  const sums = pairs.map(([a, b]) => {
    if (!isOwn(backend, a)) return tf.add(a, b);
    const [to, from] = [backend.address(a), backend.address(b)];
    for (let first = 0; first < a.size; first += FLAT_CHUNK) {
      table.push(to + 4 * first, from + 4 * first, Math.min(FLAT_CHUNK, a.size - first));
    }
    return a;
  });
  backend.withScratch(4 * table.length, (rows) => {
    new Int32Array(backend.heap.memory.buffer, rows, table.length).set(table);
    backend.kernels.run(Op.AccumulateAll, table.length / 3, [rows]);
  });
  return sums;
}

/** Someone else may hold the same values (a reshape, a clone): then in place would change theirs too. */
const isOwn = (backend: WasmBackend, { dtype, dataId }: tf.Tensor): boolean =>
  dtype === 'float32' && backend.refCount(dataId) === 1;

function squaredNorm(backend: WasmBackend, tensors: readonly tf.Tensor[]): number {
  const table: number[] = [];
  for (const tensor of tensors) {
    const at = backend.address(tensor);
    for (let first = 0; first < tensor.size; first += FLAT_CHUNK) {
      table.push(at + 4 * first, Math.min(FLAT_CHUNK, tensor.size - first));
    }
  }
  const chunks = table.length / 2;
  return backend.withScratch(16 * chunks, (partial) => {
    const rows = partial + 8 * chunks;
    new Int32Array(backend.heap.memory.buffer, rows, table.length).set(table);
    backend.kernels.run(Op.SquaredNorm, chunks, [rows, partial]);
    let [sum, next] = [0, partial];
    for (const { size } of tensors) {
      sum += doubleSum(backend, next, flatChunks(size));
      next += 8 * flatChunks(size);
    }
    return sum;
  });
}

/** Address of a variable's values, which are made its own first if they are shared. */
function ownAddress(backend: WasmBackend, variable: tf.TensorInfo): number {
  if (variable instanceof tf.Variable && backend.refCount(variable.dataId) !== 1) {
    const fresh = tf.mul(variable, 1);
    variable.assign(fresh);
    fresh.dispose();
  }
  return backend.address(variable);
}

/** An entry whose tensors are this backend's, tfjs's own or not. */
type PlacedEntry = Pick<AdamwEntry, 'step' | 'decay'> &
  Readonly<Record<'value' | 'grad' | 'm' | 'v', tf.TensorInfo>>;

export function adamw(
  backend: WasmBackend,
  entries: readonly PlacedEntry[],
  options: AdamwOptions,
): void {
  const { learningRate, beta1, beta2, epsilon, gradScale } = options;
  const addresses: number[] = [];
  const factors: number[] = [];
  for (const { value, grad, m, v, step, decay } of entries) {
    const size = tf.util.sizeFromShape(value.shape);
    if (tf.util.sizeFromShape(grad.shape) !== size) {
      const name = value instanceof tf.Variable ? value.name : 'a parameter';
      throw new Error(`adamwStep: gradient of ${name} does not fit it`);
    }
    const places = [
      ownAddress(backend, value),
      backend.address(grad),
      ownAddress(backend, m),
      ownAddress(backend, v),
    ];
    const own = [
      learningRate / (1 - beta1 ** step),
      1 / Math.sqrt(1 - beta2 ** step),
      1 - learningRate * decay,
    ];
    for (let first = 0; first < size; first += FLAT_CHUNK) {
      addresses.push(...places.map((at) => at + 4 * first), Math.min(FLAT_CHUNK, size - first));
      factors.push(...own);
    }
  }
  const { buffer } = backend.heap.memory;
  backend.withScratch(4 * (addresses.length + factors.length), (table) => {
    const second = table + 4 * addresses.length;
    new Int32Array(buffer, table, addresses.length).set(addresses);
    new Float32Array(buffer, second, factors.length).set(factors);
    backend.kernels.run(
      Op.Adamw,
      addresses.length / 5,
      [table, second],
      [beta1, beta2, epsilon, gradScale, 1 - beta1, 1 - beta2],
    );
  });
}
