/**
 * A tfjs backend whose tensors are TensorFlow's. Values from outside become one when an op first asks for them. A reshape is
 * another shape for the same tensor: TensorFlow's own is called only when an op takes it in that shape, and once for each.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { TensorflowBinding } from './binding';
import { copied, Eager, type Attributes, type Values } from './eager';
import { overLimit } from './failures';
import type { HostKernels } from './hostKernels';

/** The name under which tfjs knows this backend. */
export const BACKEND_NAME = 'manticore-tensorflow';

interface TensorRecord {
  /** `undefined` while the values wait. */
  id: number | undefined;
  values: Values | undefined;
  /** That of `id`. */
  shape: readonly number[];
  readonly dtype: tf.DataType;
  /** The same values under other shapes. */
  readonly views: Map<string, number>;
  readonly bytes: number;
  refCount: number;
}

/** An input of an op: a tensor; a list of int32; one float32, or one int32. */
export type Operand = tf.TensorInfo | readonly number[] | number | { readonly int: number };

/** More of tables than this is not kept for the next kernel. */
const MOST_TABLE_BYTES = 64 * 2 ** 20;

export interface Table {
  readonly values: Values;
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
}

export class TensorflowBackend extends tf.KernelBackend {
  /** Bytes of tensors in use, tables too. */
  inUse = 0;
  peak = 0;
  private readonly eager: Eager;
  private readonly records: tf.DataStorage<TensorRecord>;
  private readonly live = new Set<TensorRecord>();
  private readonly tables = new Map<string, tf.TensorInfo>();
  private tableBytes = 0;
  /** What kernels made inside of `scope`, innermost last. */
  private readonly scopes: tf.TensorInfo[][] = [];

  constructor(
    binding: TensorflowBinding,
    private readonly limit = Infinity,
    /** Kernels of ours on this machine's processor; absent where tensors lie on a GPU. */
    readonly host?: HostKernels,
  ) {
    super();
    this.eager = new Eager(binding, () => this.inUse);
    this.records = new tf.DataStorage<TensorRecord>(this, tf.engine());
  }

  // What tfjs asks of a backend.

