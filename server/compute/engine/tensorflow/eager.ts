/**
 * TensorFlow's eager ops through its native module (`binding.ts`), on tensors by number: types by tfjs's names, errors by
 * `failures.ts`, and small constants that stay.
 */
import type * as tf from '@tensorflow/tfjs-core';
import type { OpAttribute, TensorflowBinding } from './binding';
import { opFailed } from './failures';

export type Values = Float32Array | Int32Array | Uint8Array;

/** An attribute that names a type. */
export interface TypeName {
  readonly type: tf.DataType;
}

export type Attributes = Record<string, boolean | number | string | readonly number[] | TypeName>;

/** A tensor of TensorFlow's. */
export interface Made {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
}

/** Small constants (axes, shapes, factors) that ops ask for again and again stay with TensorFlow, up to so many. */
const MOST_CONSTANTS = 2048;

export class Eager {
  private readonly constants = new Map<string, number>();

  constructor(
    readonly binding: TensorflowBinding,
    /** Bytes of tensors in use, for messages. */
    private readonly inUse: () => number,
  ) {}

  /** A tensor of these values, copied. */
  create(shape: readonly number[], dtype: tf.DataType, values: Values): number {
    return this.told('copying to TensorFlow', () =>
      this.binding.createTensor(shape, this.typeOf(dtype), values),
    );
  }

  /** A copy of its values. */
  read(id: number): Values {
    return this.told('reading a tensor', () => this.binding.tensorDataSync(id));
  }

  delete(id: number): void {
    this.binding.deleteTensor(id);
  }

  /** Runs an op. Type attributes of inputs that are no lists it infers by itself. */
  execute(
    name: string,
    ids: readonly number[],
    attributes: Attributes = {},
    outputs = 1,
  ): readonly Made[] {
    const given = Object.entries(attributes).map(([key, value]) => this.attribute(key, value));
    const made = this.told(name, () => this.binding.executeOp(name, given, ids, outputs));
    try {
      return made.map(({ id, shape, dtype }) => ({ id, shape, dtype: this.dtypeOf(dtype, name) }));
    } catch (error) {
      for (const { id } of made) this.delete(id);
      throw error;
    }
  }

  /** The same values under another shape, which they share. */
  reshape(id: number, shape: readonly number[]): number {
    return this.execute('Reshape', [id, this.list(shape)])[0]!.id;
  }

  /** One float32. The same factors come back every step; a device would wait for each to be copied. */
  scalar(value: number): number {
    const key = `f${Object.is(value, -0) ? '-0' : value}`;
    return this.constant(key, () => this.create([], 'float32', Float32Array.of(value)));
  }

  /** One int32. */
  integer(value: number): number {
    return this.constant(`s${value}`, () => this.create([], 'int32', Int32Array.of(value)));
  }

  /** A list of int32. */
  list(values: readonly number[]): number {
    return this.constant(`i${values.length}:${values.join()}`, () =>
      this.create([values.length], 'int32', Int32Array.from(values)),
    );
  }

  /** Makes room for constants. Not while an op is given its inputs: an id that it already holds must not go. */
  trimConstants(): void {
    if (this.constants.size >= MOST_CONSTANTS) this.dropConstants();
  }

  dropConstants(): void {
    for (const id of this.constants.values()) this.delete(id);
    this.constants.clear();
  }

  private constant(key: string, make: () => number): number {
    const known = this.constants.get(key);
    if (known !== undefined) return known;
    const id = make();
    this.constants.set(key, id);
    return id;
  }

  private told<T>(what: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw opFailed(what, error, this.inUse());
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
        throw noTensorsOf(dtype);
    }
  }

  private dtypeOf(type: number, op: string): tf.DataType {
    const { TF_FLOAT, TF_INT32, TF_BOOL } = this.binding;
    if (type === TF_FLOAT) return 'float32';
    if (type === TF_INT32) return 'int32';
    if (type === TF_BOOL) return 'bool';
    throw new Error(`${op}: TensorFlow made a tensor of type ${type}`);
  }
}

const noTensorsOf = (dtype: tf.DataType): Error =>
  new Error(`the tensorflow engine has no tensors of ${dtype}`);

/** Values from outside as this engine has them. */
export function copied(values: tf.BackendValues, dtype: tf.DataType): Values {
  switch (dtype) {
    case 'float32':
      return new Float32Array(values as Float32Array);
    case 'int32':
      return new Int32Array(values as Int32Array);
    case 'bool':
      return new Uint8Array(values as Uint8Array);
    case 'complex64':
    case 'string':
      throw noTensorsOf(dtype);
  }
}
