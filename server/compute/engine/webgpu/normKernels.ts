/**
 * Root-mean-square and layer normalisation and their gradients (`kernels/norms.ts`): a workgroup a row. The former is the latter
 * without a mean (CENTRED is false) and without a bias.
 */
import type * as tf from '@tensorflow/tfjs-core';
import { rowsOf, widthOf } from '../kernels/fused';
import { LAYER_NORM, LAYER_NORM_GRAD, RMS_NORM, RMS_NORM_GRAD } from '../kernels/norms';
import type { WebgpuBackend } from './backend';
import { program, runProgram } from './program';
import { register, type Call } from './register';
import { sumOfRows } from './rowSums';
import { WORKGROUP_SUM } from './wgsl';

const LANES = 128;

/** Mean and r = 1/√(variance + ε) of a row, the variance from what is left without the mean. */
const STATISTICS = `${WORKGROUP_SUM}
fn statistics(first: u32, lane: u32) -> vec2f {
  let d = f32(uniforms.width);
  var mean = 0.0;
  if (CENTRED) {
    var sum = 0.0;
    for (var i = lane; i < uniforms.width; i += LANES) { sum += x[first + i]; }
    mean = workgroupSum(sum, lane) / d;
  }
  var squares = 0.0;
  for (var i = lane; i < uniforms.width; i += LANES) {
    let centred = x[first + i] - mean;
    squares += centred * centred;
  }
  let variance = workgroupSum(squares, lane) / d;
  return vec2f(mean, inverseSqrt(variance + uniforms.epsilon));
}`;

/** y = (x − mean) · r · gain (+ bias). */
const norm = program({
  name: 'norm',
  inputs: { x: 'f32', gain: 'f32', bias: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { width: 'u32', epsilon: 'f32' },
  lanes: LANES,
  code: `${STATISTICS}
fn main(row: u32, lane: u32) {
  let first = row * uniforms.width;
  let known = statistics(first, lane);
  for (var i = lane; i < uniforms.width; i += LANES) {
    var value = (x[first + i] - known.x) * known.y * gain[i];
    if (CENTRED) { value += bias[i]; }
    y[first + i] = value;
  }
}`,
});

/** With z = (x − mean) · r and g = dy · gain: dx = r · (g − mean(g) − z · mean(g·z)). The rows' mean and r are kept. */
const normGradInput = program({
  name: 'normGradInput',
  inputs: { dy: 'f32', x: 'f32', gain: 'f32' },
  outputs: { dx: 'f32', known: 'f32' },
  uniforms: { width: 'u32', epsilon: 'f32' },
  lanes: LANES,
  code: `${STATISTICS}
fn main(row: u32, lane: u32) {
  let first = row * uniforms.width;
  let own = statistics(first, lane);
  var sum = 0.0;
  var products = 0.0;
  for (var i = lane; i < uniforms.width; i += LANES) {
    let g = dy[first + i] * gain[i];
    sum += g;
    products += g * (x[first + i] - own.x) * own.y;
  }
  let d = f32(uniforms.width);
  var mean = 0.0;
  if (CENTRED) { mean = workgroupSum(sum, lane) / d; }
  let meanProduct = workgroupSum(products, lane) / d;
  for (var i = lane; i < uniforms.width; i += LANES) {
    let z = (x[first + i] - own.x) * own.y;
    dx[first + i] = own.y * (dy[first + i] * gain[i] - mean - z * meanProduct);
  }
  if (lane == 0u) {
    known[2u * row] = own.x;
    known[2u * row + 1u] = own.y;
  }
}`,
});

/** Rows that one workgroup adds up; the sums of the workgroups are added by `sumOfRows`. */
const ROWS_A_BLOCK = 64;

/** sums[block, i] = Σ over the block's rows of dy · z; a lane a column. */
const normGradGain = program({
  name: 'normGradGain',
  inputs: { dy: 'f32', x: 'f32', known: 'f32' },
  outputs: { sums: 'f32' },
  uniforms: { rows: 'u32', width: 'u32' },
  lanes: LANES,
  code: `
fn main(group: u32, lane: u32) {
  let tiles = (uniforms.width + LANES - 1u) / LANES;
  let block = group / tiles;
  let column = (group % tiles) * LANES + lane;
  if (column >= uniforms.width) { return; }
  let first = block * ${ROWS_A_BLOCK}u;
  let end = min(first + ${ROWS_A_BLOCK}u, uniforms.rows);
  var sum = 0.0;
  for (var row = first; row < end; row++) {
    let at = row * uniforms.width + column;
    sum += dy[at] * (x[at] - known[2u * row]) * known[2u * row + 1u];
  }
  sums[block * uniforms.width + column] = sum;
}`,
});

/** @param bias of layer normalisation alone */
function normed(
  backend: WebgpuBackend,
  { x, gain, bias }: Record<'x' | 'gain', tf.TensorInfo> & { bias?: tf.TensorInfo },
  attrs: Call['attrs'],
): tf.TensorInfo {
  return runProgram(backend, norm, {
    // Without a mean nothing reads a bias.
    inputs: { x, gain, bias: bias ?? gain },
    outputs: { y: { shape: x.shape } },
    uniforms: { width: widthOf(x), epsilon: attrs['epsilon'] as number },
    constants: { CENTRED: bias !== undefined },
    groups: rowsOf(x),
  }).y;
}

/** dx and dGain. */
function gradients(
  { inputs, attrs, backend }: Call,
  CENTRED: boolean,
): [tf.TensorInfo, tf.TensorInfo] {
  const { dy, x, gain } = inputs as Record<'dy' | 'x' | 'gain', tf.TensorInfo>;
  const [rows, width] = [rowsOf(x), widthOf(x)];
  const { dx, known } = runProgram(backend, normGradInput, {
    inputs: { dy, x, gain },
    outputs: { dx: { shape: x.shape }, known: { shape: [rows, 2] } },
    uniforms: { width, epsilon: attrs['epsilon'] as number },
    constants: { CENTRED },
    groups: rows,
  });
  const blocks = Math.ceil(rows / ROWS_A_BLOCK);
  const { sums } = runProgram(backend, normGradGain, {
    inputs: { dy, x, known },
    outputs: { sums: { shape: [blocks, width] } },
    uniforms: { rows, width },
    groups: blocks * Math.ceil(width / LANES),
  });
  const dGain = sumOfRows(backend, sums);
  for (const { dataId } of [known, sums]) backend.disposeData(dataId);
  return [dx, dGain];
}

export function registerNormKernels(): void {
  register(RMS_NORM, ({ inputs, attrs, backend }) => {
    const { x, gain } = inputs as Record<'x' | 'gain', tf.TensorInfo>;
    return normed(backend, { x, gain }, attrs);
  });
  register(RMS_NORM_GRAD, (call) => gradients(call, false));
  register(LAYER_NORM, ({ inputs, attrs, backend }) =>
    normed(backend, inputs as Record<'x' | 'gain' | 'bias', tf.TensorInfo>, attrs),
  );
  register(LAYER_NORM_GRAD, (call) => [
    ...gradients(call, true),
    sumOfRows(call.backend, call.inputs['dy']!),
  ]);
}
