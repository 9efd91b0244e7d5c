/** What several kernels have in common: cutting work into chunks, matrix products, strided copies. */
import * as tf from '@tensorflow/tfjs-core';
import { COLUMN_CHUNK, FLAT_CHUNK, Op, ROW_CHUNK } from './assembly/opcodes';
import type { WasmBackend } from './backend';

export const sizeOf = (shape: readonly number[]): number => tf.util.sizeFromShape([...shape]);
export const flatChunks = (count: number): number => Math.ceil(count / FLAT_CHUNK);
export const rowChunks = (rows: number): number => Math.ceil(rows / ROW_CHUNK);

/** Rows of a given width that make up about one flat chunk. */
export const rowsAChunk = (width: number): number =>
  Math.max(1, Math.ceil(FLAT_CHUNK / Math.max(1, width)));

/** A matrix by address and strides in elements; `batch` from one matrix to the next. */
export interface Matrix {
  readonly at: number;
  readonly row: number;
  readonly column: number;
  readonly batch?: number;
}

export interface Product {
  readonly a: Matrix;
  readonly b: Matrix;
  /** Address of the result, whose rows lie densely. */
  readonly c: number;
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly batches?: number;
  /** Address of a row of n added to each row of the result. */
  readonly bias?: number;
}

/** Largest job of a product: what its packing buffers hold (assembly/gemm.ts). */
const MOST_ROWS = 384;
const MOST_COLUMNS = 512;
/** A job below this many multiply-adds is not worth sharing. */
const LEAST_WORK = 2 ** 19;
/** Jobs a thread: enough that none waits long for the last. */
const JOBS_A_THREAD = 4;

/** Rows and columns of a job. The bits don't depend on it: an entry is summed in one order however C is cut. */
function tileOf(threads: number, { m, k, n, batches = 1 }: Product): [number, number] {
  let down = Math.ceil(m / MOST_ROWS);
  let across = Math.ceil(n / MOST_COLUMNS);
  const work = batches * m * k * n;
  const wanted = threads === 1 ? 1 : Math.min(JOBS_A_THREAD * threads, work / LEAST_WORK);
  while (2 * batches * down * across <= wanted) {
    if (m / down >= n / across) down *= 2;
    else across *= 2;
  }
  // Whole tiles of 6 × 16 registers but for the last.
  return [6 * Math.ceil(m / (6 * down)), 16 * Math.ceil(n / (16 * across))];
}

/** C = A·B (+ bias). */
export function multiply(backend: WasmBackend, product: Product): void {
  const { a, b, c, m, k, n, batches = 1, bias = 0 } = product;
  if (m === 0 || n === 0) return;
  const [rows, columns] = tileOf(backend.kernels.threads, product);
  const tiles = Math.ceil(m / rows) * Math.ceil(n / columns);
  backend.kernels.run(Op.Gemm, batches * tiles, [
    ...[a.at, a.row, a.column, b.at, b.row, b.column, c, n, m, k, n, bias, 0],
    ...[rows, columns, a.batch ?? 0, b.batch ?? 0, m * n],
  ]);
}

/** out [columns] = sums over the rows of x [rows, columns]. */
export function columnSums(
  backend: WasmBackend,
  x: number,
  out: number,
  rows: number,
  columns: number,
): void {
  const chunks = Math.ceil(columns / COLUMN_CHUNK);
  backend.kernels.run(Op.ColumnSum, chunks, [x, out, rows, columns]);
}

/** One axis of a strided copy: entries, and strides in elements of source and target. */
export interface Axis {
  readonly size: number;
  readonly from: number;
  readonly to: number;
}

/** Copies 4-byte entries between strided arrays. */
export function copyStrided(
  backend: WasmBackend,
  from: number,
  to: number,
  axes: readonly Axis[],
): void {
  if (axes.some((axis) => axis.size === 0)) return;
  const merged = mergeAxes(axes);
  if (merged.length > 4) {
    const [first, ...rest] = merged as [Axis, ...Axis[]];
    for (let i = 0; i < first.size; i++) {
      copyStrided(backend, from + 4 * i * first.from, to + 4 * i * first.to, rest);
    }
    return;
  }
  const single = { size: 1, from: 0, to: 0 };
  const last = merged.at(-1) ?? { size: 1, from: 1, to: 1 };
  const before = merged.slice(0, -1);
  const first = before[0] ?? single;
  const middle = before.slice(1);
  while (middle.length < 2) middle.unshift(single);
  const all = [first, ...middle, last];
  backend.kernels.run(Op.StridedCopy, first.size, [
    ...[from, to],
    ...all.map((axis) => axis.size),
    ...all.map((axis) => axis.from),
    ...all.map((axis) => axis.to),
  ]);
}

/** Leaves out axes of one entry and joins neighbours that are one run in both arrays. */
function mergeAxes(axes: readonly Axis[]): Axis[] {
  const merged: Axis[] = [];
  for (const axis of axes) {
    if (axis.size === 1) continue;
    const outer = merged.at(-1);
    const run = outer?.from === axis.from * axis.size && outer.to === axis.to * axis.size;
    if (outer && run) merged[merged.length - 1] = { ...axis, size: outer.size * axis.size };
    else merged.push(axis);
  }
  return merged;
}

/** Strides of a dense array. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1]! * shape[i + 1]!;
  return strides;
}
