/**
 * Our WebAssembly kernels on tensors of TensorFlow's, by a copy there and back: on a processor a copy costs far less than the
 * many small ops that a recurrence is made of otherwise.
 */
import type * as tf from '@tensorflow/tfjs-core';
import type { FusedCall } from '../wasm/fusedKernels';
import { WasmBackend } from '../wasm/backend';
import { LARGEST_MEMORY } from '../wasm/heap';
import { scan, scanGrad } from '../wasm/sequenceKernels';
import type { Tier } from '../wasm/tiers';
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

  private byCopy(
    backend: TensorflowBackend,
    inputs: readonly Info[],
    kernel: (call: FusedCall) => Info[],
  ): Info[] {
    const { wasm } = this;
    const given = inputs.map(({ dataId, shape, dtype }) => ({
      dataId: wasm.write(backend.readSync(dataId), shape, dtype),
      ...{ shape, dtype },
    }));
    const made: Info[] = [];
    try {
      const call = { inputs: Object.fromEntries(given.entries()), attrs: {}, backend: wasm };
      made.push(...kernel(call));
      return made.map(({ dataId, shape }) =>
        backend.tensor(wasm.readSync(dataId) as Float32Array, shape),
      );
    } finally {
      for (const { dataId } of [...given, ...made]) wasm.disposeData(dataId);
    }
  }

  dispose(): void {
    this.wasm.dispose();
  }
}
