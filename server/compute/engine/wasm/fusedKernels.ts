/** Our own kernels (server/compute/engine/kernels) bound to the assembly, but for mixtures and those over time. */
import * as tf from '@tensorflow/tfjs-core';
import {
  ACTIVATION,
  ACTIVATION_GRAD,
  SWIGLU,
  SWIGLU_GRAD,
  type ActivationKind,
} from '../kernels/activations';
import { CROSS_ENTROPY, CROSS_ENTROPY_GRAD, FIRST_OF_LARGEST } from '../kernels/crossEntropy';
import { dropThreshold, DROPOUT } from '../kernels/dropout';
import { EMBEDDING, EMBEDDING_GRAD } from '../kernels/embedding';
import { rowsOf, widthOf } from '../kernels/fused';
import { requireIds } from '../kernels/ids';
import { COLUMN_SUM, LINEAR, LINEAR_GRAD_INPUT, LINEAR_GRAD_WEIGHT } from '../kernels/linear';
import { RESIDUAL } from '../kernels/residual';
import { LAYER_NORM, LAYER_NORM_GRAD, RMS_NORM, RMS_NORM_GRAD } from '../kernels/norms';
import { Activation, Binary, Op } from './assembly/opcodes';
import { BACKEND_NAME, type WasmBackend } from './backend';
import { columnSums, flatChunks, multiply, rowChunks, sizeOf } from './jobs';

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
  const dx = backend.outputOver(dy);
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
    const out = dy ? backend.outputOver(x) : backend.output(x.shape);
    const count = sizeOf(x.shape);
    const kind = activationCodes[attrs['kind'] as ActivationKind];
    const given = dy ? backend.address(dy) : 0;
    const addresses = [backend.address(x), backend.address(out)];
    backend.kernels.run(op, flatChunks(count), [...addresses, count, kind, given]);
    return out;
  };
  register(ACTIVATION, (call) => run(Op.Activation, call));
  register(ACTIVATION_GRAD, (call) => run(Op.ActivationGrad, call));
  register(RESIDUAL, ({ inputs, backend }) => {
    const { x, y } = inputs as { x: Info; y: Info };
    const out = backend.output(x.shape);
    const count = sizeOf(x.shape);
    const addresses = [x, y, out].map((info) => backend.address(info));
    backend.kernels.run(Op.ElementwiseBinary, flatChunks(count), [
      ...addresses,
      ...[count, Binary.Add],
    ]);
    return out;
  });
  register(SWIGLU, ({ inputs, backend }) => {
    const { gate, up } = inputs as { gate: Info; up: Info };
    const out = backend.output(gate.shape);
    const count = sizeOf(gate.shape);
    const addresses = [gate, up, out].map((info) => backend.address(info));
    backend.kernels.run(Op.Swiglu, flatChunks(count), [...addresses, count]);
    return out;
  });
  register(SWIGLU_GRAD, ({ inputs, backend }) => {
    const { dy, gate, up } = inputs as { dy: Info; gate: Info; up: Info };
    const [dGate, dUp] = [backend.outputOver(gate), backend.outputOver(up)];
    const count = sizeOf(gate.shape);
    const [x, u, y, dx, du] = [gate, up, dy, dGate, dUp].map((info) => backend.address(info)) as [
      ...[number, number, number],
      ...[number, number],
    ];
    backend.kernels.run(Op.SwigluGrad, flatChunks(count), [x, u, y, count, dx, du]);
    return [dGate, dUp];
  });
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

function registerTokens(): void {
  register(EMBEDDING, ({ inputs, backend }) => {
    const { table, ids } = inputs as { table: Info; ids: Info };
    requireIds(backend.view(ids), table.shape[0]!);
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
    requireIds(backend.view(targets), vocabulary, ignore);
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
    const out = backend.outputOver(logits);
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
