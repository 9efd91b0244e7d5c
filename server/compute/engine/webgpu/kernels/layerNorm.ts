/** Layer normalisation and its gradient (`kernels/norms.ts`): a workgroup a row. */
import type * as tf from '@tensorflow/tfjs-core';
import { rowsOf, widthOf } from '../../kernels/fused';
import { LAYER_NORM, LAYER_NORM_GRAD } from '../../kernels/norms';
import { program, runProgram } from '../program';
import { register } from '../register';
import { sumOfRows } from '../rowSums';
import { WORKGROUP_SUM } from '../wgsl';

const LANES = 128;

/** Mean and 1/√(variance + ε) of a row, the variance from what is left without the mean. */
const STATISTICS = `${WORKGROUP_SUM}
fn statistics(first: u32, lane: u32) -> vec2f {
  let d = f32(uniforms.width);
  var sum = 0.0;
  for (var i = lane; i < uniforms.width; i += LANES) { sum += x[first + i]; }
  let mean = workgroupSum(sum, lane) / d;
  var squares = 0.0;
  for (var i = lane; i < uniforms.width; i += LANES) {
    let centred = x[first + i] - mean;
    squares += centred * centred;
  }
  let variance = workgroupSum(squares, lane) / d;
  return vec2f(mean, inverseSqrt(variance + uniforms.epsilon));
}`;

const layerNorm = program({
  name: 'layerNorm',
  inputs: { x: 'f32', gain: 'f32', bias: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { width: 'u32', epsilon: 'f32' },
  lanes: LANES,
  code: `${STATISTICS}
fn main(row: u32, lane: u32) {
  let first = row * uniforms.width;
  let known = statistics(first, lane);
  for (var i = lane; i < uniforms.width; i += LANES) {
    y[first + i] = (x[first + i] - known.x) * known.y * gain[i] + bias[i];
  }
}`,
});

/** With z = (x − mean) · r and g = dy · gain: dx = r · (g − mean(g) − z · mean(g·z)). The rows' mean and r are kept. */
const layerNormGradInput = program({
  name: 'layerNormGradInput',
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
  let mean = workgroupSum(sum, lane) / d;
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

/** Rows that one workgroup adds up. */
const BLOCK = 64;

/** Σ over a block of rows of dy · z, and of dy; a lane a column. */
const layerNormGradParameters = program({
  name: 'layerNormGradParameters',
  inputs: { dy: 'f32', x: 'f32', known: 'f32' },
  outputs: { gains: 'f32', biases: 'f32' },
  uniforms: { rows: 'u32', width: 'u32' },
  lanes: LANES,
  code: `
fn main(group: u32, lane: u32) {
  let tiles = (uniforms.width + LANES - 1u) / LANES;
  let block = group / tiles;
  let column = (group % tiles) * LANES + lane;
  if (column >= uniforms.width) { return; }
  let end = min((block + 1u) * ${BLOCK}u, uniforms.rows);
  var ofGain = 0.0;
  var ofBias = 0.0;
  for (var row = block * ${BLOCK}u; row < end; row++) {
    let at = row * uniforms.width + column;
    ofGain += dy[at] * (x[at] - known[2u * row]) * known[2u * row + 1u];
    ofBias += dy[at];
  }
  gains[block * uniforms.width + column] = ofGain;
  biases[block * uniforms.width + column] = ofBias;
}`,
});

export function registerLayerNorm(): void {
  register(LAYER_NORM, ({ inputs, attrs, backend }) => {
    const { x, gain, bias } = inputs as Record<'x' | 'gain' | 'bias', tf.TensorInfo>;
    return runProgram(backend, layerNorm, {
      inputs: { x, gain, bias },
      outputs: { y: { shape: x.shape } },
      uniforms: { width: widthOf(x), epsilon: attrs['epsilon'] as number },
      groups: rowsOf(x),
    }).y;
  });
  register(LAYER_NORM_GRAD, ({ inputs, attrs, backend }) => {
    const { dy, x, gain } = inputs as Record<'dy' | 'x' | 'gain', tf.TensorInfo>;
    const [rows, width] = [rowsOf(x), widthOf(x)];
    const { dx, known } = runProgram(backend, layerNormGradInput, {
      inputs: { dy, x, gain },
      outputs: { dx: { shape: x.shape }, known: { shape: [rows, 2] } },
      uniforms: { width, epsilon: attrs['epsilon'] as number },
      groups: rows,
    });
    const blocks = Math.ceil(rows / BLOCK);
    const { gains, biases } = runProgram(backend, layerNormGradParameters, {
      inputs: { dy, x, known },
      outputs: { gains: { shape: [blocks, width] }, biases: { shape: [blocks, width] } },
      uniforms: { rows, width },
      groups: blocks * Math.ceil(width / LANES),
    });
    const dGain = sumOfRows(backend, gains);
    const dBias = sumOfRows(backend, biases);
    for (const { dataId } of [known, gains, biases]) backend.disposeData(dataId);
    return [dx, dGain, dBias];
  });
}
