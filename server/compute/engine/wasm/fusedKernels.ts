/** Our own kernels (server/compute/engine/kernels) bound to the assembly, but for attention and the scan. */
import * as tf from '@tensorflow/tfjs-core';
import { ACTIVATION, ACTIVATION_GRAD, type ActivationKind } from '../kernels/activations';
import { BLEND, BLEND_GRAD_GATE, FIT, WEIGHTED_SUM } from '../kernels/blend';
import { CROSS_ENTROPY, CROSS_ENTROPY_GRAD, FIRST_OF_LARGEST } from '../kernels/crossEntropy';
import { dropThreshold, DROPOUT } from '../kernels/dropout';
import { EMBEDDING, EMBEDDING_GRAD } from '../kernels/embedding';
import { rowsOf, widthOf } from '../kernels/fused';
import { COLUMN_SUM, LINEAR, LINEAR_GRAD_INPUT, LINEAR_GRAD_WEIGHT } from '../kernels/linear';
import { LAYER_NORM, LAYER_NORM_GRAD, RMS_NORM, RMS_NORM_GRAD } from '../kernels/norms';
import { Activation, Op } from './assembly/opcodes';
import { BACKEND_NAME, type WasmBackend } from './backend';
import { columnSums, flatChunks, multiply, rowChunks, rowsAChunk, sizeOf } from './jobs';

type Info = tf.TensorInfo;

/** Inputs by name or, for kernels with optional ones, by position. */
export interface FusedCall {
  readonly inputs: Record<string, Info>;
  readonly attrs: Record<string, unknown>;
  readonly backend: WasmBackend;
}

export function register(kernelName: string, kernel: (call: FusedCall) => Info | Info[]): void {
  tf.registerKernel({
    kernelName,
    backendName: BACKEND_NAME,
    kernelFunc: (call) => kernel(call as unknown as FusedCall),
  });
}

export function registerFusedKernels(): void {
  registerLinear();
  registerNorms();
  registerActivations();
  registerTokens();
  registerMixture();
  // tfjs's own for the CPU takes the first of equals.
  tf.registerKernel({
    ...{ kernelName: FIRST_OF_LARGEST, backendName: BACKEND_NAME },
    kernelFunc: tf.getKernel('ArgMax', 'cpu').kernelFunc,
  });
}

function registerLinear(): void {
  register(LINEAR, ({ inputs, attrs, backend }) => {
    const { x, w, bias } = inputs as { x: Info; w: Info; bias?: Info };
    const [outer, inner] = w.shape as [number, number];
    const [n, k] = attrs['transposed'] === true ? [outer, inner] : [inner, outer];
    const out = backend.output([...x.shape.slice(0, -1), n]);
    multiply(backend, {
      a: { at: backend.address(x), row: k, column: 1 },
      b: weightMatrix(backend, w, attrs['transposed'] === true),
      c: backend.address(out),
      ...{ m: rowsOf(x), k, n, bias: bias ? backend.address(bias) : 0 },
    });
    return out;
  });
  register(LINEAR_GRAD_INPUT, ({ inputs, attrs, backend }) => {
    const { dy, w } = inputs as { dy: Info; w: Info };
    const [outer, inner] = w.shape as [number, number];
    const [n, k] = attrs['transposed'] === true ? [outer, inner] : [inner, outer];
    const out = backend.output([...dy.shape.slice(0, -1), k]);
    multiply(backend, {
      a: { at: backend.address(dy), row: n, column: 1 },
      b: weightMatrix(backend, w, attrs['transposed'] !== true),
      c: backend.address(out),
      ...{ m: rowsOf(dy), k: n, n: k },
    });
    return out;
  });
  register(LINEAR_GRAD_WEIGHT, ({ inputs, attrs, backend }) => {
    const { dy, x } = inputs as { dy: Info; x: Info };
    const [left, right] = attrs['transposed'] === true ? [dy, x] : [x, dy];
    const [m, n] = [widthOf(left), widthOf(right)];
    const out = backend.output([m, n]);
    multiply(backend, {
      a: { at: backend.address(left), row: 1, column: m },
      b: { at: backend.address(right), row: n, column: 1 },
      c: backend.address(out),
      ...{ m, k: rowsOf(x), n },
    });
    return out;
  });
  register(COLUMN_SUM, ({ inputs, backend }) => {
    const x = inputs['x']!;
    const out = backend.output([widthOf(x)]);
    columnSums(backend, backend.address(x), backend.address(out), rowsOf(x), widthOf(x));
    return out;
  });
}

