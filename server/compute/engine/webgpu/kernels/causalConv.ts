/**
 * Causal depthwise convolution with its SiLU, and the gradient (`kernels/causalConv.ts`). With z what goes into the SiLU and
 * g = dy · silu′(z): dx[t] = Σ_j w[j] · g[t + (k−1) − j], dw[j] = Σ_{b,t} g[t] · x[t − (k−1) + j], dbias = Σ_{b,t} g[t].
 */
import * as tf from '@tensorflow/tfjs-core';
import { CAUSAL_CONV, CAUSAL_CONV_GRAD } from '../../kernels/causalConv';
import type { WebgpuBackend } from '../backend';
import { program, runProgram } from '../program';
import { register } from '../register';
import { sumOfRows } from '../rowSums';
import { ACTIVATIONS, kindConstant } from './activations';
import { FLAT_LANES, flatGroups, flatMain } from './flat';

const uniforms = { size: 'u32', length: 'u32', channels: 'u32', taps: 'u32' } as const;

/** `convolved(i)`: z of entry i, [b, l, c]. */
const CONVOLVED = `
fn convolved(i: u32) -> f32 {
  let channel = i % uniforms.channels;
  let position = (i / uniforms.channels) % uniforms.length;
  var z = 0.0;
  if (HAS_BIAS) { z = bias[channel]; }
  for (var j = 0u; j < uniforms.taps; j++) {
    let back = uniforms.taps - 1u - j;
    if (back <= position) { z += w[channel * uniforms.taps + j] * x[i - back * uniforms.channels]; }
  }
  return z;
}`;

const forward = program({
  name: 'causalConv',
  inputs: { x: 'f32', w: 'f32', bias: 'f32' },
  outputs: { y: 'f32' },
  uniforms,
  lanes: FLAT_LANES,
  code: `${ACTIVATIONS}${CONVOLVED}${flatMain(`let z = convolved(i);
    if (HAS_SILU) { y[i] = activate(z); } else { y[i] = z; }`)}`,
});

/** g = dy · silu′(z). */
const innerGrad = program({
  name: 'causalConvInnerGrad',
  inputs: { dy: 'f32', x: 'f32', w: 'f32', bias: 'f32' },
  outputs: { g: 'f32' },
  uniforms,
  lanes: FLAT_LANES,
  code: `${ACTIVATIONS}${CONVOLVED}${flatMain('g[i] = dy[i] * slope(convolved(i));')}`,
});

const inputGrad = program({
  name: 'causalConvGradInput',
  inputs: { g: 'f32', w: 'f32' },
  outputs: { dx: 'f32' },
  uniforms,
  lanes: FLAT_LANES,
  code: flatMain(`let channel = i % uniforms.channels;
    let after = uniforms.length - 1u - (i / uniforms.channels) % uniforms.length;
    var sum = 0.0;
    for (var ahead = 0u; ahead < min(uniforms.taps, after + 1u); ahead++) {
      let j = uniforms.taps - 1u - ahead;
      sum += w[channel * uniforms.taps + j] * g[i + ahead * uniforms.channels];
    }
    dx[i] = sum;`),
});

const LANES = 64;

/** Positions, of all sequences in a row, that one workgroup adds up. */
const BLOCK = 128;

/**
 * sums[block] = Σ over a block of positions of g · x for each tap, [c, k], then of g, [c]: a lane a channel, a workgroup a tap.
 */
const parameterSums = program({
  name: 'causalConvGradParameters',
  inputs: { g: 'f32', x: 'f32' },
  outputs: { sums: 'f32' },
  uniforms: { ...uniforms, tokens: 'u32' },
  lanes: LANES,
  code: `
fn main(group: u32, lane: u32) {
  let tiles = (uniforms.channels + LANES - 1u) / LANES;
  let channel = (group % tiles) * LANES + lane;
  if (channel >= uniforms.channels) { return; }
  let j = (group / tiles) % (uniforms.taps + 1u);
  let block = group / tiles / (uniforms.taps + 1u);
  let end = min((block + 1u) * ${BLOCK}u, uniforms.tokens);
  let isBias = j == uniforms.taps;
  let back = uniforms.taps - 1u - min(j, uniforms.taps - 1u);
  var sum = 0.0;
  for (var token = block * ${BLOCK}u; token < end; token++) {
    let at = token * uniforms.channels + channel;
    if (isBias) {
      sum += g[at];
    } else if (back <= token % uniforms.length) {
      sum += g[at] * x[at - back * uniforms.channels];
    }
  }
  let first = block * uniforms.channels * (uniforms.taps + 1u);
  let own = select(channel * uniforms.taps + j, uniforms.channels * uniforms.taps + channel, isBias);
  sums[first + own] = sum;
}`,
});

