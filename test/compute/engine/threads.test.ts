import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { openEngine } from '../../../server/compute/engine/engine';
import { gradients } from '../../../server/compute/engine/gradients';
import { gelu, silu, softplus, swiglu } from '../../../server/compute/engine/kernels/activations';
import { attention } from '../../../server/compute/engine/kernels/attention';
import { mixture } from '../../../server/compute/engine/kernels/blend';
import { causalConv } from '../../../server/compute/engine/kernels/causalConv';
import { crossEntropy } from '../../../server/compute/engine/kernels/crossEntropy';
import { dropout } from '../../../server/compute/engine/kernels/dropout';
import { embedding } from '../../../server/compute/engine/kernels/embedding';
import { linear } from '../../../server/compute/engine/kernels/linear';
import { layerNorm, rmsNorm } from '../../../server/compute/engine/kernels/norms';
import { rotary } from '../../../server/compute/engine/kernels/rotary';
import { selectiveScan } from '../../../server/compute/engine/kernels/selectiveScan';
import { accumulateAll, adamwStep, squaredNorm } from '../../../server/compute/engine/update';
import type { WasmBackend } from '../../../server/compute/engine/wasm/backend';
import { Op } from '../../../server/compute/engine/wasm/assembly/opcodes';
import { availableTiers } from '../../../server/compute/engine/wasm/tiers';
import { openWasm } from '../../../server/compute/engine/wasm/openWasm';
import { randomValues } from './conformance/random';

// Products, rows, sequences and flat arrays of these sizes make many chunks.
const [b, l, d, V, n] = [4, 65, 138, 301, 5];
const heads = { heads: 6, headDim: d / 6, dims: 8, base: 10000, offset: 0 };
const shapes = {
  ...{ table: [V, d], gain: [d], bias: [d], qkv: [3 * d, d], conv: [d, 1, 4], logA: [d, n] },
  ...{ states: [2 * n, d], D: [d], hidden: [3 * d, d], hiddenBias: [3 * d], out: [3 * d, d] },
  ...{ weight: [], skip: [] },
} satisfies Record<string, number[]>;
type Weights = Record<keyof typeof shapes, tf.Variable>;

/** Goes through every kernel. */
function loss(w: Weights, ids: tf.Tensor2D, targets: tf.Tensor1D): tf.Scalar {
  const x = layerNorm(embedding(w.table, ids), w.gain, w.bias, 1e-5);
  const qkv = rotary(linear(x, w.qkv, undefined, { transposed: true }), {
    ...{ layout: 'interleaved', ...heads },
  });
  const attended = attention(
    { qkv, layout: 'interleaved' },
    { heads: heads.heads, scale: 0.3, dropout: { rate: 0.1, key: 3 } },
  );
  const hidden = gelu(linear(attended, w.hidden, w.hiddenBias, { transposed: true }), 'erf');
  const fed = dropout(linear(hidden, w.out, undefined, { transposed: false }), {
    ...{ rate: 0.2, key: 5 },
  });
  const u = causalConv(rmsNorm(tf.add(x, fed), w.gain, 1e-5), w.conv, w.bias, { silu: true });
  const both = linear(u, w.states, undefined, { transposed: true });
  const [B, C] = tf.split(both, 2, 2) as [tf.Tensor, tf.Tensor];
  const scanned = selectiveScan({
    ...{ u, delta: softplus(u), A: tf.neg(tf.exp(w.logA)), B, C, D: w.D },
  });
  const mixed = mixture(
    [
      { x: swiglu(scanned, x), weight: w.weight, gate: { skip: w.skip, projected: silu(fed) } },
      { x: gelu(attended, 'tanh'), weight: w.weight },
    ],
    d,
  );
  const logits = linear(mixed, w.table, undefined, { transposed: true });
  return crossEntropy(tf.reshape(logits, [b * l, V]), targets, { ignore: -100 }).loss;
}

/** The loss, the norm of its gradients, each gradient, and weights and moments after AdamW. */
async function step(): Promise<Float64Array> {
  const weights = Object.fromEntries(
    Object.entries(shapes).map(([name, shape], i) => [
      name,
      tf.tidy(() =>
        tf.variable<tf.Rank>(tf.tensor(randomValues(tf.util.sizeFromShape(shape), i), shape)),
      ),
    ]),
  ) as Weights;
  const variables = Object.values(weights);
  const zeros = () =>
    variables.map((variable) => tf.tidy(() => tf.variable<tf.Rank>(tf.zerosLike(variable))));
  const [first, second] = [zeros(), zeros()];
  const places = Int32Array.from({ length: b * l }, (_, i) => (i * 37) % V);
  const ids = tf.tensor2d(places, [b, l], 'int32');
  const targets = tf.tensor1d(
    places.map((id) => (id * 3 + 1) % V),
    'int32',
  );
  const { value, grads } = gradients(() => loss(weights, ids, targets), variables);
  const whole = accumulateAll(grads.map((grad) => [grad!, tf.mul(grad!, 0.5)]));
  const norm = await squaredNorm(whole);
  const entries = variables.map((variable, i) => ({
    ...{ value: variable, grad: whole[i]!, m: first[i]!, v: second[i]!, step: 1, decay: 0.1 },
  }));
  adamwStep(entries, {
    ...{ learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, gradScale: 1 / (1 + norm) },
  });
  const results = [value, ...whole, ...variables, ...first, ...second];
  const numbers = Float64Array.from([
    norm,
    ...results.flatMap((tensor) => Array.from(tensor.dataSync())),
  ]);
  tf.dispose([...results, ids, targets]);
  return numbers;
}

describe('threads of the wasm engine', () => {
  before(() => openEngine('cpu'));
  for (const tier of availableTiers()) {
    it(`give the same bits, however many there are (${tier})`, async () => {
      const results: Float64Array[] = [];
      for (const threads of [1, 2, 3]) {
        const engine = await openWasm({ tier, threads });
        assert.equal(engine.threads, threads);
        // Again and again: workers join in at different moments.
        for (let round = 0; round < 4; round++) results.push(await step());
        assert.equal(engine.memoryBytes(), 0);
        engine.dispose();
      }
      assert.ok(results[0]!.every(Number.isFinite));
      const [expected, ...others] = results.map(({ buffer }) => Buffer.from(buffer)) as [
        Buffer,
        ...Buffer[],
      ];
      for (const bits of others) assert.ok(expected.equals(bits));
    });
  }

  it('are compared over every job that sums or is shared', async () => {
    const engine = await openWasm({ threads: 1 });
    const { kernels } = tf.backend() as unknown as WasmBackend;
    const run = kernels.run.bind(kernels);
    const seen = new Map<Op, number>();
    kernels.run = (op, chunks, ...rest) => {
      seen.set(op, Math.max(chunks, seen.get(op) ?? 0));
      run(op, chunks, ...rest);
    };
    await step();
    tf.tidy(() => {
      tf.sum(tf.ones([400, 300]), 1);
      tf.softmax(tf.exp(tf.ones([400, 300])));
      tf.add(tf.ones([400, 300]), tf.ones([300]));
    });
    engine.dispose();
    const shared = Object.values(Op).filter((op): op is Op => typeof op === 'number');
    // Which measure, scale one row, or add rows of a table in the order of their ids: one chunk each.
    const alone = [Op.PeakFlops, Op.FitScale, Op.EmbeddingGrad];
    for (const op of shared.filter((one) => !alone.includes(one))) {
      assert.ok((seen.get(op) ?? 0) > 1, `${Op[op]}: ${seen.get(op) ?? 0} chunks`);
    }
  });
});
