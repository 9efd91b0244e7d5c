/**
 * Our WebAssembly kernels on tensors of TensorFlow's, by a copy there and back: on a processor a copy costs far less than the
 * many small ops that a recurrence is made of otherwise.
 */
import type * as tf from '@tensorflow/tfjs-core';
import type { FusedCall } from '../wasm/fusedKernels';
import { WasmBackend } from '../wasm/backend';
import { LARGEST_MEMORY } from '../wasm/heap';
import { scan, scanGrad } from '../wasm/sequenceKernels';
import { adamw } from '../wasm/updateKernels';
import type { Tier } from '../wasm/tiers';
import type { AdamwEntry, AdamwOptions } from '../update';
import type { TensorflowBackend } from './backend';

type Info = tf.TensorInfo;

export class HostKernels {
  private readonly wasm: WasmBackend;

  constructor(threads: number, tier: Tier) {
    this.wasm = new WasmBackend({ threads, tier, memoryLimitBytes: LARGEST_MEMORY });
  }

  scan(backend: TensorflowBackend, inputs: readonly Info[]): Info[] {
    return this.byCopy(backend, inputs, scan);
  }

  scanGrad(backend: TensorflowBackend, inputs: readonly Info[]): Info[] {
    return this.byCopy(backend, inputs, scanGrad);
  }

  /** What the entries become: value, first and second moment of each in turn. */
  adamw(backend: TensorflowBackend, entries: readonly AdamwEntry[], options: AdamwOptions): Info[] {
    const copies: Info[] = [];
    const copy = (x: Info): Info => this.copy(backend, x, copies);
    try {
      const placed = entries.map(({ value, grad, m, v, step, decay }) => ({
        ...{ value: copy(value), grad: copy(grad), m: copy(m), v: copy(v) },
        ...{ step, decay },
      }));
      adamw(this.wasm, placed, options);
      return backend.scope(() =>
        placed.flatMap(({ value, m, v }) => [value, m, v].map((x) => this.taken(backend, x))),
      );
    } finally {
      this.free(copies);
    }
  }

  private byCopy(
    backend: TensorflowBackend,
    inputs: readonly Info[],
    kernel: (call: FusedCall) => Info[],
  ): Info[] {
    const copies: Info[] = [];
    try {
      const given = inputs.map((input) => this.copy(backend, input, copies));
      const call = { inputs: Object.fromEntries(given.entries()), attrs: {}, backend: this.wasm };
      const made = kernel(call);
      copies.push(...made);
      return made.map((info) => this.taken(backend, info));
    } finally {
      this.free(copies);
    }
  }

  /** A copy on the wasm backend, put on the list of what is to be freed there. */
  private copy(backend: TensorflowBackend, { dataId, shape, dtype }: Info, copies: Info[]): Info {
    const copied = {
      dataId: this.wasm.write(backend.readSync(dataId), shape, dtype),
      shape,
      dtype,
    };
    copies.push(copied);
    return copied;
  }

  private taken(backend: TensorflowBackend, { dataId, shape }: Info): Info {
    return backend.tensor(this.wasm.readSync(dataId) as Float32Array, shape);
  }

  private free(copies: readonly Info[]): void {
    for (const { dataId } of copies) this.wasm.disposeData(dataId);
  }

  dispose(): void {
    this.wasm.dispose();
  }
}
