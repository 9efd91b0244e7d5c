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
import type { Updated } from './updateKernels';

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

  adamw(
    backend: TensorflowBackend,
    entries: readonly AdamwEntry[],
    options: AdamwOptions,
  ): Updated[] {
    const copies = entries.map(({ value, grad, m, v, step, decay }) => {
      const [own, gradient, first, second] = [value, grad, m, v].map((x) => this.copy(backend, x));
      return { value: own!, grad: gradient!, m: first!, v: second!, step, decay };
    });
    try {
      adamw(this.wasm, copies, options);
      return copies.map(({ value, m, v }) => ({
        value: this.taken(backend, value),
        m: this.taken(backend, m),
        v: this.taken(backend, v),
      }));
    } finally {
      for (const { value, grad, m, v } of copies) {
        for (const { dataId } of [value, grad, m, v]) this.wasm.disposeData(dataId);
      }
    }
  }

  private copy(backend: TensorflowBackend, x: Info): Info {
    const { dataId, shape, dtype } = x;
    return { dataId: this.wasm.write(backend.readSync(dataId), shape, dtype), shape, dtype };
  }

  private taken(backend: TensorflowBackend, { dataId, shape }: Info): Info {
    return backend.tensor(this.wasm.readSync(dataId) as Float32Array, shape);
  }

  private byCopy(
    backend: TensorflowBackend,
    inputs: readonly Info[],
    kernel: (call: FusedCall) => Info[],
  ): Info[] {
    const { wasm } = this;
    const given = inputs.map((input) => this.copy(backend, input));
    const made: Info[] = [];
    try {
      const call = { inputs: Object.fromEntries(given.entries()), attrs: {}, backend: wasm };
      made.push(...kernel(call));
      return made.map((info) => this.taken(backend, info));
    } finally {
      for (const { dataId } of [...given, ...made]) wasm.disposeData(dataId);
    }
  }

  dispose(): void {
    this.wasm.dispose();
  }
}
