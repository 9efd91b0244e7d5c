/**
 * The engine's fused kernels as few ops of TensorFlow. What a backward pass needs is computed again from what the tape saved,
 * so no intermediate outlives a kernel; equations and sources stand beside the composites (`kernels/`).
 */
import type * as tf from '@tensorflow/tfjs-core';
import {
  ACTIVATION,
  ACTIVATION_GRAD,
  SWIGLU,
  SWIGLU_GRAD,
  type ActivationKind,
} from '../kernels/activations';
import { CROSS_ENTROPY, CROSS_ENTROPY_GRAD, FIRST_OF_LARGEST } from '../kernels/crossEntropy';
import { EMBEDDING, EMBEDDING_GRAD } from '../kernels/embedding';
import { rowsOf, widthOf } from '../kernels/fused';
import { requireIds } from '../kernels/ids';
import { COLUMN_SUM, LINEAR, LINEAR_GRAD_INPUT, LINEAR_GRAD_WEIGHT } from '../kernels/linear';
import { LAYER_NORM, LAYER_NORM_GRAD, RMS_NORM, RMS_NORM_GRAD } from '../kernels/norms';
import type { Operand, TensorflowBackend } from './backend';
import { matMul, register, type Call } from './standardKernels';

type Info = tf.TensorInfo;

/** Ops by short names. */
export class Ops {
  constructor(readonly backend: TensorflowBackend) {}

  add = (a: Operand, b: Operand): Info => this.backend.run('AddV2', [a, b]);
  sub = (a: Operand, b: Operand): Info => this.backend.run('Sub', [a, b]);
  mul = (a: Operand, b: Operand): Info => this.backend.run('Mul', [a, b]);
  of = (op: string, x: Operand): Info => this.backend.run(op, [x]);
  /** Over the last axis, which stays as one entry. */
  meanOfRows = (x: Info): Info => this.backend.run('Mean', [x, [-1]], { keep_dims: true });
  sumOfRows = (x: Info): Info => this.backend.run('Sum', [x, [-1]], { keep_dims: true });
  /** Over all axes but the last: [..., d] → [d]. */
  columnSums = (x: Info): Info =>
    this.backend.run('Sum', [x, x.shape.slice(0, -1).map((_, axis) => axis)], { keep_dims: false });

  /** [..., d] → [rows, d]. */
  rows = (x: Info): Info =>
    x.shape.length === 2 ? x : this.backend.reshape(x, [rowsOf(x), widthOf(x)]);
}

export function registerFusedKernels(): void {
  registerLinear();
  registerNorms();
  registerActivations();
  registerTokens();
}

function registerLinear(): void {
  /** Gives the last axis of a product back the axes that were before it. */
  const likeRows = (backend: TensorflowBackend, product: Info, x: Info): Info =>
    x.shape.length === 2
      ? product
      : backend.reshape(product, [...x.shape.slice(0, -1), widthOf(product)]);
  register(LINEAR, ({ inputs, attrs, backend }) => {
    const { x, w, bias } = inputs as { x: Info; w: Info; bias?: Info };
    const { rows, add } = new Ops(backend);
    const product = matMul(backend, rows(x), w, false, attrs['transposed'] as boolean);
    return likeRows(backend, bias ? add(product, bias) : product, x);
  });
  register(LINEAR_GRAD_INPUT, ({ inputs, attrs, backend }) => {
    const { dy, w } = inputs as { dy: Info; w: Info };
    const { rows } = new Ops(backend);
    return likeRows(backend, matMul(backend, rows(dy), w, false, attrs['transposed'] !== true), dy);
  });
  register(LINEAR_GRAD_WEIGHT, ({ inputs, attrs, backend }) => {
    const { dy, x } = inputs as { dy: Info; x: Info };
    const { rows } = new Ops(backend);
    return attrs['transposed'] === true
      ? matMul(backend, rows(dy), rows(x), true)
      : matMul(backend, rows(x), rows(dy), true);
  });
  register(COLUMN_SUM, ({ inputs, backend }) => new Ops(backend).columnSums(inputs['x']!));
}

