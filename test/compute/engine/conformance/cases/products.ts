/** Matrix products: linear maps and batched matMul. Sizes cross the edges of tiles, blocks and workgroups. */
import * as tf from '@tensorflow/tfjs-core';
import { linear } from '../../../../../server/compute/engine/kernels/linear';
import { caseList } from './case';

const { cases, add } = caseList();
export { cases as productCases };

for (const [m, k, n] of [
  [1, 7, 33],
  [7, 1, 130],
  [33, 130, 7],
  [130, 33, 1],
  [130, 300, 130],
  [400, 7, 600],
  [1, 130, 600],
  [65, 257, 65],
  [257, 65, 64],
  // Nothing to multiply: no rows, no columns, empty sums.
  [0, 7, 5],
  [7, 5, 0],
  [5, 0, 7],
] as const) {
  for (const transposed of [true, false]) {
    const w = transposed ? [n, k] : [k, n];
    add(`linear ${m}×${k}×${n} transposed=${transposed}`, [[m, k], w, [n]], (x, w_, b) =>
      linear(x, w_, b, { transposed }),
    );
  }
}
const noBias = [
  [2, 7, 5],
  [9, 5],
];
add('linear without bias, three axes', noBias, (x, w) =>
  linear(x, w, undefined, { transposed: true }),
);
for (const [turnA, turnB] of [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const) {
  for (const [batch, m, k, n] of [
    [3, 7, 33, 13],
    [2, 65, 70, 130],
    [0, 7, 3, 5],
  ] as const) {
    add(
      `matMul of ${batch} ${m}×${k}×${n}, turned ${turnA} ${turnB}`,
      [turnA ? [batch, k, m] : [batch, m, k], turnB ? [batch, n, k] : [batch, k, n]],
      (a, b) => tf.matMul(a, b, turnA, turnB),
    );
  }
}
