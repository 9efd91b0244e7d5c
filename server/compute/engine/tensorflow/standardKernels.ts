/** tfjs's own kernels as ops of TensorFlow. */
import * as tf from '@tensorflow/tfjs-core';
import { BACKEND_NAME, type TensorflowBackend } from './backend';

/** What tfjs passes to a kernel, with our backend. */
export interface Call {
  readonly inputs: Record<string, tf.TensorInfo>;
  readonly attrs: Record<string, unknown>;
  readonly backend: TensorflowBackend;
}

type Info = tf.TensorInfo;

export function register(kernelName: string, kernel: (call: Call) => Info | Info[]): void {
  tf.registerKernel({
    kernelName,
    backendName: BACKEND_NAME,
    kernelFunc: (call) => {
      const own = call as unknown as Call;
      return own.backend.scope(() => kernel(own));
    },
  });
}

/** tfjs's name, and TensorFlow's where it is another one. */
const unary: readonly (readonly [string, string?])[] = [
  ...([['Abs'], ['Acos'], ['Acosh'], ['Asin'], ['Asinh'], ['Atan'], ['Atanh'], ['Ceil']] as const),
  ...([['Cos'], ['Cosh'], ['Elu'], ['Erf'], ['Exp'], ['Expm1'], ['Floor'], ['IsFinite']] as const),
  ...([['IsInf'], ['IsNan'], ['Log'], ['Log1p'], ['LogicalNot'], ['Neg'], ['OnesLike']] as const),
  ...([['Reciprocal'], ['Relu'], ['Relu6'], ['Round'], ['Rsqrt'], ['Selu'], ['Sigmoid']] as const),
  ...([
    ['Sign'],
    ['Sin'],
    ['Sinh'],
    ['Softplus'],
    ['Sqrt'],
    ['Square'],
    ['Tan'],
    ['Tanh'],
  ] as const),
  ['ZerosLike'],
];

const binary: readonly (readonly [string, string?])[] = [
  ...([
    ['Add', 'AddV2'],
    ['Atan2'],
    ['Equal'],
    ['FloorDiv'],
    ['Greater'],
    ['GreaterEqual'],
  ] as const),
  ...([['Less'], ['LessEqual'], ['LogicalAnd'], ['LogicalOr'], ['Maximum'], ['Minimum']] as const),
  ...([['Mod', 'FloorMod'], ['Multiply', 'Mul'], ['NotEqual'], ['Pow'], ['RealDiv']] as const),
  ...([['SquaredDifference'], ['Sub']] as const),
];

const reductions: readonly string[] = ['Sum', 'Mean', 'Prod', 'Max', 'Min', 'All', 'Any'];

export function registerStandardKernels(): void {
  for (const [name, op = name] of unary) {
    register(name, ({ inputs, backend }) => backend.run(op, [inputs['x']!]));
  }
  for (const [name, op = name] of binary) {
    register(name, ({ inputs, backend }) => backend.run(op, [inputs['a']!, inputs['b']!]));
  }
  reductions.forEach(registerReduction);
  registerElementwise();
  registerShapes();
  registerParts();
  registerIndexed();
}

function registerReduction(name: string): void {
  register(name, ({ inputs, attrs, backend }) => {
    const x = inputs['x']!;
    const {
      axis,
      reductionIndices = axis,
      keepDims,
    } = attrs as {
      axis?: number | number[];
      reductionIndices?: number | number[];
      keepDims: boolean;
    };
    const axes = tf.util.parseAxisParam(reductionIndices ?? x.shape.map((_, i) => i), x.shape);
    const summed = name === 'Sum' && x.dtype === 'bool' ? cast(backend, x, 'int32') : x;
    return backend.run(name, [summed, axes], { keep_dims: keepDims });
  });
}

export function cast(backend: TensorflowBackend, x: Info, dtype: tf.DataType): Info {
  return backend.run('Cast', [x], { DstT: { type: dtype } });
}

/** Another handle on the same values. */
function same(backend: TensorflowBackend, x: Info): Info {
  return backend.reshape(x, x.shape);
}

