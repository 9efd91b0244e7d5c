/** Gates and mixtures (kernels/blend.ts) bound to the assembly. */
import type * as tf from '@tensorflow/tfjs-core';
import { MIXTURE, MIXTURE_GRAD, mixturePlaces } from '../kernels/blend';
import { rowsOf, widthOf } from '../kernels/fused';
import { Op } from './assembly/opcodes';
import type { WasmBackend } from './backend';
import { register } from './fusedKernels';
import { rowsAChunk } from './jobs';

type Info = tf.TensorInfo;

/** One tensor of a linear combination. */
interface Term {
  readonly x: Info;
  readonly coefficient: number;
  /** Where its gradient goes. */
  readonly dx?: Info;
}

export function registerMixtureKernels(): void {
  register(MIXTURE, ({ inputs, attrs, backend }) => {
    const given = Object.values(inputs);
    const terms = termsOf(backend, given, attrs['kinds'] as string);
    const out = backend.output([...given[0]!.shape.slice(0, -1), attrs['width'] as number]);
    run(backend, Op.Combine, terms, out);
    return out;
  });
  register(MIXTURE_GRAD, ({ inputs, attrs, backend }) => {
    const [dy, ...given] = Object.values(inputs) as [Info, ...Info[]];
    const kinds = attrs['kinds'] as string;
    const grads = given.map((input) => backend.outputOver(input));
    const sums = sumsOf(backend, termsOf(backend, given, kinds, grads), dy);
    const scalar = (place: number) => backend.view(given[place]!)[0]!;
    let next = 0;
    for (const { weight, skip } of mixturePlaces(kinds)) {
      const withX = sums[next++]!;
      const w = weight === undefined ? 1 : scalar(weight);
      const g = skip === undefined ? 1 : scalar(skip);
      const withP = skip === undefined ? 0 : sums[next++]!;
      if (weight !== undefined) {
        backend.view(grads[weight]!)[0] = skip === undefined ? withX : g * withX + (1 - g) * withP;
      }
      if (skip !== undefined) backend.view(grads[skip]!)[0] = w * (withX - withP);
    }
    return grads;
  });
}

/** x and, where there is a gate, what it lets in: in the order of the sums. */
function termsOf(
  backend: WasmBackend,
  inputs: readonly Info[],
  kinds: string,
  grads: readonly Info[] = [],
): Term[] {
  const scalar = (place: number | undefined) =>
    place === undefined ? 1 : backend.view(inputs[place]!)[0]!;
  return mixturePlaces(kinds).flatMap(({ x, weight, skip, projected }) => {
    const term = (place: number, coefficient: number): Term => {
      const dx = grads[place];
      return { x: inputs[place]!, coefficient, ...(dx && { dx }) };
    };
    const w = scalar(weight);
    const g = scalar(skip);
    return projected === undefined ? [term(x, w)] : [term(x, w * g), term(projected, w * (1 - g))];
  });
}

/** @param whole what is combined, or its gradient @param sums where each chunk leaves a double a term */
function run(
  backend: WasmBackend,
  op: Op.Combine | Op.CombineGrad,
  terms: readonly Term[],
  whole: Info,
  sums = 0,
): void {
  const width = widthOf(whole);
  const each = rowsAChunk(width);
  backend.withScratch(16 * terms.length, (table) => {
    const { buffer } = backend.heap.memory;
    const integers = new Int32Array(buffer, table, 4 * terms.length);
    const floats = new Float32Array(buffer, table, 4 * terms.length);
    terms.forEach(({ x, coefficient, dx }, i) => {
      integers.set([backend.address(x), widthOf(x), 0, dx ? backend.address(dx) : 0], 4 * i);
      floats[4 * i + 2] = coefficient;
    });
    const place = [table, terms.length, backend.address(whole)];
    const rows = rowsOf(whole);
    backend.kernels.run(op, Math.ceil(rows / each), [...place, rows, width, each, sums]);
  });
}

/** Gradients of the terms' tensors where they are to go, and of each Σ dy · fit(x). */
function sumsOf(backend: WasmBackend, terms: readonly Term[], dy: Info): number[] {
  const chunks = Math.ceil(rowsOf(dy) / rowsAChunk(widthOf(dy)));
  return backend.withScratch(8 * chunks * terms.length, (at) => {
    run(backend, Op.CombineGrad, terms, dy, at);
    const parts = new Float64Array(backend.heap.memory.buffer, at, chunks * terms.length);
    const sums = terms.map(() => 0);
    parts.forEach((part, i) => (sums[i % terms.length]! += part));
    return sums;
  });
}