/** w as the right factor of a product, turned if asked. */
function weightMatrix(backend: WasmBackend, w: Info, turned: boolean) {
  const at = backend.address(w);
  const width = w.shape[1]!;
  return turned ? { at, row: 1, column: width } : { at, row: width, column: 1 };
}

function registerNorms(): void {
  const forward = ({ inputs, attrs, backend }: FusedCall) => {
    const { x, gain, bias } = inputs as { x: Info; gain: Info; bias?: Info };
    const out = backend.output(x.shape);
    const rows = rowsOf(x);
    const parameters = [backend.address(gain), bias ? backend.address(bias) : 0];
    backend.kernels.run(
      Op.Norm,
      sizeOf(x.shape) === 0 ? 0 : rowChunks(rows),
      [backend.address(x), ...parameters, backend.address(out), rows, widthOf(x)],
      [attrs['epsilon'] as number],
    );
    return out;
  };
  register(LAYER_NORM, forward);
  register(RMS_NORM, forward);
  register(LAYER_NORM_GRAD, (call) => normGrad(call, true));
  register(RMS_NORM_GRAD, (call) => normGrad(call, false).slice(0, 2));
}

function normGrad({ inputs, attrs, backend }: FusedCall, centred: boolean): Info[] {
  const { x, gain, dy } = inputs as { x: Info; gain: Info; dy: Info };
  const d = widthOf(x);
  const rows = rowsOf(x);
  const chunks = rowChunks(rows);
  const dx = backend.output(x.shape);
  const both = backend.output([2, d]);
  backend.withScratch(4 * chunks * 2 * d, (partial) => {
    backend.kernels.run(
      Op.NormGrad,
      chunks,
      [
        ...[backend.address(x), backend.address(gain), centred ? 1 : 0, backend.address(dx)],
        ...[rows, d, backend.address(dy), partial],
      ],
      [attrs['epsilon'] as number],
    );
    columnSums(backend, partial, backend.address(both), chunks, 2 * d);
  });
  const sums = backend.view(both);
  const grads = [sums.subarray(0, d), sums.subarray(d)].slice(0, centred ? 2 : 1).map((values) => {
    const grad = backend.output([d]);
    backend.view(grad).set(values);
    return grad;
  });
  backend.disposeIntermediateTensorInfo(both);
  return [dx, ...grads];
}

const activationCodes: Record<ActivationKind, Activation> = {
  'gelu-erf': Activation.GeluErf,
  'gelu-tanh': Activation.GeluTanh,
  silu: Activation.Silu,
  softplus: Activation.Softplus,
};

function registerActivations(): void {
  const run = (op: Op, { inputs, attrs, backend }: FusedCall) => {
    const { x, dy } = inputs as { x: Info; dy?: Info };
    const out = backend.output(x.shape);
    const count = sizeOf(x.shape);
    const kind = activationCodes[attrs['kind'] as ActivationKind];
    const given = dy ? backend.address(dy) : 0;
    const addresses = [backend.address(x), backend.address(out)];
    backend.kernels.run(op, flatChunks(count), [...addresses, count, kind, given]);
    return out;
  };
  register(ACTIVATION, (call) => run(Op.Activation, call));
  register(ACTIVATION_GRAD, (call) => run(Op.ActivationGrad, call));
  register(DROPOUT, ({ inputs, attrs, backend }) => {
    const x = inputs['x']!;
    const out = backend.output(x.shape);
    const count = sizeOf(x.shape);
    const rate = attrs['rate'] as number;
    const addresses = [backend.address(x), backend.address(out)];
    const integers = [...addresses, count, attrs['key'] as number, dropThreshold(rate)];
    backend.kernels.run(Op.Dropout, flatChunks(count), integers, [1 / (1 - rate)]);
    return out;
  });
}

/** @throws RangeError naming the first id outside the table */
function checkIds(ids: ArrayLike<number>, rows: number, ignored?: number): void {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    if ((id < 0 || id >= rows) && id !== ignored) {
      throw new RangeError(`token ${id} at position ${i} is not in a vocabulary of ${rows}`);
    }
  }
}

