/** Sums of everything, in one order whatever the moment. */
import type * as tf from '@tensorflow/tfjs-core';
import type { WebgpuBackend } from '../backend';
import { program, runProgram } from '../program';
import { WORKGROUP_SUM } from '../wgsl';

const TOTAL_LANES = 256;

const totalOf = program({
  name: 'total',
  inputs: { x: 'f32' },
  outputs: { total: 'f32' },
  uniforms: { size: 'u32' },
  lanes: TOTAL_LANES,
  code: `${WORKGROUP_SUM}
fn main(group: u32, lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < uniforms.size; i += LANES) { sum += x[i]; }
  let all = workgroupSum(sum, lane);
  if (lane == 0u) { total[0] = all; }
}`,
});

/** Σ of the first `size` entries, a scalar: one workgroup, for what others have summed before. */
export function total(backend: WebgpuBackend, x: tf.TensorInfo, size: number): tf.TensorInfo {
  return runProgram(backend, totalOf, {
    inputs: { x },
    outputs: { total: { shape: [] } },
    uniforms: { size },
    groups: 1,
  }).total;
}
