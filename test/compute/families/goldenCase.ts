/** Golden cases of the families: tiny models with what `transformers` computes from them (test/reference/families.py). */
import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { WeightLookup } from '../../../server/compute/families/family';
import type { Architecture, FamilyName, TensorSpec } from '../../../server/models/architecture';
import { familyForConfig, locateTensor } from '../../../server/models/families';

interface StoredArray {
  readonly shape: readonly number[];
  /** Little-endian float32, base64. */
  readonly data: string;
}

export interface GoldenFile {
  readonly config: Readonly<Record<string, unknown>>;
  readonly vocabulary: number;
  readonly ids: readonly (readonly number[])[];
  readonly loss: number;
  readonly logits: StoredArray;
  readonly weights: Readonly<Record<string, StoredArray>>;
  readonly gradients: Readonly<Record<string, StoredArray>>;
  readonly training?: { readonly dropoutKey: number; readonly logits: StoredArray };
}

export interface GoldenCase {
  readonly name: string;
  readonly family: FamilyName;
  readonly golden: GoldenFile;
  readonly architecture: Architecture;
  readonly specs: readonly TensorSpec[];
}

const FOLDER = path.resolve('test/compute/families/golden');

export function decoded({ data }: StoredArray): Float32Array {
  const bytes = Buffer.from(data, 'base64');
  return new Float32Array(new Uint8Array(bytes).buffer);
}

export function goldenCases(): readonly GoldenCase[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => {
      const golden = JSON.parse(readFileSync(path.join(FOLDER, file), 'utf8')) as GoldenFile;
      const table = familyForConfig(golden.config);
      assert.ok(table, file);
      const { value: architecture, problems } = table.read(golden.config);
      assert.deepEqual(problems, [], file);
      const specs = table.tensors(architecture!, golden.vocabulary);
      return {
        name: file.replace('.json', ''),
        family: table.name,
        golden,
        architecture: architecture!,
        specs,
      };
    });
}

/** What the file stores for a tensor, by any of its names. */
export function storedFor(
  spec: TensorSpec,
  arrays: Readonly<Record<string, StoredArray>>,
): StoredArray {
  const name = locateTensor(spec, (candidate) => Object.hasOwn(arrays, candidate));
  assert.ok(name, `${spec.name} is in the file`);
  return arrays[name]!;
}

/** The case's tensors as variables, rows above V left out. The caller disposes them. */
export function loadVariables({ golden, specs }: GoldenCase): Map<string, tf.Variable> {
  const variables = new Map<string, tf.Variable>();
  for (const spec of specs) {
    const stored = storedFor(spec, golden.weights);
    const size = spec.shape.reduce((product, side) => product * side, 1);
    assert.deepEqual(stored.shape.slice(1), spec.shape.slice(1), spec.name);
    const initial = tf.tensor(decoded(stored).subarray(0, size), [...spec.shape], 'float32');
    variables.set(spec.name, tf.variable(initial));
    initial.dispose();
  }
  return variables;
}

export function lookupIn(variables: ReadonlyMap<string, tf.Tensor>): WeightLookup {
  return (name) => {
    const variable = variables.get(name);
    if (!variable) throw new Error(`no tensor ${name}`);
    return variable;
  };
}

export function idsOf({ golden }: GoldenCase): tf.Tensor2D {
  return tf.tensor2d(golden.ids as number[][], undefined, 'int32');
}

export const largest = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);

export const norm = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));

export function difference(left: ArrayLike<number>, right: ArrayLike<number>): Float64Array {
  assert.equal(left.length, right.length);
  return Float64Array.from(left, (value, index) => value - right[index]!);
}
