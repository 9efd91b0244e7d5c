/** The causal convolution as TensorFlow's own depthwise one, and the selective scan. */
import type * as tf from '@tensorflow/tfjs-core';
import { CAUSAL_CONV, CAUSAL_CONV_GRAD } from '../kernels/causalConv';
import { SELECTIVE_SCAN, SELECTIVE_SCAN_GRAD } from '../kernels/selectiveScan';
import type { TensorflowBackend } from './backend';
import { chunkedScan, chunkedScanGrad } from './chunkedScan';
import { Ops } from './fusedKernels';
import { register, type Call } from './standardKernels';

type Info = tf.TensorInfo;

/** On a processor the scan is our own kernel; where tensors lie on a GPU it is made of ops there. */
export function registerSequenceKernels(): void {
  register(CAUSAL_CONV, causalConv);
  register(CAUSAL_CONV_GRAD, causalConvGrad);
  register(SELECTIVE_SCAN, ({ inputs, backend }) => {
    const all = Object.values(inputs);
    return backend.host?.scan(backend, all) ?? chunkedScan(backend, all);
  });
  register(SELECTIVE_SCAN_GRAD, ({ inputs, backend }) => {
    const all = Object.values(inputs);
    return backend.host?.scanGrad(backend, all) ?? chunkedScanGrad(backend, all);
  });
}

/** Before the SiLU, on images of one row: [b, l, c]. */
function convolve(ops: Ops, x: Info, w: Info, bias: Info | undefined): Info {
  const { backend } = ops;
  const [b, l, c] = x.shape as [number, number, number];
  const k = w.shape[2]!;
  const padded = backend.run('Pad', [x, padding(backend, [k - 1, 0])]); // [b, k − 1 + l, c]
  const taps = backend.run('Transpose', [backend.reshape(w, [c, k]), [1, 0]]); // [k, c]
  const y = backend.run(
    'DepthwiseConv2dNative',
    [backend.reshape(padded, [b, 1, k - 1 + l, c]), backend.reshape(taps, [1, k, c, 1])],
    { strides: [1, 1, 1, 1], padding: 'VALID' },
  );
  const flat = backend.reshape(y, x.shape);
  return bias ? ops.add(flat, bias) : flat;
}

const isEmpty = (x: Info): boolean => x.shape.includes(0);

function causalConv({ inputs, attrs, backend }: Call): Info {
  const [x, w, bias] = Object.values(inputs) as [Info, Info, Info | undefined];
  const ops = new Ops(backend);
  if (isEmpty(x)) return ops.of('ZerosLike', x);
  const y = convolve(ops, x, w, bias);
  return attrs['silu'] === true ? ops.mul(y, ops.of('Sigmoid', y)) : y;
}

function causalConvGrad({ inputs, attrs, backend }: Call): Info[] {
  const [dy, x, w, bias] = Object.values(inputs) as [Info, Info, Info, Info | undefined];
  const ops = new Ops(backend);
  if (isEmpty(x)) {
    return [x, w, ...(bias ? [bias] : [])].map((input) => ops.of('ZerosLike', input));
  }
  const before = attrs['silu'] === true ? siluGrad(ops, dy, convolve(ops, x, w, bias)) : dy;
  const dx = convGradInput(ops, before, w);
  const grads = [dx, convGradTaps(ops, before, x, w)];
  return bias ? [...grads, ops.columnSums(before)] : grads;
}

/**
 * dx[t] = Σ_j w[j] · g[t + k − 1 − j], tap by tap: TensorFlow's own kernel for this computes several channels at once and lets
 * a NaN of one into the next. What lies beyond the end is 0, whatever the tap.
 */
function convGradInput({ add, mul, backend }: Ops, g: Info, w: Info): Info {
  const [b, l, c] = g.shape as [number, number, number];
  const k = w.shape[2]!;
  const turned = backend.run('Transpose', [backend.reshape(w, [c, k]), [1, 0]]);
  const taps = backend.runMany('Unpack', [turned], { num: k, axis: 0 }, k); // [c] each
  const terms = taps.flatMap((tap, j) => {
    const shift = k - 1 - j;
    if (shift >= l) return [];
    if (shift === 0) return [mul(g, tap)];
    const rest = backend.run('Slice', [g, [0, shift, 0], [b, l - shift, c]]);
    return [backend.run('Pad', [mul(rest, tap), padding(backend, [0, shift])])];
  });
  return terms.reduce((sum, term) => add(sum, term));
}

/**
 * dw[j] = Σ_{b,t} x[t − (k − 1 − j)] · g[t], tap by tap: TensorFlow's own kernel for this adds in any order on a GPU, and
 * refuses to where the same bits are asked for.
 */
function convGradTaps({ mul, columnSums, backend }: Ops, g: Info, x: Info, w: Info): Info {
  const [b, l, c] = x.shape as [number, number, number];
  const k = w.shape[2]!;
  const columns = Array.from({ length: k }, (_, j) => {
    const shift = k - 1 - j;
    if (shift >= l) return backend.run('Fill', [[c], 0]);
    const part = (of: Info, from: number): Info =>
      shift === 0 ? of : backend.run('Slice', [of, [0, from, 0], [b, l - shift, c]]);
    return backend.scope(() => columnSums(mul(part(x, 0), part(g, shift)))); // [c]
  });
  const taps = backend.run('Pack', columns, { N: k, T: { type: 'float32' }, axis: 1 }); // [c, k]
  return backend.reshape(taps, w.shape);
}

/** Zeros before and after the middle axis of three. */
const padding = (backend: TensorflowBackend, [before, after]: [number, number]): Info =>
  backend.cached(`padding ${before} ${after}`, () => ({
    values: Int32Array.of(0, 0, before, after, 0, 0),
    shape: [3, 2],
    dtype: 'int32',
  }));

function siluGrad({ add, sub, mul, of }: Ops, dy: Info, x: Info): Info {
  const s = of('Sigmoid', x);
  return mul(dy, mul(s, add(mul(x, sub(1, s)), 1)));
}
