/** What only kernels in WGSL can get wrong: sizes beyond a tile, sums that depend on the moment, what a GPU can't throw. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import type { Engine } from '../../../../server/compute/engine/engine';
import { gradients } from '../../../../server/compute/engine/gradients';
import { attention } from '../../../../server/compute/engine/kernels/attention';
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

  // Heads of one, three and four slices; whole quads and not.
  for (const headDim of [20, 75, 128]) {
    it(`attends with heads of ${headDim}, longer than a tile`, async () => {
      const shape = { batch: 1, heads: 2, lq: 37, lk: 45, headDim };
      const options = { scale: 1 / Math.sqrt(headDim), window: 40, dropout: { rate: 0.1, key: 3 } };
      const width = 2 * headDim;
      const variables = [37, 45, 45].map((l, i) => randomVariable([1, l, width], i + 1));
      const [q, k, v] = variables as [tf.Variable, tf.Variable, tf.Variable];
      const attend = () => attention({ q, k, v }, { heads: 2, offset: 8, ...options });
      const [y] = await valuesOf([attend()]);
      const [dq, dk, dv] = await gradientsOf(attend, variables);
      const values = [37, 45, 45].map((l, i) => randomValues(l * width, i + 1));
      const dy = randomValues(37 * width, 77);
      const known = { q: values[0]!, k: values[1]!, v: values[2]! };
      const loop = attentionLoop(known, dy, shape, options);
      const found = { y, dq, dk, dv };
      for (const name of ['y', 'dq', 'dk', 'dv'] as const) {
        assertClose(found[name]!, Float32Array.from(loop[name]), name);
      }
      tf.dispose(variables);
    });
  }

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
