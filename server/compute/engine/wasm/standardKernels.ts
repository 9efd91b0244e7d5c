/** tfjs's own kernels that a hybrid's training step calls often, on the kernels' memory. */
import * as tf from '@tensorflow/tfjs-core';
import { Binary, BroadcastMode, Op, Unary } from './assembly/opcodes';
import type { WasmBackend } from './backend';
import { columnSums, flatChunks, multiply, rowsAChunk, sizeOf } from './jobs';
import { registerMoveKernels } from './moveKernels';
import { override, type Call } from './override';

const isFloat = (...tensors: tf.TensorInfo[]) => tensors.every((t) => t.dtype === 'float32');

/** Registers them over tfjs's CPU kernels. */
export function registerStandardKernels(): void {
  const binary: [string, Binary, Binary][] = [
    ['Add', Binary.Add, Binary.Add],
    ['Sub', Binary.Subtract, Binary.ReverseSubtract],
    ['Multiply', Binary.Multiply, Binary.Multiply],
    ['RealDiv', Binary.Divide, Binary.ReverseDivide],
  ];
  for (const [name, kind, reversed] of binary) {
    override(name, ({ inputs, backend }) =>
      combine(backend, inputs['a']!, inputs['b']!, kind, reversed),
    );
  }
  const unary: [string, Unary][] = [
    ['Exp', Unary.Exp],
    ['Neg', Unary.Negate],
    ['Square', Unary.Square],
  ];
  for (const [name, kind] of unary) {
    override(name, ({ inputs, backend }) => {
      const x = inputs['x']!;
      if (!isFloat(x)) return undefined;
      const out = backend.output(x.shape);
      const count = sizeOf(x.shape);
      const addresses = [backend.address(x), backend.address(out)];
      backend.kernels.run(Op.Unary, flatChunks(count), [...addresses, count, kind]);
      return out;
    });
  }
  override('Sum', sum);
  override('Mean', mean);
  override('Softmax', softmax);
  override('BatchMatMul', batchMatMul);
  override('Cast', cast);
  registerMoveKernels();
}

function combine(
  backend: WasmBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  kind: Binary,
  reversed: Binary,
): tf.TensorInfo | undefined {
  if (!isFloat(a, b)) return undefined;
  const count = sizeOf(a.shape);
  if (tf.util.arraysEqual(a.shape, b.shape)) {
    const out = backend.output(a.shape);
    const addresses = [backend.address(a), backend.address(b), backend.address(out)];
    backend.kernels.run(Op.ElementwiseBinary, flatChunks(count), [...addresses, count, kind]);
    return out;
  }
  return count >= sizeOf(b.shape)
    ? broadcast(backend, a, b, kind)
    : broadcast(backend, b, a, reversed);
}

/** `undefined` when the smaller one is not a row, a column or a scalar of the larger. */
function broadcast(
  backend: WasmBackend,
  large: tf.TensorInfo,
  small: tf.TensorInfo,
  kind: Binary,
): tf.TensorInfo | undefined {
  const { shape } = large;
  const count = sizeOf(shape);
  const repeated = sizeOf(small.shape);
  if (small.shape.length > shape.length || count === 0 || repeated === 0) return undefined;
  const own = [...shape.map(() => 1), ...small.shape].slice(-shape.length);
  const firstSame = own.findIndex((size) => size !== 1);
  const isRow = firstSame >= 0 && own.slice(firstSame).every((n, i) => n === shape[firstSame + i]);
  const isColumn = own.at(-1) === 1 && own.slice(0, -1).every((n, i) => n === shape[i]);
  let mode: BroadcastMode;
  let columns: number;
  if (repeated === 1) {
    mode = BroadcastMode.Scalar;
    columns = shape.at(-1) ?? 1;
  } else if (isRow) {
    mode = BroadcastMode.Row;
    columns = repeated;
  } else if (isColumn) {
    mode = BroadcastMode.Column;
    columns = shape.at(-1)!;
  } else return undefined;
  const out = backend.output(shape);
  const rows = count / columns;
  const each = rowsAChunk(columns);
  backend.kernels.run(Op.Broadcast, Math.ceil(rows / each), [
    ...[backend.address(large), backend.address(small), backend.address(out)],
    ...[rows, columns, each, kind, mode],
  ]);
  return out;
}

