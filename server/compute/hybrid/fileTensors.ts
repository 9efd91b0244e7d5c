/** A component's tensors as its files have them: whole, cut to V rows, or made anew for another vocabulary. */
import type { TensorSpec } from '../../models/architecture';
import { locateTensor } from '../../models/families';
import { tensorMissing, tensorShape } from './errors';
import { transplantTable, type RowSource } from './transplant';

export interface SourceTensor {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float32Array;
}

/** Tensors by the names of a file. */
export interface TensorSource {
  readonly has: (name: string) => boolean;
  readonly read: (name: string) => Promise<SourceTensor>;
}

export interface MadeTensor {
  readonly data: Float32Array;
  /** Rows beyond V that the file has. */
  readonly surplus?: Float32Array;
}

async function readTensor(name: string, weights: TensorSource, spec: TensorSpec) {
  const located = locateTensor(spec, weights.has);
  if (located === undefined) throw tensorMissing(name, spec.fileName);
  return weights.read(located);
}

/** @throws HybridError when it is missing or of another shape */
export async function loadTensor(
  name: string,
  weights: TensorSource,
  spec: TensorSpec,
): Promise<MadeTensor> {
  const { shape, data } = await readTensor(name, weights, spec);
  if (!sameShape(shape, spec.shape)) throw tensorShape(name, spec.fileName, shape, spec.shape);
  return { data };
}

/** The first V rows, and those beyond. */
export async function loadRows(
  name: string,
  weights: TensorSource,
  spec: TensorSpec,
): Promise<MadeTensor> {
  const { shape, data } = await readTensor(name, weights, spec);
  const [rows = 0, ...rest] = shape;
  const [wanted = 0, ...inner] = spec.shape;
  if (rows < wanted || !sameShape(rest, inner)) {
    throw tensorShape(name, spec.fileName, shape, spec.shape);
  }
  const end = (data.length / Math.max(rows, 1)) * wanted;
  return rows === wanted ? { data } : { data: data.slice(0, end), surplus: data.slice(end) };
}

/** Rows of another vocabulary for one table: `rowsFor` a table of so many rows. */
export type RowPlan = (rows: number) => readonly RowSource[];

/** V rows made of the component's own, as far as its tokenizer uses them. */
export async function loadTransplanted(
  name: string,
  weights: TensorSource,
  spec: TensorSpec,
  rowsFor: { readonly ownSize: number; readonly plan: RowPlan },
): Promise<MadeTensor> {
  const { shape, data } = await readTensor(name, weights, spec);
  const [rows = 0, ...rest] = shape;
  if (rows === 0 || !sameShape(rest, spec.shape.slice(1))) {
    throw tensorShape(name, spec.fileName, shape, spec.shape);
  }
  const usable = Math.min(rows, rowsFor.ownSize);
  return { data: transplantTable(data, rest[0] ?? 1, usable, rowsFor.plan(usable)) };
}

export function sameShape(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((extent, axis) => extent === right[axis]);
}
