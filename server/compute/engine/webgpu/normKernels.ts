/** Root-mean-square normalisation and its gradient (`kernels/norms.ts`): a workgroup a row. */
import type * as tf from '@tensorflow/tfjs-core';
import { rowsOf, widthOf } from '../kernels/fused';
import { RMS_NORM, RMS_NORM_GRAD } from '../kernels/norms';
import { program, runProgram } from './program';
import { register } from './register';
import { WORKGROUP_SUM } from './wgsl';

const LANES = 128;

/** y = x · r · gain with r = 1 / √(mean(x²) + ε). */
const rmsNorm = program({
  name: 'rmsNorm',
  inputs: { x: 'f32', gain: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { width: 'u32', epsilon: 'f32' },
  lanes: LANES,
  code: `${WORKGROUP_SUM}
fn main(row: u32, lane: u32) {
  let first = row * uniforms.width;
  var squares = 0.0;
  for (var i = lane; i < uniforms.width; i += LANES) {
    squares += x[first + i] * x[first + i];
  }
  let meanSquare = workgroupSum(squares, lane) / f32(uniforms.width);
  let r = inverseSqrt(meanSquare + uniforms.epsilon);
  for (var i = lane; i < uniforms.width; i += LANES) {
    y[first + i] = x[first + i] * r * gain[i];
  }
}`,
});

/** dx = r · (dy·gain − x · r² · mean(dy·gain·x)); the scales r [rows] are what dGain needs. */
const rmsNormGradInput = program({
  name: 'rmsNormGradInput',
  inputs: { dy: 'f32', x: 'f32', gain: 'f32' },
  outputs: { dx: 'f32', scales: 'f32' },
  uniforms: { width: 'u32', epsilon: 'f32' },
  lanes: LANES,
  code: `${WORKGROUP_SUM}
fn main(row: u32, lane: u32) {
  let first = row * uniforms.width;
  var squares = 0.0;
  var products = 0.0;
  for (var i = lane; i < uniforms.width; i += LANES) {
    let value = x[first + i];
    squares += value * value;
    products += dy[first + i] * gain[i] * value;
  }
  let d = f32(uniforms.width);
  let meanSquare = workgroupSum(squares, lane) / d;
  let meanProduct = workgroupSum(products, lane) / d;
  let r = inverseSqrt(meanSquare + uniforms.epsilon);
  for (var i = lane; i < uniforms.width; i += LANES) {
    dx[first + i] = r * (dy[first + i] * gain[i] - x[first + i] * r * r * meanProduct);
  }
  if (lane == 0u) { scales[row] = r; }
}`,
});

/** Rows that one workgroup adds up; the sums of the workgroups are added by the next program. */
const ROWS_A_BLOCK = 64;

/** sums[block, i] = Σ over the block's rows of dy·x·r; a lane a column. */
const rmsNormGradGain = program({
  name: 'rmsNormGradGain',
  inputs: { dy: 'f32', x: 'f32', scales: 'f32' },
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
    sum += dy[at] * x[at] * scales[row];
  }
  sums[block * uniforms.width + column] = sum;
}`,
});

/** total[i] = Σ over rows of x[row, i], in the order of the rows; a lane a column. */
export const columnSum = program({
  name: 'columnSum',
  inputs: { x: 'f32' },
  outputs: { total: 'f32' },
  uniforms: { rows: 'u32', width: 'u32' },
  lanes: LANES,
  code: `
fn main(group: u32, lane: u32) {
  let column = group * LANES + lane;
  if (column >= uniforms.width) { return; }
  var sum = 0.0;
  for (var row = 0u; row < uniforms.rows; row++) { sum += x[row * uniforms.width + column]; }
  total[column] = sum;
}`,
});

export function registerNormKernels(): void {
  register(RMS_NORM, ({ inputs, attrs, backend }) => {
    const { x, gain } = inputs as { x: tf.TensorInfo; gain: tf.TensorInfo };
    const { y } = runProgram(backend, rmsNorm, {
      inputs: { x, gain },
      outputs: { y: { shape: x.shape } },
      uniforms: { width: widthOf(x), epsilon: attrs['epsilon'] as number },
      groups: rowsOf(x),
    });
    return y;
  });
  register(RMS_NORM_GRAD, ({ inputs, attrs, backend }) => {
    const { dy, x, gain } = inputs as Record<'dy' | 'x' | 'gain', tf.TensorInfo>;
    const [rows, width] = [rowsOf(x), widthOf(x)];
    const { dx, scales } = runProgram(backend, rmsNormGradInput, {
      inputs: { dy, x, gain },
      outputs: { dx: { shape: x.shape }, scales: { shape: [rows] } },
      uniforms: { width, epsilon: attrs['epsilon'] as number },
      groups: rows,
    });
    const blocks = Math.ceil(rows / ROWS_A_BLOCK);
    const tiles = Math.ceil(width / LANES);
    const { sums } = runProgram(backend, rmsNormGradGain, {
      inputs: { dy, x, scales },
      outputs: { sums: { shape: [blocks, width] } },
      uniforms: { rows, width },
      groups: blocks * tiles,
    });
    backend.disposeData(scales.dataId);
    const { total } = runProgram(backend, columnSum, {
      inputs: { x: sums },
      outputs: { total: { shape: [width] } },
      uniforms: { rows: blocks, width },
      groups: tiles,
    });
    backend.disposeData(sums.dataId);
    return [dx, total];
  });
}