function registerNorms(): void {
  /** The rows with mean 0 (for a layer norm) and variance 1, and what they were divided by. */
  const normalised = (ops: Ops, x: Info, epsilon: number, centred: boolean) => {
    const { add, sub, mul, of, meanOfRows } = ops;
    const centre = centred ? sub(x, meanOfRows(x)) : x;
    const scale = of('Rsqrt', add(meanOfRows(of('Square', centre)), epsilon)); // [..., 1]
    return { rows: mul(centre, scale), scale };
  };
  for (const [name, centred] of [
    [LAYER_NORM, true],
    [RMS_NORM, false],
  ] as const) {
    register(name, ({ inputs, attrs, backend }) => {
      const { x, gain, bias } = inputs as { x: Info; gain: Info; bias?: Info };
      const ops = new Ops(backend);
      const { rows } = normalised(ops, x, attrs['epsilon'] as number, centred);
      const y = ops.mul(rows, gain);
      return bias ? ops.add(y, bias) : y;
    });
  }
  for (const [name, centred] of [
    [LAYER_NORM_GRAD, true],
    [RMS_NORM_GRAD, false],
  ] as const) {
    register(name, ({ inputs, attrs, backend }) => {
      const { x, gain, dy } = inputs as { x: Info; gain: Info; dy: Info };
      const ops = new Ops(backend);
      const { sub, mul, meanOfRows, columnSums } = ops;
      const { rows, scale } = normalised(ops, x, attrs['epsilon'] as number, centred);
      const g = mul(dy, gain);
      const along = mul(rows, meanOfRows(mul(g, rows)));
      const across = centred ? sub(sub(g, meanOfRows(g)), along) : sub(g, along);
      const grads = [mul(across, scale), columnSums(mul(dy, rows))];
      return centred ? [...grads, columnSums(dy)] : grads;
    });
  }
}

const tanhScale = Math.sqrt(2 / Math.PI);
const tanhCubic = 0.044715;

/** tanh(√(2/π)(x + 0.044715x³)). */
const tanhOf = ({ add, mul, of }: Ops, x: Info): Info =>
  of('Tanh', mul(add(x, mul(mul(of('Square', x), x), tanhCubic)), tanhScale));

const activations: Record<ActivationKind, (ops: Ops, x: Info) => Info> = {
  silu: ({ mul, of }, x) => mul(x, of('Sigmoid', x)),
  softplus: ({ of }, x) => of('Softplus', x),
  'gelu-erf': ({ add, mul, of }, x) => mul(mul(x, 0.5), add(of('Erf', mul(x, Math.SQRT1_2)), 1)),
  'gelu-tanh': (ops, x) => ops.mul(ops.mul(x, 0.5), ops.add(tanhOf(ops, x), 1)),
};

