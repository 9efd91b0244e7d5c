/**
 * A tfjs backend whose tensors are TensorFlow's, by number (`binding.ts`). Values from outside become a tensor when an op
 * first asks for them. Bytes are counted by the buffers that TensorFlow holds: a reshape shares its own with its source.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { MadeTensor, OpAttribute, TensorflowBinding } from './binding';
import { opFailed, overLimit } from './failures';
import type { HostKernels } from './hostKernels';

/** The name under which tfjs knows this backend. */
export const BACKEND_NAME = 'manticore-tensorflow';

type Values = Float32Array | Int32Array | Uint8Array;

interface Buffer {
  readonly bytes: number;
  users: number;
}

interface TensorRecord {
  /** −1 while the values wait. */
  id: number;
  values: Values | undefined;
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
  refCount: number;
  readonly buffer: Buffer;
}

export type Attributes = Record<string, boolean | number | string | readonly number[] | TypeName>;

/** An attribute that names a type. */
export interface TypeName {
  readonly type: tf.DataType;
}

/** Small constants (axes, shapes, factors) that ops ask for again and again stay with TensorFlow, up to so many. */
const MOST_CONSTANTS = 2048;

/** More of tables than this is not kept for the next kernel. */
const MOST_TABLE_BYTES = 64 * 2 ** 20;

export interface Table {
  readonly values: Values;
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
}

export class TensorflowBackend extends tf.KernelBackend {
  /** Bytes of tensors in use. */
  inUse = 0;
  peak = 0;
  private readonly records: tf.DataStorage<TensorRecord>;
  private readonly live = new Set<TensorRecord>();
  private readonly constants = new Map<string, number>();
  private readonly tables = new Map<string, tf.TensorInfo>();
  private tableBytes = 0;
  /** What kernels made inside of `scope`, innermost last. */
  private readonly scopes: tf.TensorInfo[][] = [];

  constructor(
    private readonly binding: TensorflowBinding,
    private readonly limit = Infinity,
    /** Kernels of ours on this machine's processor; absent where tensors lie on a GPU. */
    readonly host?: HostKernels,
  ) {
    super();
    this.records = new tf.DataStorage<TensorRecord>(this, tf.engine());
  }

  get isGpu(): boolean {
    return this.binding.isUsingGpuDevice();
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
    const own = copied(values, dtype);
    this.store(dataId, { id: -1, values: own, shape, dtype, refCount, buffer: this.take(own) });
  }

  override read(dataId: object): Promise<tf.BackendValues> {
    // Executor, not async: what it throws rejects.
    return new Promise((resolve) => resolve(this.readSync(dataId)));
  }

  override readSync(dataId: object): Values {
    const { id, values } = this.records.get(dataId);
    if (values) return values.slice();
    try {
      return this.binding.tensorDataSync(id);
    } catch (error) {
      throw opFailed('reading a tensor', error, this.inUse);
    }
  }

  override disposeData(dataId: object, force = false): boolean {
    if (!this.records.has(dataId)) return true;
    const record = this.records.get(dataId);
    record.refCount--;
    if (!force && record.refCount > 0) return false;
    this.records.delete(dataId);
    this.release(record);
    return true;
  }

  private release(record: TensorRecord): void {
    this.live.delete(record);
    if (record.id >= 0) this.binding.deleteTensor(record.id);
    if (--record.buffer.users === 0) this.inUse -= record.buffer.bytes;
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
    this.dropConstants();
    this.tables.clear();
    this.host?.dispose();
  }

  // What kernels ask for.

  /**
   * A table that kernels of one shape need again and again (a mask, angles), made once. It is not the caller's to free, and
   * does not count as in use.
   */
  cached(key: string, make: () => Table): tf.TensorInfo {
    const known = this.tables.get(key);
    if (known) return known;
    const { values, shape, dtype } = make();
    const info = { dataId: {}, shape: [...shape], dtype };
    const buffer = { bytes: 0, users: 1 };
    this.store(info.dataId, { id: -1, values, shape, dtype, refCount: 1, buffer });
    this.tables.set(key, info);
    this.tableBytes += values.byteLength;
    return info;
  }

  private dropTables(): void {
    for (const { dataId } of this.tables.values()) this.disposeData(dataId);
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
    attributes: Attributes = {},
    outputs: number,
  ): tf.TensorInfo[] {
    // Not later: an id that this op already holds must not go.
    if (this.constants.size >= MOST_CONSTANTS) this.dropConstants();
    const ids = inputs.map((input) => this.idOf(input));
    const given = Object.entries(attributes).map(([key, value]) => this.attribute(key, value));
    return this.execute(name, given, ids, outputs).map(({ id, shape, dtype }) => {
      const type = this.dtypeOf(dtype);
      const buffer = this.takeBytes(bytesOf(shape, type), () => this.binding.deleteTensor(id));
      return this.made({ id, values: undefined, shape, dtype: type, refCount: 1, buffer });
    });
  }

  /** The same values under another shape, sharing them. */
  reshape(x: tf.TensorInfo, shape: readonly number[]): tf.TensorInfo {
    const [{ id }] = this.execute('Reshape', [], [this.idOf(x), this.idOf(shape)], 1) as [
      MadeTensor,
    ];
    const { buffer, dtype } = this.records.get(x.dataId);
    buffer.users++;
    return this.made({ id, values: undefined, shape: [...shape], dtype, refCount: 1, buffer });
  }

