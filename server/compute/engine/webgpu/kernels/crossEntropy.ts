/**
 * Softmax cross-entropy and its gradient (`kernels/crossEntropy.ts`). A workgroup goes over a row of logits once, each lane with a
 * maximum and a sum of its own that is scaled again as larger logits come up (Milakov & Gimelshein, arXiv 1805.02867). A target
 * that is no entry of the row makes its loss NaN: the GPU can't throw, and what it would read instead is someone else's logit.
 */
import type * as tf from '@tensorflow/tfjs-core';
import { CROSS_ENTROPY, CROSS_ENTROPY_GRAD } from '../../kernels/crossEntropy';
import { program, runProgram } from '../program';
import { register } from '../register';
import { checkIds } from './ids';
import { total } from './total';

const LANES = 256;

/** losses[row] = logSums[row] − logits[row, target], 0 where it is not scored; logSums[row] = log Σ exp(logits[row]). */
const rowLosses = program({
  name: 'crossEntropy',
  inputs: { logits: 'f32', targets: 'i32' },
  outputs: { losses: 'f32', logSums: 'f32' },
  uniforms: { width: 'u32', ignore: 'i32' },
  lanes: LANES,
  code: `
const LOWEST = -3.4028234e38f;
var<workgroup> largests: array<f32, LANES>;
var<workgroup> sums: array<f32, LANES>;

fn main(row: u32, lane: u32) {
  let first = row * uniforms.width;
  var largest = LOWEST;
  var sum = 0.0;
  for (var i = lane; i < uniforms.width; i += LANES) {
    let x = logits[first + i];
    let next = max(largest, x);
    sum = sum * exp(largest - next) + exp(x - next);
    largest = next;
  }
  largests[lane] = largest;
  sums[lane] = sum;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (lane < half) {
      let next = max(largests[lane], largests[lane + half]);
      sums[lane] = sums[lane] * exp(largests[lane] - next) + sums[lane + half] * exp(largests[lane + half] - next);
      largests[lane] = next;
    }
    workgroupBarrier();
  }
  if (lane > 0u) { return; }
  let logSum = largests[0] + log(sums[0]);
  logSums[row] = logSum;
  let wanted = targets[row];
  var loss = 0.0;
  if (wanted != uniforms.ignore) {
    let isEntry = wanted >= 0 && u32(wanted) < uniforms.width;
    loss = logSum - logits[first + u32(max(wanted, 0)) % uniforms.width];
    // Not written as a constant: compilers refuse one that is no number.
    if (!isEntry) { loss = bitcast<f32>(0x7fc00000u | row); }
  }
  losses[row] = loss;
}`,
});

/** Entries of a row that a workgroup takes. */
const CHUNK = 2048;

/** dlogits = (exp(logits − logSum) − [entry is the target]) · dy, 0 where the row is not scored. */
const logitGrads = program({
  name: 'crossEntropyGrad',
  inputs: { dy: 'f32', logits: 'f32', targets: 'i32', logSums: 'f32' },
  outputs: { dLogits: 'f32' },
  uniforms: { width: 'u32', ignore: 'i32' },
  lanes: LANES,
  code: `
fn main(group: u32, lane: u32) {
  let chunks = (uniforms.width + ${CHUNK - 1}u) / ${CHUNK}u;
  let row = group / chunks;
  let first = row * uniforms.width;
  let start = (group % chunks) * ${CHUNK}u;
  let end = min(start + ${CHUNK}u, uniforms.width);
  let wanted = targets[row];
  let scale = dy[0];
  let logSum = logSums[row];
  for (var i = start + lane; i < end; i += LANES) {
    var grad = 0.0;
    if (wanted != uniforms.ignore) {
      grad = (exp(logits[first + i] - logSum) - select(0.0, 1.0, wanted == i32(i))) * scale;
    }
    dLogits[first + i] = grad;
  }
}`,
});

export function registerCrossEntropy(): void {
  register(CROSS_ENTROPY, ({ inputs, attrs, backend }) => {
    const { logits, targets } = inputs as Record<'logits' | 'targets', tf.TensorInfo>;
    const [rows, width] = logits.shape as [number, number];
    const ignore = attrs['ignore'] as number;
    checkIds(backend, targets, width, ignore);
    const { losses, logSums } = runProgram(backend, rowLosses, {
      inputs: { logits, targets },
      outputs: { losses: { shape: [rows] }, logSums: { shape: [rows] } },
      uniforms: { width, ignore },
      groups: rows,
    });
    const loss = total(backend, losses, rows);
    backend.disposeData(losses.dataId);
    return [loss, logSums];
  });
  register(CROSS_ENTROPY_GRAD, ({ inputs, attrs, backend }) => {
    const { dy, logits, targets, logSums } = inputs as Record<
      'dy' | 'logits' | 'targets' | 'logSums',
      tf.TensorInfo
    >;
    const [rows, width] = logits.shape as [number, number];
    return runProgram(backend, logitGrads, {
      inputs: { dy, logits, targets, logSums },
      outputs: { dLogits: { shape: logits.shape } },
      uniforms: { width, ignore: attrs['ignore'] as number },
      groups: rows * Math.ceil(width / CHUNK),
    }).dLogits;
  });
}
