/** tfjs's own ops that a training step uses. */
import * as tf from '@tensorflow/tfjs-core';
import { caseList, ids } from './case';

const { cases, add } = caseList();
export { cases as standardCases };

const pairs: [number[], number[]][] = [
  [
    [7, 33],
    [7, 33],
  ],
  [[7, 33], [33]],
  [[33], [7, 33]],
  [
    [2, 7, 33],
    [2, 7, 1],
  ],
  [[7, 33], []],
  [[], [7, 33]],
  [
    [2, 7, 33],
    [1, 7, 33],
  ],
  [
    [7, 1],
    [1, 33],
  ],
  [
    [2, 1, 3],
    [2, 5, 3],
  ],
  [[257, 600], [600]],
  [[0, 3], [3]],
  [
    [0, 3],
    [0, 3],
  ],
];
for (const [name, f] of Object.entries({ add: tf.add, sub: tf.sub, mul: tf.mul, div: tf.div })) {
  for (const [a, b] of pairs) {
    add(`${name} [${String(a)}] [${String(b)}]`, [a, b], (x, y) => f(x, y), {
      // Away from 0, for the quotient.
      prepare: (values) => values.map((x) => x + Math.sign(x)),
    });
  }
}
for (const axis of [[0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2]]) {
  add(`sum over ${String(axis)}`, [[3, 7, 33]], (x) => tf.sum(x, axis));
  add(`mean over ${String(axis)}, kept`, [[3, 7, 33]], (x) => tf.mean(x, axis, true));
}
add('sum over rows of 600', [[65, 600]], (x) => tf.sum(x, -1));
add('sum over columns of 600', [[600, 65]], (x) => tf.sum(x, 0));
for (const perm of [
  [1, 0, 2],
  [2, 0, 1],
  [0, 2, 1],
  [2, 1, 0],
]) {
  add(`transpose ${String(perm)}`, [[3, 7, 33]], (x) => tf.transpose(x, perm));
}
add('transpose of five axes', [[2, 3, 4, 5, 6]], (x) => tf.transpose(x, [3, 1, 4, 0, 2]));
add('transpose of nothing', [[0, 3]], (x) => tf.transpose(x));
add('slice', [[3, 7, 33]], (x) => tf.slice(x, [1, 2, 3], [2, 4, 25]));
add('slice of nothing', [[3, 7]], (x) => tf.slice(x, [1, 2], [2, 0]));
add('split and concat', [[3, 7, 33]], (x) => tf.concat(tf.split(x, [5, 8, 20], 2).reverse(), 2));
const rows = [
  [3, 7],
  [1, 7],
];
add('concat first axis', rows, (x, y) => tf.concat([x, y], 0));
add('pad', [[3, 7]], (x) =>
  tf.pad(x, [
    [1, 2],
    [0, 3],
  ]),
);
add('exp, neg, square', [[7, 33]], (x) => tf.square(tf.exp(tf.neg(x))));
add('cast of ids', [[7]], (x) => tf.mul(x, tf.cast(ids(7, 5), 'float32')));
add('unstack and stack', [[3, 7, 5]], (x) => tf.stack(tf.unstack(x, 1).reverse(), 1));
