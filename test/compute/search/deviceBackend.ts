/**
 * A backend with what a GPU's has and lacks, on tfjs's CPU kernels: values come later and never synchronously, and there are
 * no kernels but those of tfjs's WebGPU backend. What runs here runs on one; its numbers are the oracle's, to the bit.
 */
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-webgpu/dist/register_all_kernels';
import * as tf from '@tensorflow/tfjs-core';

const NAME = 'test-device';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class DeviceBackend extends MathBackendCPU {
  /** Asynchronous reads so far. */
  reads = 0;
  /** Reads before one fails, as of a device that is lost. */
  readsLeft = Infinity;
  private kernels = 0;
  private reading = 0;

  /** Makes it tfjs's current backend. */
  static async open(): Promise<DeviceBackend> {
    const backend = new DeviceBackend();
    // tfjs's advice, on the terminal, to install another one.
    Object.assign(backend, { firstUse: false });
    tf.registerBackend(NAME, () => backend);
    const names = new Set(tf.getKernelsForBackend('webgpu').map(({ kernelName }) => kernelName));
    for (const { kernelName, kernelFunc } of tf.getKernelsForBackend('cpu')) {
      if (!names.has(kernelName)) continue;
      const run: tf.KernelFunc = (call) => backend.inKernel(() => kernelFunc(call));
      tf.registerKernel({ kernelName, backendName: NAME, kernelFunc: run });
    }
    await tf.setBackend(NAME);
    return backend;
  }

  static close(): void {
    for (const { kernelName } of tf.getKernelsForBackend(NAME))
      tf.unregisterKernel(kernelName, NAME);
    tf.removeBackend(NAME);
  }

  override readSync(dataId: object): tf.BackendValues {
    if (this.kernels === 0) throw new Error('this backend has no synchronous reads');
    return super.readSync(dataId);
  }

  /** The values as they are now, after other work of the process has had its turn. */
  override async read(dataId: object): Promise<tf.BackendValues> {
    this.reads += 1;
    const values = this.inKernel(() => super.readSync(dataId).slice()) as tf.BackendValues;
    this.reading += 1;
    await turn();
    this.reading -= 1;
    if (this.readsLeft-- <= 0) throw new Error('the device is lost');
    return values;
  }

  /** After every read under way has come to its end, and what waited for it has gone on. */
  async settled(): Promise<void> {
    while (this.reading > 0) await turn();
    await turn();
  }

  /** CPU kernels read their inputs by `readSync`. */
  private inKernel<T>(work: () => T): T {
    this.kernels += 1;
    try {
      return work();
    } finally {
      this.kernels -= 1;
    }
  }
}
