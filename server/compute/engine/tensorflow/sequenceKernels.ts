/** The causal convolution as TensorFlow's own depthwise one, and the selective scan. */
import type * as tf from '@tensorflow/tfjs-core';
import { CAUSAL_CONV, CAUSAL_CONV_GRAD } from '../kernels/causalConv';
import { SELECTIVE_SCAN, SELECTIVE_SCAN_GRAD } from '../kernels/selectiveScan';
import type { TensorflowBackend } from './backend';
import { Ops } from './fusedKernels';
import { register, type Call } from './standardKernels';

type Info = tf.TensorInfo;

/** @param byHost whether backends have our own kernels on this machine's processor; else the scan is its composite */
export function registerSequenceKernels(byHost: boolean): void {
  register(CAUSAL_CONV, causalConv);
  register(CAUSAL_CONV_GRAD, causalConvGrad);
  if (!byHost) return;
  register(SELECTIVE_SCAN, ({ inputs, backend }) =>
    backend.host!.scan(backend, Object.values(inputs)),
  );
  register(SELECTIVE_SCAN_GRAD, ({ inputs, backend }) =>
    backend.host!.scanGrad(backend, Object.values(inputs)),
  );
}

/** Images of one row: [b, 1, k − 1 + l, c], and the taps as [1, k, c, 1]. */
function asImages(backend: TensorflowBackend, x: Info, w: Info): { images: Info; taps: Info } {
  const [b, l, c] = x.shape as [number, number, number];
  const k = w.shape[2]!;
  const padded = backend.run('Pad', [x, padding(backend, [k - 1, 0])]); // [b, k − 1 + l, c]
  const taps = backend.run('Transpose', [backend.reshape(w, [c, k]), [1, 0]]); // [k, c]
  return {
    images: backend.reshape(padded, [b, 1, k - 1 + l, c]),
    taps: backend.reshape(taps, [1, k, c, 1]),
  };
}

const convolution = { strides: [1, 1, 1, 1], padding: 'VALID' } as const;

/** Before the SiLU: [b, l, c]. */
function convolve(ops: Ops, x: Info, w: Info, bias: Info | undefined): Info {
  const { backend } = ops;
  const { images, taps } = asImages(backend, x, w);
  const y = backend.run('DepthwiseConv2dNative', [images, taps], convolution);
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
  const [b, l, c] = x.shape as [number, number, number];
  const k = w.shape[2]!;
  const before = attrs['silu'] === true ? siluGrad(ops, dy, convolve(ops, x, w, bias)) : dy;
  const dx = convGradInput(ops, before, w);
  const g = backend.reshape(before, [b, 1, l, c]);
  const { images } = asImages(backend, x, w);
  const dTaps = backend.run(
    'DepthwiseConv2dNativeBackpropFilter',
    [images, [1, k, c, 1], g],
    convolution,
  );
  const turned = backend.run('Transpose', [backend.reshape(dTaps, [k, c]), [1, 0]]);
  const grads = [dx, backend.reshape(turned, w.shape)];
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