/** Entries of x from `first` on. */
const part = program({
  name: 'part',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { size: 'u32', first: 'u32' },
  lanes: FLAT_LANES,
  code: flatMain('y[i] = x[uniforms.first + i];'),
});

function partOf(
  backend: WebgpuBackend,
  x: tf.TensorInfo,
  first: number,
  shape: readonly number[],
): tf.TensorInfo {
  const size = tf.util.sizeFromShape([...shape]);
  const call = { uniforms: { size, first }, groups: flatGroups(size) };
  return runProgram(backend, part, { inputs: { x }, outputs: { y: { shape } }, ...call }).y;
}

function common(x: tf.TensorInfo, w: tf.TensorInfo, bias: tf.TensorInfo | undefined) {
  const [, length, channels] = x.shape as [number, number, number];
  const size = tf.util.sizeFromShape(x.shape);
  return {
    uniforms: { size, length, channels, taps: w.shape[2]! },
    constants: { ...kindConstant('silu'), HAS_BIAS: bias !== undefined },
    groups: flatGroups(size),
  };
}

export function registerCausalConv(): void {
  register(CAUSAL_CONV, ({ inputs, attrs, backend }) => {
    const [x, w, bias] = Object.values(inputs) as [
      ...[tf.TensorInfo, tf.TensorInfo, tf.TensorInfo | undefined],
    ];
    const call = common(x, w, bias);
    return runProgram(backend, forward, {
      // Without a bias nothing reads it.
      inputs: { x, w, bias: bias ?? w },
      outputs: { y: { shape: x.shape } },
      ...call,
      constants: { ...call.constants, HAS_SILU: attrs['silu'] === true },
    }).y;
  });
  register(CAUSAL_CONV_GRAD, ({ inputs, attrs, backend }) => {
    const [dy, x, w, bias] = Object.values(inputs) as [
      ...[tf.TensorInfo, tf.TensorInfo, tf.TensorInfo, tf.TensorInfo | undefined],
    ];
    const call = common(x, w, bias);
    const g =
      attrs['silu'] === true
        ? runProgram(backend, innerGrad, {
            inputs: { dy, x, w, bias: bias ?? w },
            outputs: { g: { shape: x.shape } },
            ...call,
          }).g
        : dy;
    const outputs = { dx: { shape: x.shape } };
    const { dx } = runProgram(backend, inputGrad, { inputs: { g, w }, outputs, ...call });
    const grads = parameterGrads(backend, { g, x, w, bias }, call.uniforms);
    if (g !== dy) backend.disposeData(g.dataId);
    return [dx, ...grads];
  });
}

function parameterGrads(
  backend: WebgpuBackend,
  { g, x, w, bias }: Record<'g' | 'x' | 'w', tf.TensorInfo> & { bias: tf.TensorInfo | undefined },
  sizes: Record<keyof typeof uniforms, number>,
): tf.TensorInfo[] {
  const { channels, taps } = sizes;
  const tokens = x.shape[0]! * x.shape[1]!;
  const blocks = Math.ceil(tokens / BLOCK);
  const { sums } = runProgram(backend, parameterSums, {
    inputs: { g, x },
    outputs: { sums: { shape: [blocks, channels * (taps + 1)] } },
    uniforms: { ...sizes, tokens },
    groups: blocks * (taps + 1) * Math.ceil(channels / LANES),
  });
  const both = sumOfRows(backend, sums);
  const dw = partOf(backend, both, 0, w.shape);
  const grads = bias ? [dw, partOf(backend, both, channels * taps, bias.shape)] : [dw];
  for (const { dataId } of [sums, both]) backend.disposeData(dataId);
  return grads;
}