function registerElementwise(): void {
  register('Cast', ({ inputs, attrs, backend }) => {
    const x = inputs['x']!;
    const dtype = attrs['dtype'] as tf.DataType;
    return x.dtype === dtype ? same(backend, x) : cast(backend, x, dtype);
  });
  register('Select', ({ inputs, backend }) => {
    const { condition, t, e } = inputs as { condition: Info; t: Info; e: Info };
    // Of rank 1 beside tensors of a higher rank it picks rows, which SelectV2 would not.
    return backend.run('Select', [condition, t, e]);
  });
  register('LeakyRelu', ({ inputs, attrs, backend }) => {
    const x = inputs['x']!;
    const scaled = backend.run('Mul', [x, attrs['alpha'] as number]);
    return backend.run('SelectV2', [backend.run('GreaterEqual', [x, 0]), x, scaled]);
  });
  register('Step', ({ inputs, attrs, backend }) => {
    const x = inputs['x']!;
    const alpha = attrs['alpha'] as number;
    const ones = backend.run('OnesLike', [x]);
    const stepped = backend.run('SelectV2', [backend.run('Greater', [x, 0]), ones, alpha]);
    // NaN stays.
    return backend.run('SelectV2', [backend.run('IsNan', [x]), x, stepped]);
  });
  register('ClipByValue', ({ inputs, attrs, backend }) => {
    const { clipValueMin, clipValueMax } = attrs as Record<string, number>;
    const atLeast = backend.run('Maximum', [inputs['x']!, clipValueMin!]);
    return backend.run('Minimum', [atLeast, clipValueMax!]);
  });
  register('AddN', ({ inputs, backend }) => {
    const all = Object.values(inputs);
    return backend.run('AddN', all, { N: all.length, T: { type: all[0]!.dtype } });
  });
  register('Softmax', ({ inputs, backend }) => backend.run('Softmax', [inputs['logits']!]));
  register('BatchMatMul', ({ inputs, attrs, backend }) => {
    const { a, b } = inputs as { a: Info; b: Info };
    const { transposeA, transposeB } = attrs as { transposeA: boolean; transposeB: boolean };
    return matMul(backend, a, b, transposeA, transposeB);
  });
}

export function matMul(
  backend: TensorflowBackend,
  a: Info,
  b: Info,
  transposeA = false,
  transposeB = false,
): Info {
  return a.shape.length === 2 && b.shape.length === 2
    ? backend.run('MatMul', [a, b], { transpose_a: transposeA, transpose_b: transposeB })
    : backend.run('BatchMatMulV2', [a, b], { adj_x: transposeA, adj_y: transposeB });
}

function registerShapes(): void {
  register('Identity', ({ inputs, backend }) => same(backend, inputs['x']!));
  register('Reshape', ({ inputs, attrs, backend }) => {
    const x = inputs['x']!;
    const size = tf.util.sizeFromShape(x.shape);
    return backend.reshape(x, tf.util.inferFromImplicitShape(attrs['shape'] as number[], size));
  });
  register('ExpandDims', ({ inputs, attrs, backend }) => {
    const { shape } = inputs['input']!;
    const dim = attrs['dim'] as number;
    const at = dim < 0 ? shape.length + dim + 1 : dim;
    return backend.reshape(inputs['input']!, [...shape.slice(0, at), 1, ...shape.slice(at)]);
  });
  register('Transpose', ({ inputs, attrs, backend }) =>
    backend.run('Transpose', [inputs['x']!, attrs['perm'] as number[]]),
  );
  register('Tile', ({ inputs, attrs, backend }) =>
    backend.run('Tile', [inputs['x']!, attrs['reps'] as number[]]),
  );
  register('Reverse', ({ inputs, attrs, backend }) => {
    const x = inputs['x']!;
    return backend.run('ReverseV2', [
      x,
      tf.util.parseAxisParam(attrs['dims'] as number[], x.shape),
    ]);
  });
  register('Fill', ({ attrs, backend }) => {
    const { shape, value, dtype } = attrs as { shape: number[]; value: number; dtype: tf.DataType };
    const filled = backend.run('Fill', [shape, dtype === 'int32' ? { int: value } : value]);
    return dtype === 'bool' ? cast(backend, filled, dtype) : filled;
  });
  register('Range', ({ attrs, backend }) => {
    const { start, stop, step, dtype } = attrs as Record<'start' | 'stop' | 'step', number> & {
      dtype: tf.DataType;
    };
    const range = backend.run('Range', [start, stop, step]);
    return dtype === 'float32' ? range : cast(backend, range, dtype);
  });
  register('Cumsum', ({ inputs, attrs, backend }) => {
    const { axis, exclusive, reverse } = attrs as {
      axis: number;
      exclusive: boolean;
      reverse: boolean;
    };
    return backend.run('Cumsum', [inputs['x']!, { int: axis }], { exclusive, reverse });
  });
}