function registerTokens(): void {
  register(EMBEDDING, ({ inputs, backend }) => {
    const { table, ids } = inputs as { table: Info; ids: Info };
    checkIds(backend.view(ids), table.shape[0]!);
    const rows = sizeOf(ids.shape);
    const out = backend.output([...ids.shape, widthOf(table)]);
    const addresses = [backend.address(table), backend.address(ids, 'int32'), backend.address(out)];
    backend.kernels.run(Op.Embedding, rowChunks(rows), [...addresses, rows, widthOf(table)]);
    return out;
  });
  register(EMBEDDING_GRAD, ({ inputs, attrs, backend }) => {
    const { dy, ids } = inputs as { dy: Info; ids: Info };
    const rows = attrs['rows'] as number;
    const out = backend.output([rows, widthOf(dy)]);
    const addresses = [backend.address(out), backend.address(ids, 'int32'), backend.address(dy)];
    backend.kernels.run(Op.EmbeddingGrad, 1, [...addresses, sizeOf(ids.shape), widthOf(dy), rows]);
    return out;
  });
  register(CROSS_ENTROPY, ({ inputs, attrs, backend }) => {
    const { logits, targets } = inputs as { logits: Info; targets: Info };
    const [rows, vocabulary] = logits.shape as [number, number];
    const ignore = attrs['ignore'] as number;
    checkIds(backend.view(targets), vocabulary, ignore);
    const loss = backend.output([]);
    const logSums = backend.output([rows]);
    backend.withScratch(8 * rows, (partial) => {
      backend.kernels.run(Op.CrossEntropy, rowChunks(rows), [
        ...[backend.address(logits), backend.address(targets, 'int32'), partial],
        ...[backend.address(logSums), rows, vocabulary, ignore],
      ]);
      backend.view(loss)[0] = doubleSum(backend, partial, rows);
    });
    return [loss, logSums];
  });
  register(CROSS_ENTROPY_GRAD, ({ inputs, attrs, backend }) => {
    const { dy, logits, targets, logSums } = inputs as Record<
      'dy' | 'logits' | 'targets' | 'logSums',
      Info
    >;
    const [rows, vocabulary] = logits.shape as [number, number];
    const out = backend.output(logits.shape);
    const integers = [
      ...[backend.address(logits), backend.address(targets, 'int32'), backend.address(out)],
      ...[backend.address(logSums), rows, vocabulary, attrs['ignore'] as number],
    ];
    backend.kernels.run(Op.CrossEntropyGrad, rowChunks(rows), integers, [backend.view(dy)[0]!]);
    return out;
  });
}

/** Sum of a chunk's doubles in order. */
export function doubleSum(backend: WasmBackend, at: number, count: number): number {
  return new Float64Array(backend.heap.memory.buffer, at, count).reduce((sum, x) => sum + x, 0);
}

/** out = factor · fit(x) (+ out). */
function fitScale(backend: WasmBackend, x: Info, out: Info, factor: number, add: boolean): void {
  const [own, width] = [widthOf(x), widthOf(out)];
  const rows = rowsOf(x);
  const each = rowsAChunk(width);
  const integers = [backend.address(x), backend.address(out), rows, own, width, each, add ? 1 : 0];
  backend.kernels.run(Op.FitScale, Math.ceil(rows / each), integers, [factor]);
}

function registerMixture(): void {
  const scalar = (backend: WasmBackend, a: Info) => backend.view(a)[0]!;
  register(FIT, ({ inputs, attrs, backend }) => {
    const { x, a } = inputs as { x: Info; a: Info };
    const factor = scalar(backend, a);
    const out = backend.output([...x.shape.slice(0, -1), attrs['width'] as number]);
    fitScale(backend, x, out, attrs['complement'] === true ? 1 - factor : factor, false);
    return out;
  });
  register(BLEND, ({ inputs, attrs, backend }) => {
    const [x, a, p] = Object.values(inputs) as [Info, Info, Info | undefined];
    const factor = scalar(backend, a);
    const out = backend.output([...x.shape.slice(0, -1), attrs['width'] as number]);
    if (p) fitScale(backend, p, out, 1 - factor, false);
    fitScale(backend, x, out, factor, p !== undefined);
    return out;
  });
  register(WEIGHTED_SUM, ({ inputs, backend }) => {
    const all = Object.values(inputs);
    const count = all.length / 2;
    const out = backend.output(all[0]!.shape);
    for (let m = 0; m < count; m++) {
      fitScale(backend, all[m]!, out, scalar(backend, all[count + m]!), m > 0);
    }
    return out;
  });
  register(BLEND_GRAD_GATE, ({ inputs, backend }) => {
    const [dy, x, p] = Object.values(inputs) as [Info, Info, Info | undefined];
    const out = backend.output([]);
    const rows = rowsOf(dy);
    const each = rowsAChunk(widthOf(dy));
    const chunks = Math.ceil(rows / each);
    backend.withScratch(8 * chunks, (partial) => {
      backend.kernels.run(Op.DotDifference, chunks, [
        ...[backend.address(dy), backend.address(x), p ? backend.address(p) : 0, partial],
        ...[rows, widthOf(dy), widthOf(x), p ? widthOf(p) : 0, each],
      ]);
      backend.view(out)[0] = doubleSum(backend, partial, chunks);
    });
    return out;
  });
}