const activationGrads: Record<ActivationKind, (ops: Ops, dy: Info, x: Info) => Info> = {
  silu: ({ add, sub, mul, of }, dy, x) => {
    const s = of('Sigmoid', x);
    return mul(dy, mul(s, add(mul(x, sub(1, s)), 1)));
  },
  softplus: ({ backend }, dy, x) => backend.run('SoftplusGrad', [dy, x]),
  'gelu-erf': ({ add, mul, of }, dy, x) => {
    const below = mul(add(of('Erf', mul(x, Math.SQRT1_2)), 1), 0.5);
    const density = mul(of('Exp', mul(of('Square', x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return mul(dy, add(below, mul(x, density)));
  },
  'gelu-tanh': (ops, dy, x) => {
    const { add, sub, mul, of } = ops;
    const t = tanhOf(ops, x);
    const inner = mul(add(mul(of('Square', x), 3 * tanhCubic), 1), tanhScale);
    const slope = mul(mul(x, sub(1, of('Square', t))), inner);
    return mul(dy, mul(add(add(t, 1), slope), 0.5));
  },
};

function registerActivations(): void {
  register(ACTIVATION, ({ inputs, attrs, backend }) =>
    activations[attrs['kind'] as ActivationKind](new Ops(backend), inputs['x']!),
  );
  register(ACTIVATION_GRAD, ({ inputs, attrs, backend }) =>
    activationGrads[attrs['kind'] as ActivationKind](new Ops(backend), inputs['dy']!, inputs['x']!),
  );
  register(SWIGLU, ({ inputs, backend }) => {
    const ops = new Ops(backend);
    return ops.mul(activations.silu(ops, inputs['gate']!), inputs['up']!);
  });
  register(SWIGLU_GRAD, ({ inputs, backend }) => {
    const { dy, gate, up } = inputs as { dy: Info; gate: Info; up: Info };
    const ops = new Ops(backend);
    const dGate = activationGrads.silu(ops, ops.mul(dy, up), gate);
    return [dGate, ops.mul(dy, activations.silu(ops, gate))];
  });
}

/**
 * Looks at ids that still wait for an op, as a batch's do when a kernel uses them first; those with TensorFlow it looks at
 * itself on a processor.
 */
function checkIds(backend: TensorflowBackend, ids: Info, rows: number, ignored?: number): void {
  requireIds(backend.waitingValues(ids.dataId) ?? [], rows, ignored);
}

function registerTokens(): void {
  register(EMBEDDING, ({ inputs, backend }) => {
    const { table, ids } = inputs as { table: Info; ids: Info };
    checkIds(backend, ids, table.shape[0]!);
    return backend.run('GatherV2', [table, ids, { int: 0 }]);
  });
  register(EMBEDDING_GRAD, ({ inputs, attrs, backend }) => {
    const { dy, ids } = inputs as { dy: Info; ids: Info };
    const rows = { int: attrs['rows'] as number };
    return backend.run('UnsortedSegmentSum', [dy, ids, rows]);
  });
  register(FIRST_OF_LARGEST, ({ inputs, backend }) =>
    // Eigen's and CUDA's reductions keep the smaller place among equals.
    backend.run('ArgMax', [inputs['x']!, { int: -1 }], { output_type: { type: 'int32' } }),
  );
  registerCrossEntropy();
}

/** Not TensorFlow's own op: on a GPU its kernel refuses to run where the same bits are asked for. */
function registerCrossEntropy(): void {
  /** Which rows are scored [r], and each row's target [r]: 0 where it is not scored. */
  const targetsOf = ({ inputs, attrs, backend }: Call) => {
    const { logits, targets } = inputs as { logits: Info; targets: Info };
    const ignore = attrs['ignore'] as number;
    checkIds(backend, targets, widthOf(logits), ignore);
    const scored = backend.run('NotEqual', [targets, { int: ignore }]);
    return { logits, scored, ids: backend.run('SelectV2', [scored, targets, { int: 0 }]) };
  };
  register(CROSS_ENTROPY, (call) => {
    const { backend } = call;
    const ops = new Ops(backend);
    const { logits, scored, ids } = targetsOf(call);
    const rows = ids.shape[0]!;
    const column = backend.reshape(ids, [rows, 1]);
    const scores = backend.run('GatherV2', [ops.of('LogSoftmax', logits), column, { int: 1 }], {
      batch_dims: 1,
    }); // [r, 1]
    const each = backend.reshape(ops.of('Neg', scores), [rows]);
    const losses = backend.run('SelectV2', [scored, each, 0]);
    // The backward pass computes the rows again: nothing of their size is kept.
    const nothing = backend.tensor(new Float32Array(0), [0]);
    return [backend.run('Sum', [losses, [0]], { keep_dims: false }), nothing];
  });
  register(CROSS_ENTROPY_GRAD, (call) => {
    const { inputs, backend } = call;
    const { of, sub, mul } = new Ops(backend);
    const { logits, scored, ids } = targetsOf(call);
    const slopes = backend.scope(() => {
      const hot = backend.run('OneHot', [ids, { int: widthOf(logits) }, 1, 0]);
      return sub(of('Softmax', logits), hot);
    }); // [r, V]
    const column = backend.reshape(scored, [logits.shape[0]!, 1]);
    return backend.run('SelectV2', [column, mul(slopes, inputs['dy']!), 0]);
  });
}
