/** Ops on rows: norms, activations, softmax, cross-entropy, embedding. */
import * as tf from '@tensorflow/tfjs-core';
import {
  gelu,
  silu,
  softplus,
  swiglu,
} from '../../../../../server/compute/engine/kernels/activations';
import { crossEntropy } from '../../../../../server/compute/engine/kernels/crossEntropy';
import { embedding } from '../../../../../server/compute/engine/kernels/embedding';
import { layerNorm, rmsNorm } from '../../../../../server/compute/engine/kernels/norms';
import { caseList, ids } from './case';

const { cases, add } = caseList();
export { cases as rowCases };

export const activations = {
  'gelu erf': (x: tf.Tensor) => gelu(x, 'erf'),
  'gelu tanh': (x: tf.Tensor) => gelu(x, 'tanh'),
  silu,
  softplus,
} as const;

export const IGNORE = -100;

/** Every fifth row, from the first on, has no target. */
export const targetsOf = (rows: number, vocabulary: number): tf.Tensor1D =>
  tf.tensor1d(
    Int32Array.from({ length: rows }, (_, i) => (i % 5 === 0 ? IGNORE : (i * 7) % vocabulary)),
    'int32',
  );

add('embedding', [[33, 7]], (table) => embedding(table, tf.reshape(ids(130, 33), [10, 13])));
add('embedding 70 of 65', [[65, 257]], (table) =>
  embedding(table, tf.reshape(ids(70, 65), [2, 35])),
);
add('embedding of no ids', [[5, 7]], (table) => embedding(table, tf.zeros([2, 0], 'int32')));

for (const d of [1, 7, 33, 130, 257, 600]) {
  // With one entry a row the variance is rounding alone, and its root as large as that of ε.
  if (d > 1) add(`layerNorm ${d}`, [[7, 33, d], [d], [d]], (x, g, b) => layerNorm(x, g, b, 1e-5));
  add(`rmsNorm ${d}`, [[7, 33, d], [d]], (x, g) => rmsNorm(x, g, 1e-5));
  for (const [name, f] of Object.entries(activations)) {
    add(`${name} ${d}`, [[7, d]], (x) => f(tf.mul(x, 3)));
  }
}
for (const shape of [[7, 33], [2, 65, 257], [1], [0, 3]]) {
  add(`swiglu [${String(shape)}]`, [shape, shape], (gate, up) => swiglu(tf.mul(gate, 3), up));
}
add('layerNorm of no rows', [[0, 7], [7], [7]], (x, g, b) => layerNorm(x, g, b, 1e-5));
add('rmsNorm of no rows', [[2, 0, 7], [7]], (x, g) => rmsNorm(x, g, 1e-5));
for (const [name, f] of Object.entries(activations)) add(`${name} of nothing`, [[0, 3]], f);

for (const [rows, v] of [
  [33, 2],
  [33, 7],
  [33, 33],
  [33, 130],
  [7, 257],
  [3, 600],
  [2, 5000],
  [0, 7],
] as const) {
  add(
    `crossEntropy ${rows} rows of ${v}`,
    [[rows, v]],
    (x) => crossEntropy(tf.mul(x, 3), targetsOf(rows, v), { ignore: IGNORE }).loss,
  );
}
for (const [rows, width] of [
  [7, 33],
  [3, 600],
  [1, 1],
] as const) {
  add(`softmax ${rows} rows of ${width}`, [[rows, width]], (x) => tf.softmax(x));
}
