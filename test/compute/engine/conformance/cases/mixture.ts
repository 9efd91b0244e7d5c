/** Gate, mixture and width of a Manticore block, and dropout. */
import * as tf from '@tensorflow/tfjs-core';
import {
  blend,
  cutTo,
  mixture,
  padTo,
  weightedSum,
} from '../../../../../server/compute/engine/kernels/blend';
import { addResidual } from '../../../../../server/compute/engine/kernels/residual';
import { dropout } from '../../../../../server/compute/engine/kernels/dropout';
import { caseList } from './case';

const { cases, add } = caseList();
export { cases as mixtureCases };

for (const [l, dx, dp, width] of [
  [7, 7, 7, 7],
  [7, 33, 7, 33],
  [7, 7, 33, 33],
  [7, 33, 33, 7],
  [7, 33, 130, 7],
  [7, 1, 1, 130],
  [65, 257, 65, 130],
  [0, 5, 3, 9],
] as const) {
  add(`blend l=${l} ${dx} ${dp} → ${width}`, [[2, l, dx], [2, l, dp], []], (x, p, a) =>
    blend(x, p, a, width),
  );
  add(`blend l=${l} ${dx} alone (beside ${dp}) → ${width}`, [[2, l, dx], []], (x, a) =>
    blend(x, undefined, a, width),
  );
}
for (const [l, width] of [
  [7, 33],
  [65, 257],
  [0, 5],
] as const) {
  add(
    `weightedSum l=${l} ${width}`,
    [[2, l, width], [2, l, width], [2, l, width], [], [], []],
    (...all) => weightedSum(all.slice(0, 3), all.slice(3)),
  );
}
add('weightedSum of one', [[2, 7, 33], []], (z, a) => weightedSum([z], [a]));
// A block of two components of other widths than the stream: one gated before it is mixed, one not, one of a constant weight.
for (const [l, d1, d2, width] of [
  [7, 33, 7, 33],
  [65, 257, 65, 130],
  [7, 5, 130, 33],
  [0, 5, 3, 9],
] as const) {
  add(
    `mixture l=${l} ${d1} ${d2} → ${width}`,
    [[2, l, d1], [], [], [2, l, width], [2, l, d2], [], [2, l, width], [], [2, l, d2]],
    (x, w, skip, projected, y, v, z, gate, q) =>
      mixture(
        [
          { x: x, weight: w, gate: { skip: skip, projected: projected } },
          { x: y, weight: v },
          { x: z, gate: { skip: gate, projected: q } },
        ],
        width,
      ),
  );
}
// The paper's gate: the weight of the mixture is the gate's too.
add('mixture of one weight for both', [[2, 7, 33], [], [2, 7, 33]], (x, a, p) =>
  mixture([{ x: x, weight: a, gate: { skip: a, projected: p } }], 33),
);
for (const shape of [
  [7, 33],
  [2, 65, 257],
  [0, 3],
]) {
  add(`residual [${String(shape)}]`, [shape, shape], (x, y) => addResidual(x, tf.mul(y, x)));
}
add('padTo', [[2, 7, 5]], (x) => padTo(x, 33));
add('cutTo', [[2, 7, 33]], (x) => cutTo(x, 5));
for (const shape of [
  [7, 33],
  [2, 65, 257],
  [0, 3],
]) {
  add(`dropout [${String(shape)}]`, [shape], (x) => dropout(x, { rate: 0.25, key: 99 }));
}
