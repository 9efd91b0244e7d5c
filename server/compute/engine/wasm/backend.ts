/**
 * tfjs's CPU backend with its tensors in the kernels' memory. Kernels that are not ours are tfjs's own CPU kernels,
 * which read `values`: a view on the memory, made when first asked for. What they return stays a plain array until one
 * of our kernels asks for its address.
 */
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { Heap } from './heap';
import { KernelModule } from './module';
import { Records } from './records';
import type { Tier } from './tiers';

/** The name under which tfjs knows this backend. */
export const BACKEND_NAME = 'manticore-wasm';

type Numbers = Float32Array | Int32Array;

/** What the backend stores for a tensor; the shape of tfjs's own `TensorData`. */
class TensorRecord {
  refCount = 1;
  readonly dtype: tf.DataType;
  /** 0 while the values are a plain array. */
  address = 0;
  count = 0;
  complexTensorInfos?: { real: tf.TensorInfo; imag: tf.TensorInfo };
  private readonly heap: Heap;
  private plain: tf.BackendValues | undefined;

  constructor(heap: Heap, dtype: tf.DataType, values: tf.BackendValues | undefined, count: number) {
    this.heap = heap;
    this.dtype = dtype;
    this.plain = values;
    this.count = count;
    if (!values) this.address = heap.allocate(4 * count);
  }

  get values(): tf.BackendValues {
    return (this.plain ??= this.view());
  }

  set values(values: tf.BackendValues) {
    this.release();
    this.plain = values;
    this.count = values.length;
  }

  view(): Numbers {
    const { buffer } = this.heap.memory;
    return this.dtype === 'int32'
      ? new Int32Array(buffer, this.address, this.count)
      : new Float32Array(buffer, this.address, this.count);
  }

  /** Moves a plain array into the memory. */
  place(): number {
    if (this.address === 0) {
      const { values } = this;
      this.address = this.heap.allocate(4 * this.count);
      this.plain = this.view();
      this.plain.set(values as Numbers);
    }
    return this.address;
  }

  release(): void {
    if (this.address !== 0) this.heap.release(this.address, 4 * this.count);
    this.address = 0;
    this.plain = undefined;
  }
}

const isNumeric = (dtype: tf.DataType) => dtype === 'float32' || dtype === 'int32';

export class WasmBackend extends MathBackendCPU {
  readonly heap: Heap;
  readonly kernels: KernelModule;

  constructor(options: { threads: number; memoryLimitBytes: number; tier: Tier }) {
    super();
    this.data = new Records(this);
    this.heap = new Heap(options.threads, options.memoryLimitBytes);
    this.kernels = new KernelModule(this.heap, options.threads, options.tier);
  }

  /** Takes values from outside, which the caller keeps: copied. */
  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): object {
    const dataId = {};
    const record = isNumeric(dtype)
      ? new TensorRecord(this.heap, dtype, undefined, tf.util.sizeFromShape(shape))
      : new TensorRecord(this.heap, dtype, copied(values), values.length);
    if (isNumeric(dtype)) (record.values as Numbers).set(values as Numbers);
    this.data.set(dataId, record);
    return dataId;
  }

  /** A kernel's output. Without values: room for them, whatever it held before. */
  override makeTensorInfo(
    shape: number[],
    dtype: tf.DataType,
    values?: tf.BackendValues | string[],
  ): tf.TensorInfo {
    if (dtype === 'string') return super.makeTensorInfo(shape, dtype, values);
    if (values === undefined && isNumeric(dtype)) return this.output(shape, dtype);
    const dataId = {};
    // Complex tensors get their parts afterwards; only what lies in our memory must not be shared.
    const given = (values ?? []) as tf.BackendValues;
    const own = this.isInMemory(given) ? copied(given) : given;
    this.data.set(dataId, new TensorRecord(this.heap, dtype, own, own.length));
    return { dataId, shape, dtype };
  }

  private isInMemory(values: tf.BackendValues): boolean {
    return ArrayBuffer.isView(values) && values.buffer === this.heap.memory.buffer;
  }

  override move(
    dataId: object,
    values: tf.BackendValues,
    _shape: number[],
    dtype: tf.DataType,
    refCount: number,
  ): void {
    const record = new TensorRecord(this.heap, dtype, copied(values), values.length);
    record.refCount = refCount;
    this.data.set(dataId, record);
  }

  override readSync(dataId: object): tf.BackendValues {
    const { dtype } = this.data.get(dataId);
    // Blocks are used again, so nobody outside may keep a view.
    return dtype === 'complex64' || dtype === 'string'
      ? super.readSync(dataId)
      : copied(this.data.get(dataId).values!);
  }

  override disposeData(dataId: object, force = false): boolean {
    if (!this.data.has(dataId)) return true;
    const record = this.record(dataId);
    const last = record.refCount <= 1;
    const freed = super.disposeData(dataId, force);
    if (force || last) record.release();
    return freed;
  }

  override dispose(): void {
    this.kernels.dispose();
  }

  override memory(): { unreliable: boolean; reasons: string[] } {
    return { unreliable: false, reasons: [] };
  }

  record(dataId: object): TensorRecord {
    return this.data.get(dataId) as unknown as TensorRecord;
  }

  /** A new tensor of a kernel of ours, not cleared. */
  output(shape: readonly number[], dtype: 'float32' | 'int32' = 'float32'): tf.TensorInfo {
    const dataId = {};
    const own = [...shape];
    this.data.set(
      dataId,
      new TensorRecord(this.heap, dtype, undefined, tf.util.sizeFromShape(own)),
    );
    return { dataId, shape: own, dtype };
  }

  /**
   * Room for a gradient where a tensor lies that nobody else holds: what the tape saved for this very gradient, or dy, both of
   * which are freed after it. For kernels that read an entry, or a row, before they write there. A new tensor where somebody
   * else holds the values, or they are a variable's, of which the tape takes no handle.
   */
  outputOver(tensor: tf.TensorInfo): tf.TensorInfo {
    const { dataId, shape, dtype } = tensor;
    const isHeld = this.refCount(dataId) !== 1 || tensor instanceof tf.Variable;
    if (dtype !== 'float32' || isHeld) return this.output(shape);
    this.record(dataId).place();
    this.incRef(dataId);
    return { dataId, shape: [...shape], dtype };
  }

  /** Address of a tensor's values. @throws Error when it holds another type */
  address(tensor: tf.TensorInfo, dtype: 'float32' | 'int32' = 'float32'): number {
    if (tensor.dtype !== dtype)
      throw new Error(`a ${dtype} tensor was expected, not ${tensor.dtype}`);
    return this.record(tensor.dataId).place();
  }

  /** The values themselves: not to be kept. */
  view(tensor: tf.TensorInfo): Numbers {
    this.record(tensor.dataId).place();
    return this.record(tensor.dataId).view();
  }

  /** Runs `use` with memory that is freed afterwards. */
  withScratch<T>(bytes: number, use: (address: number) => T): T {
    const address = this.heap.allocate(bytes);
    try {
      return use(address);
    } finally {
      this.heap.release(address, bytes);
    }
  }
}

function copied(values: tf.BackendValues): tf.BackendValues {
  if (values instanceof Float32Array) return new Float32Array(values);
  if (values instanceof Int32Array) return new Int32Array(values);
  if (values instanceof Uint8Array) return new Uint8Array(values);
  return values;
}