  /** Takes values from outside, which the caller keeps: copied. */
  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): object {
    const dataId = {};
    this.move(dataId, values, shape, dtype, 1);
    return dataId;
  }

  override move(
    dataId: object,
    values: tf.BackendValues,
    shape: number[],
    dtype: tf.DataType,
    refCount: number,
  ): void {
    this.storeValues(dataId, copied(values, dtype), shape, dtype, refCount);
  }

  override read(dataId: object): Promise<tf.BackendValues> {
    // Executor, not async: what it throws rejects.
    return new Promise((resolve) => resolve(this.readSync(dataId)));
  }

  override readSync(dataId: object): Values {
    const { id, values } = this.records.get(dataId);
    return values ? values.slice() : this.eager.read(id!);
  }

  /** Values that wait for an op to ask for them; `undefined` once they lie with TensorFlow. Not the caller's to change. */
  waitingValues(dataId: object): Values | undefined {
    return this.records.get(dataId).values;
  }

  override disposeData(dataId: object, force = false): boolean {
    if (!this.records.has(dataId)) return true;
    const record = this.records.get(dataId);
    record.refCount--;
    if (!force && record.refCount > 0) return false;
    this.records.delete(dataId);
    this.release(record);
    // An engine that holds nothing else holds no tables.
    if (this.scopes.length === 0 && this.live.size === this.tables.size) this.dropTables();
    return true;
  }

  private release(record: TensorRecord): void {
    this.live.delete(record);
    for (const id of record.views.values()) this.eager.delete(id);
    if (record.id !== undefined) this.eager.delete(record.id);
    this.inUse -= record.bytes;
  }

  override refCount(dataId: object): number {
    return this.records.has(dataId) ? this.records.get(dataId).refCount : 0;
  }

  override incRef(dataId: object): void {
    this.records.get(dataId).refCount++;
  }

  override numDataIds(): number {
    return this.records.numDataIds();
  }

  override memory(): { unreliable: boolean; reasons: string[] } {
    return { unreliable: false, reasons: [] };
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override timerAvailable(): boolean {
    return false;
  }

  override dispose(): void {
    for (const record of [...this.live]) this.release(record);
    this.tables.clear();
    this.eager.dropConstants();
    this.host?.dispose();
  }

  // What kernels ask for.

  /** A table that kernels of one shape need again and again (a mask, angles), made once. It is not the caller's to free. */
  cached(key: string, make: () => Table): tf.TensorInfo {
    const known = this.tables.get(key);
    if (known) return known;
    const { values, shape, dtype } = make();
    const info = { dataId: {}, shape: [...shape], dtype };
    this.storeValues(info.dataId, values, shape, dtype, 1);
    this.tables.set(key, info);
    this.tableBytes += values.byteLength;
    return info;
  }

  private dropTables(): void {
    for (const { dataId } of this.tables.values()) {
      this.release(this.records.get(dataId));
      this.records.delete(dataId);
    }
    this.tables.clear();
    this.tableBytes = 0;
  }

  /** Runs an op of TensorFlow with one output. */
  run(name: string, inputs: readonly Operand[], attributes?: Attributes): tf.TensorInfo {
    return this.runMany(name, inputs, attributes, 1)[0]!;
  }

  /** Runs an op of TensorFlow. Type attributes of inputs that are no lists it infers by itself. */
  runMany(
    name: string,
    inputs: readonly Operand[],
    attributes: Attributes | undefined,
    outputs: number,
  ): tf.TensorInfo[] {
    this.eager.trimConstants();
    const ids = inputs.map((input) => this.idOf(input));
    const made = this.eager.execute(name, ids, attributes, outputs);
    const sizes = made.map(({ shape, dtype }) => bytesOf(shape, dtype));
    try {
      this.take(sizes.reduce((sum, bytes) => sum + bytes, 0));
    } catch (error) {
      for (const { id } of made) this.eager.delete(id);
      throw error;
    }
    return made.map(({ id, shape, dtype }, i) => {
      const views = new Map<string, number>();
      const dataId = {};
      const bytes = sizes[i]!;
      this.store(dataId, { id, values: undefined, shape, dtype, views, bytes, refCount: 1 });
      return this.handedOut({ dataId, shape: [...shape], dtype });
    });
  }

  /** The same values under another shape, which they share. */
  reshape({ dataId, dtype }: tf.TensorInfo, shape: readonly number[]): tf.TensorInfo {
    this.incRef(dataId);
    return this.handedOut({ dataId, shape: [...shape], dtype });
  }

  /** A tensor of values that a kernel made; they are its own from here. */
  tensor(values: Values, shape: readonly number[], dtype: tf.DataType = 'float32'): tf.TensorInfo {
    const dataId = {};
    this.storeValues(dataId, values, shape, dtype, 1);
    return this.handedOut({ dataId, shape: [...shape], dtype });
  }

  /** Frees what `f` makes but for what it gives back. */
  scope<T extends tf.TensorInfo | tf.TensorInfo[]>(f: () => T): T {
    // Not later: a table that this kernel holds must not go.
    if (this.scopes.length === 0 && this.tableBytes > MOST_TABLE_BYTES) this.dropTables();
    const mine: tf.TensorInfo[] = [];
    this.scopes.push(mine);
    let result: T | undefined;
    try {
      result = f();
      return result;
    } finally {
      this.scopes.pop();
      const kept = new Set(result === undefined ? [] : Array.isArray(result) ? result : [result]);
      for (const info of mine) {
        if (kept.has(info)) this.scopes.at(-1)?.push(info);
        else this.disposeData(info.dataId);
      }
    }
  }

  private handedOut(info: tf.TensorInfo): tf.TensorInfo {
    this.scopes.at(-1)?.push(info);
    return info;
  }

  private storeValues(
    dataId: object,
    values: Values,
    shape: readonly number[],
    dtype: tf.DataType,
    refCount: number,
  ): void {
    const bytes = values.byteLength;
    this.take(bytes);
    const views = new Map<string, number>();
    this.store(dataId, { id: undefined, values, shape, dtype, views, bytes, refCount });
  }

  private store(dataId: object, record: TensorRecord): void {
    this.records.set(dataId, record);
    this.live.add(record);
  }

  /** @throws EngineError `out-of-memory`, with nothing counted */
  private take(bytes: number): void {
    if (this.inUse + bytes > this.limit) throw overLimit(bytes, this.inUse, this.limit);
    this.inUse += bytes;
    this.peak = Math.max(this.peak, this.inUse);
  }

  private idOf(input: Operand): number {
    if (typeof input === 'number') return this.eager.scalar(input);
    if (isList(input)) return this.eager.list(input);
    if (!('dataId' in input)) return this.eager.integer(input.int);
    const record = this.records.get(input.dataId);
    const { values } = record;
    if (values) {
      if (values instanceof Float32Array && input.shape.length === 0) {
        return this.eager.scalar(values[0]!);
      }
      record.id = this.eager.create(input.shape, record.dtype, values);
      record.shape = [...input.shape];
      record.values = undefined;
    }
    return sameShape(input.shape, record.shape) ? record.id! : this.viewOf(record, input.shape);
  }

  private viewOf(record: TensorRecord, shape: readonly number[]): number {
    const key = shape.join();
    const known = record.views.get(key);
    if (known !== undefined) return known;
    const id = this.eager.reshape(record.id!, shape);
    record.views.set(key, id);
    return id;
  }
}

const isList = (input: Operand): input is readonly number[] => Array.isArray(input);

const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, axis) => size === b[axis]);

const bytesOf = (shape: readonly number[], dtype: tf.DataType): number =>
  tf.util.sizeFromShape([...shape]) * tf.util.bytesPerElement(dtype);
