/** What only kernels in WGSL can get wrong: sizes beyond a tile, sums that depend on the moment, what a GPU can't throw. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import type { Engine } from '../../../../server/compute/engine/engine';
import { gradients } from '../../../../server/compute/engine/gradients';
import { attention, attentionAppend } from '../../../../server/compute/engine/kernels/attention';
import { crossEntropy } from '../../../../server/compute/engine/kernels/crossEntropy';
import { embedding } from '../../../../server/compute/engine/kernels/embedding';
import { selectiveScan } from '../../../../server/compute/engine/kernels/selectiveScan';
import type { WebgpuBackend } from '../../../../server/compute/engine/webgpu/backend';
import { attentionLoop } from '../conformance/attentionLoop';
import { assertClose, type Values } from '../conformance/compare';
import { valuesOf } from '../conformance/evaluate';
import { randomTensor, randomValues, randomVariable } from '../conformance/random';
import { onWebgpu, open } from './onWebgpu';

/** Gradients of Σ f · weights. */
async function gradientsOf(f: () => tf.Tensor, variables: tf.Variable[]): Promise<Values[]> {
  const { value, grads } = gradients(() => {
    const y = f();
    return tf.sum<tf.Scalar>(tf.mul(y, randomTensor(y.shape, 77)));
  }, variables);
  value.dispose();
  return valuesOf(grads as tf.Tensor[]);
}

