/** Sums over the rows of a matrix, in the order of the rows: gradients of what every row shares. */
import type * as tf from '@tensorflow/tfjs-core';
import { rowsOf, widthOf } from '../kernels/fused';
import type { WebgpuBackend } from './backend';
import { program, runProgram } from './program';

const LANES = 128;

/** Rows that one workgroup adds up; the sums of the workgroups are added by a second run. */
const ROWS_A_BLOCK = 64;

/** sums[block, i] = Σ over the block's rows of x[row, i]; a lane a column. */
const blockSums = program({
  name: 'rowSums',
  inputs: { x: 'f32' },
  outputs: { sums: 'f32' },
  uniforms: { rows: 'u32', width: 'u32', block: 'u32' },
  lanes: LANES,
  code: `
fn main(group: u32, lane: u32) {
  let tiles = (uniforms.width + LANES - 1u) / LANES;
  let column = (group % tiles) * LANES + lane;
  if (column >= uniforms.width) { return; }
  let first = group / tiles * uniforms.block;
  let end = min(first + uniforms.block, uniforms.rows);
  var sum = 0.0;
  for (var row = first; row < end; row++) { sum += x[row * uniforms.width + column]; }
  sums[group / tiles * uniforms.width + column] = sum;
}`,
});

/** x [..., n] → [n]; zeros where there are no rows. */
export function sumOfRows(backend: WebgpuBackend, x: tf.TensorInfo): tf.TensorInfo {
  const [rows, width] = [rowsOf(x), widthOf(x)];
  const tiles = Math.ceil(width / LANES);
  const sumIn = (input: tf.TensorInfo, count: number, block: number, blocks: number) =>
    runProgram(backend, blockSums, {
      inputs: { x: input },
      outputs: { sums: { shape: blocks === 1 ? [width] : [blocks, width] } },
      uniforms: { rows: count, width, block },
      groups: blocks * tiles,
    }).sums;
  const blocks = Math.ceil(rows / ROWS_A_BLOCK);
  if (blocks <= 1) return sumIn(x, rows, Math.max(1, rows), 1);
  const parts = sumIn(x, rows, ROWS_A_BLOCK, blocks);
  const sums = sumIn(parts, blocks, blocks, 1);
  backend.disposeData(parts.dataId);
  return sums;
}