/** Over leading or trailing axes. */
function sum({ inputs, attrs, backend }: Call): tf.TensorInfo | undefined {
  const x = inputs['x']!;
  const rank = x.shape.length;
  if (!isFloat(x) || rank === 0) return undefined;
  const axes = tf.util.parseAxisParam(attrs['axis'] as number[], x.shape).sort((p, q) => p - q);
  const trailing = axes.every((axis, i) => axis === rank - axes.length + i);
  const leading = axes.every((axis, i) => axis === i);
  if (!trailing && !leading) return undefined;
  const kept = x.shape.map((size, i) => (axes.includes(i) ? 1 : size));
  const out = backend.output(
    attrs['keepDims'] === true ? kept : x.shape.filter((_, i) => !axes.includes(i)),
  );
  const summed = sizeOf(axes.map((axis) => x.shape[axis]!));
  const others = sizeOf(kept);
  const addresses = [backend.address(x), backend.address(out)] as const;
  if (trailing) {
    const each = rowsAChunk(summed);
    backend.kernels.run(Op.RowSum, Math.ceil(others / each), [...addresses, others, summed, each]);
  } else columnSums(backend, ...addresses, summed, others);
  return out;
}

function mean(call: Call): tf.TensorInfo | undefined {
  const { inputs, backend } = call;
  const out = sum(call);
  if (!out) return undefined;
  const count = sizeOf(out.shape);
  const at = backend.address(out);
  const factor = count / sizeOf(inputs['x']!.shape);
  backend.kernels.run(Op.FitScale, 1, [at, at, 1, count, count, 1, 0], [factor]);
  return out;
}

function softmax({ inputs, attrs, backend }: Call): tf.TensorInfo | undefined {
  const x = inputs['logits']!;
  const axis = attrs['dim'] as number;
  const columns = x.shape.at(-1) ?? 1;
  if (!isFloat(x) || (axis !== -1 && axis !== x.shape.length - 1)) return undefined;
  const out = backend.output(x.shape);
  const rows = columns === 0 ? 0 : sizeOf(x.shape) / columns;
  const each = rowsAChunk(columns);
  const addresses = [backend.address(x), backend.address(out)];
  backend.kernels.run(Op.Softmax, Math.ceil(rows / each), [...addresses, rows, columns, each]);
  return out;
}

function batchMatMul({ inputs, attrs, backend }: Call): tf.TensorInfo | undefined {
  const a = inputs['a']!;
  const b = inputs['b']!;
  if (!isFloat(a, b)) return undefined;
  const [turnA, turnB] = [attrs['transposeA'] === true, attrs['transposeB'] === true];
  const [rowsA, columnsA] = a.shape.slice(-2) as [number, number];
  const [rowsB, columnsB] = b.shape.slice(-2) as [number, number];
  const [outerA, outerB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const [batchA, batchB] = [sizeOf(outerA), sizeOf(outerB)];
  const outer = tf.broadcast_util.assertAndGetBroadcastShape(outerA, outerB);
  const batches = sizeOf(outer);
  // Each is the whole batch or one matrix for all.
  if ([batchA, batchB].some((own) => own !== batches && own !== 1)) return undefined;
  const [m, k] = turnA ? [columnsA, rowsA] : [rowsA, columnsA];
  const n = turnB ? rowsB : columnsB;
  const out = backend.output([...outer, m, n]);
  multiply(backend, {
    a: {
      at: backend.address(a),
      ...(turnA ? { row: 1, column: columnsA } : { row: columnsA, column: 1 }),
      batch: batchA === 1 ? 0 : m * k,
    },
    b: {
      at: backend.address(b),
      ...(turnB ? { row: 1, column: columnsB } : { row: columnsB, column: 1 }),
      batch: batchB === 1 ? 0 : k * n,
    },
    c: backend.address(out),
    ...{ m, k, n, batches },
  });
  return out;
}

/** In plain arrays int32 and float32 look alike, and tfjs's kernel shares them; in memory their bits differ. */
function cast({ inputs, attrs, backend }: Call): tf.TensorInfo | undefined {
  const x = inputs['x']!;
  const dtype = attrs['dtype'] as tf.DataType;
  const numeric = dtype === 'float32' || dtype === 'int32';
  if (!numeric || x.dtype === dtype || x.dtype === 'complex64' || x.dtype === 'string')
    return undefined;
  const out = backend.output(x.shape, dtype);
  backend.view(out).set(backend.data.get(x.dataId).values as Float32Array);
  return out;
}
