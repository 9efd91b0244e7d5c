/** tfjs's kernels that only move entries: one strided copy serves all of them. */
import * as tf from '@tensorflow/tfjs-core';
import type { WasmBackend } from './backend';
import { copyStrided, stridesOf, type Axis } from './jobs';
import { override, type Call } from './override';

const isFourBytes = (t: tf.TensorInfo) => t.dtype === 'float32' || t.dtype === 'int32';

export function registerMoveKernels(): void {
  override('Transpose', transpose);
  override('Slice', slice);
  override('SplitV', split);
  override('Concat', concat);
  override('PadV2', pad);
}

function transpose({ inputs, attrs, backend }: Call): tf.TensorInfo | undefined {
  const x = inputs['x']!;
  if (!isFourBytes(x)) return undefined;
  const perm = attrs['perm'] as number[];
  const shape = perm.map((axis) => x.shape[axis]!);
  const strides = stridesOf(x.shape);
  const out = backend.output(shape, x.dtype as 'float32');
  const dense = stridesOf(shape);
  const axes = perm.map((axis, i) => ({ size: shape[i]!, from: strides[axis]!, to: dense[i]! }));
  const dtype = x.dtype as 'float32';
  copyStrided(backend, backend.address(x, dtype), backend.address(out, dtype), axes);
  return out;
}

/** Copies a box of `size` between arrays of these shapes, from and to these corners. */
function copyBox(
  backend: WasmBackend,
  from: { info: tf.TensorInfo; corner: readonly number[] },
  to: { info: tf.TensorInfo; corner: readonly number[] },
  size: readonly number[],
): void {
  const dtype = from.info.dtype as 'float32';
  const [own, other] = [stridesOf(from.info.shape), stridesOf(to.info.shape)];
  const offset = (corner: readonly number[], strides: number[]) =>
    4 * corner.reduce((total, start, i) => total + start * strides[i]!, 0);
  const axes: Axis[] = size.map((n, i) => ({ size: n, from: own[i]!, to: other[i]! }));
  const start = backend.address(from.info, dtype) + offset(from.corner, own);
  copyStrided(backend, start, backend.address(to.info, dtype) + offset(to.corner, other), axes);
}

function cutOut(
  backend: WasmBackend,
  x: tf.TensorInfo,
  begin: readonly number[],
  size: readonly number[],
): tf.TensorInfo {
  const out = backend.output(size, x.dtype as 'float32');
  copyBox(backend, { info: x, corner: begin }, { info: out, corner: size.map(() => 0) }, size);
  return out;
}

function slice({ inputs, attrs, backend }: Call): tf.TensorInfo | undefined {
  const x = inputs['x']!;
  if (!isFourBytes(x)) return undefined;
  const { begin, size } = attrs as { begin: number | number[]; size: number | number[] };
  const [from, sizes] = tf.slice_util.parseSliceParams(x, begin, size);
  tf.slice_util.assertParamsValid(x, from as number[], sizes as number[]);
  return cutOut(backend, x, from as number[], sizes as number[]);
}

function split({ inputs, attrs, backend }: Call): tf.TensorInfo[] | undefined {
  const x = inputs['x']!;
  if (!isFourBytes(x)) return undefined;
  const { numOrSizeSplits, axis } = attrs as { numOrSizeSplits: number | number[]; axis: number };
  const along = tf.util.parseAxisParam(axis, x.shape)[0]!;
  const sizes = tf.backend_util.prepareSplitSize(x, numOrSizeSplits, along);
  const begin = x.shape.map(() => 0);
  return sizes.map((size) => {
    const part = cutOut(
      backend,
      x,
      begin,
      x.shape.map((n, i) => (i === along ? size : n)),
    );
    begin[along]! += size;
    return part;
  });
}

function concat({ inputs, attrs, backend }: Call): tf.TensorInfo | undefined {
  const parts = Object.values(inputs);
  const first = parts[0]!;
  if (!isFourBytes(first) || parts.some((part) => part.dtype !== first.dtype)) return undefined;
  const axis = tf.util.parseAxisParam(attrs['axis'] as number, first.shape)[0]!;
  const total = parts.reduce((length, part) => length + part.shape[axis]!, 0);
  const out = backend.output(
    first.shape.map((n, i) => (i === axis ? total : n)),
    first.dtype as 'float32',
  );
  const corner = first.shape.map(() => 0);
  for (const part of parts) {
    const from = { info: part, corner: part.shape.map(() => 0) };
    copyBox(backend, from, { info: out, corner }, part.shape);
    corner[axis]! += part.shape[axis]!;
  }
  return out;
}

function pad({ inputs, attrs, backend }: Call): tf.TensorInfo | undefined {
  const x = inputs['x']!;
  if (!isFourBytes(x)) return undefined;
  const { paddings, constantValue } = attrs as {
    paddings: [number, number][];
    constantValue: number;
  };
  const shape = x.shape.map((n, i) => n + paddings[i]![0] + paddings[i]![1]);
  const out = backend.output(shape, x.dtype as 'float32');
  backend.view(out).fill(constantValue);
  const from = { info: x, corner: x.shape.map(() => 0) };
  copyBox(backend, from, { info: out, corner: paddings.map(([before]) => before) }, x.shape);
  return out;
}