  /** A tensor of values that a kernel made; they are its own from here. */
  tensor(values: Values, shape: readonly number[], dtype: tf.DataType = 'float32'): tf.TensorInfo {
    return this.made({ id: -1, values, shape, dtype, refCount: 1, buffer: this.take(values) });
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

  private execute(
    name: string,
    attributes: readonly OpAttribute[],
    ids: readonly number[],
    outputs: number,
  ): MadeTensor[] {
    try {
      return this.binding.executeOp(name, attributes, ids, outputs);
    } catch (error) {
      throw opFailed(name, error, this.inUse);
    }
  }

  private made(record: TensorRecord): tf.TensorInfo {
    const info = { dataId: {}, shape: [...record.shape], dtype: record.dtype };
    this.store(info.dataId, record);
    this.scopes.at(-1)?.push(info);
    return info;
  }

  private store(dataId: object, record: TensorRecord): void {
    this.records.set(dataId, record);
    this.live.add(record);
  }

  private take(values: Values): Buffer {
    return this.takeBytes(values.byteLength, () => undefined);
  }

  private takeBytes(bytes: number, undo: () => void): Buffer {
    if (this.inUse + bytes > this.limit) {
      undo();
      throw overLimit(bytes, this.inUse, this.limit);
    }
    this.inUse += bytes;
    this.peak = Math.max(this.peak, this.inUse);
    return { bytes, users: 1 };
  }

  private idOf(input: Operand): number {
    if (typeof input === 'number') return this.scalar(Float32Array.of(input));
    if (isList(input)) return this.constant(`i${input.length}:${input.join()}`, input);
    if (!('dataId' in input)) return this.constant(`s${input.int}`, Int32Array.of(input.int));
    const record = this.records.get(input.dataId);
    if (record.values) {
      const { values, shape, dtype } = record;
      if (values instanceof Float32Array && shape.length === 0) return this.scalar(values);
      record.id = this.create(shape, dtype, values);
      record.values = undefined;
    }
    return record.id;
  }

  /** The same factors come back every step; a device would wait for each to be copied. */
  private scalar(values: Float32Array): number {
    return this.constant(`f${Object.is(values[0], -0) ? '-0' : values[0]!}`, values);
  }

  private constant(key: string, values: Values | readonly number[]): number {
    const known = this.constants.get(key);
    if (known !== undefined) return known;
    const id =
      values instanceof Float32Array
        ? this.create([], 'float32', values)
        : this.create(key.startsWith('s') ? [] : [values.length], 'int32', Int32Array.from(values));
    this.constants.set(key, id);
    return id;
  }

  private dropConstants(): void {
    for (const id of this.constants.values()) this.binding.deleteTensor(id);
    this.constants.clear();
  }

  private create(shape: readonly number[], dtype: tf.DataType, values: Values): number {
    try {
      return this.binding.createTensor(shape, this.typeOf(dtype), values);
    } catch (error) {
      throw opFailed('copying to TensorFlow', error, this.inUse);
    }
  }

  private attribute(name: string, value: Attributes[string]): OpAttribute {
    const { TF_ATTR_BOOL, TF_ATTR_INT, TF_ATTR_STRING, TF_ATTR_TYPE } = this.binding;
    if (typeof value === 'boolean') return { name, type: TF_ATTR_BOOL, value };
    if (typeof value === 'string') return { name, type: TF_ATTR_STRING, value };
    if (typeof value === 'number' || 'length' in value) return { name, type: TF_ATTR_INT, value };
    return { name, type: TF_ATTR_TYPE, value: this.typeOf(value.type) };
  }

  private typeOf(dtype: tf.DataType): number {
    switch (dtype) {
      case 'float32':
        return this.binding.TF_FLOAT;
      case 'int32':
        return this.binding.TF_INT32;
      case 'bool':
        return this.binding.TF_BOOL;
      case 'complex64':
      case 'string':
        throw new Error(`the tensorflow engine has no tensors of ${dtype}`);
    }
  }

  private dtypeOf(type: number): tf.DataType {
    const { TF_FLOAT, TF_INT32, TF_BOOL } = this.binding;
    if (type === TF_FLOAT) return 'float32';
    if (type === TF_INT32) return 'int32';
    if (type === TF_BOOL) return 'bool';
    throw new Error(`TensorFlow made a tensor of type ${type}`);
  }
}

/** An input of an op: a tensor; a list of int32; one float32, or one int32. */
export type Operand = tf.TensorInfo | readonly number[] | number | { readonly int: number };

const isList = (input: Operand): input is readonly number[] => Array.isArray(input);

function bytesOf(shape: readonly number[], dtype: tf.DataType): number {
  return tf.util.sizeFromShape([...shape]) * tf.util.bytesPerElement(dtype);
}

function copied(values: tf.BackendValues, dtype: tf.DataType): Values {
  switch (dtype) {
    case 'float32':
      return new Float32Array(values as Float32Array);
    case 'int32':
      return new Int32Array(values as Int32Array);
    case 'bool':
      return new Uint8Array(values as Uint8Array);
    case 'complex64':
    case 'string':
      throw new Error(`the tensorflow engine has no tensors of ${dtype}`);
  }
}