function registerParts(): void {
  register('Slice', ({ inputs, attrs, backend }) => {
    const x = inputs['x']!;
    const [begin, size] = tf.slice_util.parseSliceParams(
      x,
      attrs['begin'] as number[],
      attrs['size'] as number[],
    ) as [number[], number[]];
    return backend.run('Slice', [x, begin, size]);
  });
  register('PadV2', ({ inputs, attrs, backend }) => {
    const x = inputs['x']!;
    const paddings = attrs['paddings'] as [number, number][];
    if (paddings.length === 0) return same(backend, x);
    const table = backend.tensor(Int32Array.from(paddings.flat()), [paddings.length, 2], 'int32');
    const value = attrs['constantValue'] as number;
    return backend.run('PadV2', [x, table, x.dtype === 'int32' ? { int: value } : value]);
  });
  register('Concat', ({ inputs, attrs, backend }) => {
    const parts = Object.values(inputs);
    return concat(backend, parts, attrs['axis'] as number);
  });
  register('Pack', ({ inputs, attrs, backend }) => {
    const parts = Object.values(inputs);
    const type = { type: parts[0]!.dtype };
    return backend.run('Pack', parts, { N: parts.length, T: type, axis: attrs['axis'] as number });
  });
  register('Unpack', ({ inputs, attrs, backend }) => {
    const { shape } = inputs['value']!;
    const axis = attrs['axis'] as number;
    const num = shape.at(axis)!;
    return num === 0 ? [] : backend.runMany('Unpack', [inputs['value']!], { num, axis }, num);
  });
  register('SplitV', ({ inputs, attrs, backend }) => {
    const x = inputs['x']!;
    const [axis] = tf.util.parseAxisParam(attrs['axis'] as number, x.shape) as [number];
    const sizes = splitSizes(attrs['numOrSizeSplits'] as number | number[], x.shape[axis]!);
    const attributes = { num_split: sizes.length };
    return backend.runMany('SplitV', [x, sizes, { int: axis }], attributes, sizes.length);
  });
}

/** Lengths of the parts of an axis; one may be given as −1, for what is left. */
function splitSizes(given: number | readonly number[], length: number): number[] {
  if (typeof given === 'number') return new Array<number>(given).fill(length / given);
  const rest = length - given.reduce((sum, size) => sum + Math.max(0, size), 0);
  return given.map((size) => (size === -1 ? rest : size));
}

export function concat(backend: TensorflowBackend, parts: readonly Info[], axis: number): Info {
  if (parts.length === 1) return same(backend, parts[0]!);
  const attributes = { N: parts.length, T: { type: parts[0]!.dtype } };
  return backend.run('ConcatV2', [...parts, { int: axis }], attributes);
}

function registerIndexed(): void {
  register('GatherV2', ({ inputs, attrs, backend }) => {
    const { x, indices } = inputs as { x: Info; indices: Info };
    const { axis, batchDims } = attrs as { axis: number; batchDims: number };
    return backend.run('GatherV2', [x, indices, { int: axis }], { batch_dims: batchDims });
  });
  register('GatherNd', ({ inputs, backend }) =>
    backend.run('GatherNd', [inputs['params']!, inputs['indices']!]),
  );
  register('ScatterNd', ({ inputs, attrs, backend }) =>
    backend.run('ScatterNd', [inputs['indices']!, inputs['updates']!, attrs['shape'] as number[]]),
  );
  register('UnsortedSegmentSum', ({ inputs, attrs, backend }) => {
    const { x, segmentIds } = inputs as { x: Info; segmentIds: Info };
    const segments = { int: attrs['numSegments'] as number };
    return backend.run('UnsortedSegmentSum', [x, segmentIds, segments]);
  });
  register('OneHot', ({ inputs, attrs, backend }) => {
    const { depth, onValue, offValue, dtype } = attrs as Record<string, number> & {
      dtype: tf.DataType;
    };
    const hot = backend.run('OneHot', [inputs['indices']!, { int: depth! }, onValue!, offValue!]);
    return dtype === 'float32' ? hot : cast(backend, hot, dtype);
  });
  for (const name of ['ArgMax', 'ArgMin']) {
    register(name, ({ inputs, attrs, backend }) => {
      const x = inputs['x']!;
      const [axis] = tf.util.parseAxisParam(attrs['axis'] as number, x.shape) as [number];
      return backend.run(name, [x, { int: axis }], { output_type: { type: 'int32' } });
    });
  }
}