onWebgpu('kernels in WGSL', function () {
  let engine: Engine;
  let backend: WebgpuBackend;
  before(async () => ({ engine, backend } = await open()));
  afterEach(() => engine.settled?.());
  after(() => engine.dispose());

  // Heads of one, three and four slices, whole quads and not; a row alone has a kernel of its own.
  for (const [headDim, lq, lk, window] of [
    [20, 37, 45, 40],
    [75, 37, 45, 40],
    [128, 37, 45, 40],
    [20, 1, 300, 270],
    [75, 1, 150, 3],
    [128, 1, 33, 40],
  ] as const) {
    it(`attends with heads of ${headDim}, ${lq} queries to ${lk} keys`, async () => {
      const shape = { batch: 2, heads: 2, lq, lk, headDim };
      const options = { scale: 1 / Math.sqrt(headDim), window, dropout: { rate: 0.1, key: 3 } };
      const width = 2 * headDim;
      const variables = [lq, lk, lk].map((l, i) => randomVariable([2, l, width], i + 1));
      const [q, k, v] = variables as [tf.Variable, tf.Variable, tf.Variable];
      const attend = () => attention({ q, k, v }, { heads: 2, offset: lk - lq, ...options });
      const [y] = await valuesOf([attend()]);
      const [dq, dk, dv] = await gradientsOf(attend, variables);
      const values = [lq, lk, lk].map((l, i) => randomValues(2 * l * width, i + 1));
      const dy = randomValues(2 * lq * width, 77);
      const known = { q: values[0]!, k: values[1]!, v: values[2]! };
      const loop = attentionLoop(known, dy, shape, options);
      const found = { y, dq, dk, dv };
      for (const name of ['y', 'dq', 'dk', 'dv'] as const) {
        assertClose(found[name]!, Float32Array.from(loop[name]), name);
      }
      tf.dispose(variables);
    });
  }

  it('looks at no key behind the query, whatever that is', async () => {
    const [q, k, v] = [1, 5, 5].map((l, i) => randomTensor([1, l, 8], i + 1)) as [
      ...[tf.Tensor, tf.Tensor, tf.Tensor],
    ];
    const room = tf.fill([1, 60, 24], Infinity);
    const cache = tf.variable(tf.concat([tf.concat([k, k, v], 2), room], 1)); // [1, 65, 24]
    const qkv = tf.concat(
      [q, tf.slice(k, [0, 4, 0], [1, 1, 8]), tf.slice(v, [0, 4, 0], [1, 1, 8])],
      2,
    );
    const options = { heads: 2, scale: 0.5 };
    const own = attentionAppend(qkv as tf.Tensor3D, cache as tf.Tensor3D, 4, 'blocks', options);
    const [actual, expected] = await valuesOf([
      own,
      attention({ q, k, v }, { ...options, offset: 4 }),
    ]);
    assertClose(actual!, expected!, 'y');
    tf.dispose([q, k, v, room, cache, qkv, own]);
  });

  // Sums cut in several parts, and columns beyond a workgroup's.
  for (const [k, n] of [
    [1100, 5],
    [530, 70],
    [3, 700],
  ] as const) {
    for (const turned of [false, true]) {
      it(`multiplies a row by ${k} × ${n}, turned: ${turned}`, async () => {
        const [batches, a] = [3, randomTensor([3, 1, k], 1)];
        const b = randomTensor(turned ? [3, n, k] : [3, k, n], 2);
        const [x, y, z] = await valuesOf([a, b, tf.matMul(a, b, false, turned)]);
        const expected = Float32Array.from({ length: batches * n }, (_, at) => {
          const [batch, column] = [Math.floor(at / n), at % n];
          let sum = 0;
          for (let i = 0; i < k; i++) {
            const entry = turned ? column * k + i : i * n + column;
            sum += x![batch * k + i]! * y![batch * k * n + entry]!;
          }
          return sum;
        });
        assertClose(z!, expected, 'product');
      });
    }
  }

  it('adds up the rows of each id, of any number of them', async () => {
    const [vocabulary, width, count] = [37, 19, 1100];
    const table = randomVariable([vocabulary, width]);
    const values = Int32Array.from({ length: count }, (_, i) => (i * i * 7) % 31);
    const ids = tf.tensor2d(values, [2, count / 2], 'int32');
    const [grad] = await gradientsOf(() => embedding(table, ids), [table]);
    const dy = randomValues(count * width, 77);
    const expected = new Float64Array(vocabulary * width);
    values.forEach((id, i) => {
      for (let j = 0; j < width; j++) expected[id * width + j]! += dy[i * width + j]!;
    });
    assertClose(grad!, Float32Array.from(expected), 'dTable');
    tf.dispose([table, ids]);
  });

  it('gives the same bits each time where many lanes add up to one number', async () => {
    const ids = tf.tensor1d(
      Int32Array.from({ length: 700 }, (_, i) => (i * i) % 40),
      'int32',
    );
    const table = randomVariable([40, 130]);
    const tokens = tf.reshape(ids, [2, 350]);
    const [b, l, c, n] = [2, 70, 90, 16];
    const shapes = [[b, l, c], [b, l, c], [c, n], [b, l, n], [b, l, n], [c]];
    const scanned = shapes.map((shape, i) => randomVariable(shape, i));
    const [u, delta, A, B, C, D] = scanned as [
      ...[tf.Variable, tf.Variable, tf.Variable, tf.Variable, tf.Variable, tf.Variable],
    ];
    const scan = () => selectiveScan({ u, delta: tf.abs(delta), A: tf.neg(tf.abs(A)), B, C, D });
    const all = async () => [
      ...(await gradientsOf(() => embedding(table, tokens), [table])),
      ...(await gradientsOf(scan, scanned)),
    ];
    const first = await all();
    for (let again = 0; again < 3; again++) assert.deepEqual(await all(), first);
    tf.dispose([ids, table, tokens, ...scanned]);
  });

  it('refuses ids outside the table, as long as it sees them', () => {
    const table = randomTensor([5, 3]);
    const ids = tf.tensor2d([[1, 5]], [1, 2], 'int32');
    assert.throws(() => embedding(table, ids), /token 5 at position 1 is not in a vocabulary of 5/);
    const targets = tf.tensor1d([0, -7], 'int32');
    const score = () => crossEntropy(randomTensor([2, 3]), targets, { ignore: -100 });
    assert.throws(score, /token -7 at position 1 is not in a vocabulary of 3/);
    tf.dispose([table, ids, targets]);
  });

  it('makes the loss of a target outside the vocabulary NaN where it can no longer throw', async () => {
    const logits = randomTensor([2, 3]);
    const targets = tf.tensor1d([0, 3], 'int32');
    backend.bufferOf(targets); // brings them to the GPU
    const { loss } = crossEntropy(logits, targets, { ignore: -100 });
    const [value] = await valuesOf([loss]);
    assert.ok(Number.isNaN(value![0]), String(value![0]));
    tf.dispose([logits, targets]);
  });
});
