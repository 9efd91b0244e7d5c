/** What an engine owes besides right numbers: no leaks, no hidden NaN, empty inputs, clear refusals. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { openEngine, type Engine } from '../../../server/compute/engine/engine';
import { EngineError } from '../../../server/compute/engine/errors';
import { gradients } from '../../../server/compute/engine/gradients';
import { gelu, silu, softplus } from '../../../server/compute/engine/kernels/activations';
import { attention } from '../../../server/compute/engine/kernels/attention';
import { blend, weightedSum } from '../../../server/compute/engine/kernels/blend';
import { causalConv } from '../../../server/compute/engine/kernels/causalConv';
import { crossEntropy, scoreRows } from '../../../server/compute/engine/kernels/crossEntropy';
import { dropout, dropoutMask } from '../../../server/compute/engine/kernels/dropout';
import { embedding } from '../../../server/compute/engine/kernels/embedding';
import { linear } from '../../../server/compute/engine/kernels/linear';
import { layerNorm, rmsNorm } from '../../../server/compute/engine/kernels/norms';
import { rotary } from '../../../server/compute/engine/kernels/rotary';
import { selectiveScan } from '../../../server/compute/engine/kernels/selectiveScan';
import { accumulateInto, adamwStep, squaredNorm } from '../../../server/compute/engine/update';
import { availableTiers } from '../../../server/compute/engine/wasm/tiers';
import { openWasm } from '../../../server/compute/engine/wasm/openWasm';
import { randomValues } from './random';

const random = (shape: number[], seed = 1) =>
  tf.tensor(randomValues(tf.util.sizeFromShape(shape), seed), shape);
const variable = (shape: number[], seed = 1) =>
  tf.tidy((): tf.Variable => tf.variable<tf.Rank>(random(shape, seed)));
const numbers = (t: tf.Tensor) => Array.from(t.dataSync());

const openers: [string, () => Promise<Engine>][] = [
  ['cpu', () => openEngine('cpu')],
  ...availableTiers().map((tier): [string, () => Promise<Engine>] => [
    `wasm, ${tier}`,
    () => openWasm({ tier }),
  ]),
];

for (const [name, open] of openers) {
  describe(`engine ${name}`, () => {
    let engine: Engine;
    before(async () => {
      engine = await open();
    });
    after(() => engine.dispose());
    beforeEach(() => tf.engine().startScope());
    afterEach(() => tf.engine().endScope());

    it('passes NaN on wherever an output depends on it', () => {
      const poisoned = (shape: number[], at: number) => {
        const values = randomValues(tf.util.sizeFromShape(shape), 4);
        values[at] = NaN;
        return tf.tensor(values, shape);
      };
      const where = (t: tf.Tensor) => numbers(t).map(Number.isNaN);
      for (const f of [
        silu,
        softplus,
        tf.exp,
        (x: tf.Tensor) => gelu(x, 'erf'),
        (x: tf.Tensor) => gelu(x, 'tanh'),
      ]) {
        assert.deepEqual(
          where(f(poisoned([7], 5))),
          [0, 1, 2, 3, 4, 5, 6].map((i) => i === 5),
        );
      }
      const rows = (t: tf.Tensor, width: number) =>
        Array.from({ length: t.size / width }, (_, r) =>
          where(t)
            .slice(r * width, (r + 1) * width)
            .every(Boolean),
        );
      const second = [false, true, false];
      const [gain, bias] = [random([7]), random([7])];
      assert.deepEqual(rows(layerNorm(poisoned([3, 7], 10), gain, bias, 1e-5), 7), second);
      assert.deepEqual(rows(rmsNorm(poisoned([3, 7], 10), gain, 1e-5), 7), second);
      assert.deepEqual(rows(tf.softmax(poisoned([3, 7], 10)), 7), second);
      assert.deepEqual(
        rows(linear(poisoned([3, 7], 10), random([5, 7]), undefined, { transposed: true }), 5),
        second,
      );
      const loss = crossEntropy(poisoned([3, 7], 10), tf.tensor1d([1, 2, 3], 'int32'), {
        ignore: -100,
      });
      assert.ok(where(loss.loss)[0]);
      const ignored = crossEntropy(poisoned([3, 7], 10), tf.tensor1d([1, -100, 3], 'int32'), {
        ignore: -100,
      });
      assert.ok(!where(ignored.loss)[0], 'a row that is not scored is not read');
      const inTime = [false, false, true, true];
      const [u, B] = [poisoned([1, 4, 3], 7), random([1, 4, 5])];
      const scanned = selectiveScan({
        u,
        delta: tf.abs(random([1, 4, 3])),
        A: tf.neg(tf.abs(random([3, 5]))),
        B,
        C: B,
        D: random([3]),
      });
      assert.deepEqual(
        where(scanned).filter((_, i) => i % 3 === 1),
        inTime,
      );
      const attended = attention(
        { q: random([1, 4, 3]), k: poisoned([1, 4, 3], 7), v: random([1, 4, 3]) },
        { heads: 1, scale: 1 },
      );
      assert.deepEqual(rows(attended, 3), inTime);
    });

    it('takes exp to infinity and to zero', () => {
      const x = tf.tensor1d([Infinity, 100, 0, -200, -Infinity]);
      assert.deepEqual(numbers(tf.exp(x)), [Infinity, Infinity, 1, 0, 0]);
      assert.deepEqual(numbers(tf.softmax(tf.tensor1d([-Infinity, 0, -Infinity]))), [0, 1, 0]);
      assert.deepEqual(numbers(softplus(tf.tensor1d([200, -200]))), [200, 0]);
      assert.deepEqual(
        numbers(tf.div(tf.tensor1d([1, -1, 0]), tf.tensor1d([0, 0, 0]))).map(String),
        ['Infinity', '-Infinity', 'NaN'],
      );
    });

    it('gives empty results for empty inputs', () => {
      const shapes = [
        linear(random([2, 0, 7]), random([5, 7]), random([5]), { transposed: true }),
        embedding(random([5, 7]), tf.zeros([2, 0], 'int32')),
        layerNorm(random([0, 7]), random([7]), random([7]), 1e-5),
        silu(random([0])),
        rotary(random([2, 0, 24]), {
          layout: 'blocks',
          heads: 2,
          headDim: 4,
          dims: 4,
          base: 10,
          offset: 0,
        }),
        attention({ qkv: random([2, 0, 24]), layout: 'blocks' }, { heads: 2, scale: 1 }),
        causalConv(random([2, 0, 5]), random([5, 1, 4]), undefined, { silu: true }),
        selectiveScan({
          u: random([2, 0, 5]),
          delta: random([2, 0, 5]),
          A: random([5, 3]),
          B: random([2, 0, 3]),
          C: random([2, 0, 3]),
          D: random([5]),
        }),
        dropout(random([0, 3]), { rate: 0.5, key: 1 }),
        blend(random([2, 0, 5]), random([2, 0, 3]), tf.scalar(0.5), 9),
      ].map((t) => t.shape.join());
      assert.deepEqual(shapes, [
        '2,0,5',
        '2,0,7',
        '0,7',
        '0',
        '2,0,24',
        '2,0,8',
        '2,0,5',
        '2,0,5',
        '0,3',
        '2,0,9',
      ]);
      const { loss } = crossEntropy(random([0, 7]), tf.tensor1d([], 'int32'), { ignore: -100 });
      assert.deepEqual(numbers(loss), [0]);
    });

    it('keeps tensors and bytes flat over 200 training steps', () => {
      const [table, qkv, w, a] = [
        variable([11, 6]),
        variable([18, 6], 2),
        variable([6, 6], 3),
        variable([], 4),
      ];
      const variables = [table, qkv, w, a];
      const unused = variable([3]);
      const moments = variables.map(
        (v) => [tf.variable(tf.zerosLike(v)), tf.variable(tf.zerosLike(v))] as const,
      );
      const ids = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3], 'int32');
      const targets = tf.tensor1d([2, 3, 4, 5, 6, -100], 'int32');
      const loss = () => {
        const x = embedding(table, ids);
        const mixed = attention(
          { qkv: linear(x, qkv, undefined, { transposed: true }), layout: 'blocks' },
          { heads: 2, scale: 1 },
        );
        const y = weightedSum(
          [blend(x, mixed, a, 6), gelu(linear(x, w, undefined, { transposed: false }), 'erf')],
          [a, tf.sub(1, a)] as tf.Tensor[],
        );
        return crossEntropy(
          tf.reshape(linear(y, table, undefined, { transposed: true }), [6, 11]),
          targets,
          { ignore: -100 },
        ).loss;
      };
      const losses: number[] = [];
      const counts = new Set<string>();
      for (let step = 1; step <= 200; step++) {
        const { value, grads } = gradients(loss, [...variables, unused]);
        assert.equal(grads[4], undefined);
        losses.push(value.dataSync()[0]!);
        const entries = variables.map((v, i) => ({
          value: v,
          grad: grads[i]!,
          m: moments[i]![0],
          v: moments[i]![1],
          step,
          decay: 0,
        }));
        const clip = 1 / Math.max(1, Math.sqrt(squaredNorm(entries.map((entry) => entry.grad))));
        adamwStep(entries, {
          learningRate: 0.02,
          beta1: 0.9,
          beta2: 0.99,
          epsilon: 1e-8,
          gradScale: clip,
        });
        tf.dispose([value, ...entries.map((entry) => entry.grad)]);
        if (step > 1)
          counts.add(
            `${tf.memory().numTensors} ${tf.memory().numDataBuffers} ${engine.memoryBytes()}`,
          );
      }
      assert.equal(counts.size, 1, [...counts].join(' | '));
      const [first, last] = [losses[0]!, losses[losses.length - 1]!];
      assert.ok(last < first / 10, `${first} → ${last}`);
    });

    it('updates as torch.optim.AdamW does', () => {
      // torch 2.13, float64: AdamW([1, −2, 3, 0.5], lr 0.1, betas (0.8, 0.95), eps 1e-3, weight_decay 0.05).
      const gradsOfSteps = [
        [0.1, -0.2, 0.3, 0],
        [0.5, 0.5, -0.5, 1e-4],
        [-1, 2, 0.25, 3],
      ];
      const expected = [
        [0.895990099009901, -1.890497512437811, 2.885332225913621, 0.4975],
        [0.8034224563106129, -1.9300679104925085, 2.90564526972423, 0.4898281998867059],
        [0.8325856829736239, -1.9964291445005904, 2.886421398405265, 0.4181975306457555],
      ];
      const value = tf.variable(tf.tensor1d([1, -2, 3, 0.5])) as tf.Variable;
      const shared = tf.reshape(value, [2, 2]);
      const zeros = () => tf.variable<tf.Rank>(tf.zeros([4]));
      const [m, v] = [zeros(), zeros()];
      gradsOfSteps.forEach((values, i) => {
        const grad = tf.tensor1d(values.map((x) => x * 8));
        adamwStep([{ value, grad, m, v, step: i + 1, decay: 0.05 }], {
          learningRate: 0.1,
          beta1: 0.8,
          beta2: 0.95,
          epsilon: 1e-3,
          gradScale: 1 / 8,
        });
        numbers(value).forEach((x, j) =>
          assert.ok(Math.abs(x - expected[i]![j]!) < 2e-6, `step ${i + 1} [${j}]: ${x}`),
        );
      });
      assert.deepEqual(numbers(shared), [1, -2, 3, 0.5], 'values shared with another tensor stay');
    });

    it('sums squares in double precision', () => {
      const values = Float32Array.from({ length: 70_001 }, (_, i) => (i % 2 ? 1e-3 : 1e3));
      const expected = values.reduce((sum, x) => sum + x * x, 0);
      assert.ok(
        Math.abs(squaredNorm([tf.tensor1d(values), tf.tensor1d([3])]) / (expected + 9) - 1) < 1e-12,
      );
      assert.equal(squaredNorm([]), 0);
    });

    it('accumulates without touching values that someone else holds', () => {
      const a = tf.tensor1d([1, 2, 3]);
      const other = tf.reshape(a, [3, 1]);
      assert.deepEqual(numbers(accumulateInto(a, tf.tensor1d([10, 20, 30]))), [11, 22, 33]);
      assert.deepEqual(numbers(other), [1, 2, 3]);
      const alone = accumulateInto(tf.tensor1d([1, 2]), tf.tensor1d([1, 1]));
      assert.deepEqual(numbers(alone), [2, 3]);
    });

    it('gives away copies and keeps copies', () => {
      const given = Float32Array.of(1, 2, 3);
      const x = tf.mul(tf.tensor1d(given), 1);
      const read = x.dataSync();
      read[0] = 99;
      assert.equal(x.dataSync()[0], name === 'cpu' ? 99 : 1);
      const ids = tf.cast(tf.tensor1d([1, -2, 3], 'int32'), 'float32');
      assert.deepEqual(numbers(tf.mul(ids, 0.5)), [0.5, -1, 1.5]);
    });

    it('drops the same entries on every engine', () => {
      const options = { rate: 0.4, key: -123456789 };
      assert.deepEqual(
        numbers(dropout(tf.ones([1003]), options)),
        Array.from(dropoutMask(1003, options)),
      );
    });

    it('gives the same bits twice', () => {
      const run = () => {
        const [x, w] = [random([130, 300], 5), random([300, 70], 6)];
        const [dx, dw] = tf.grads((p, q) =>
          tf.sum(silu(tf.matMul(p as tf.Tensor2D, q as tf.Tensor2D))),
        )([x, w]);
        return [...numbers(dx!), ...numbers(dw!)];
      };
      assert.deepEqual(run(), run());
    });

    it('counts scored and right rows', () => {
      const logits = tf.tensor2d([
        [0, 1],
        [2, 1],
        [5, 5],
        [0, 9],
      ]);
      const targets = tf.tensor1d([1, 1, 0, -100], 'int32');
      assert.deepEqual(scoreRows(logits, targets, { ignore: -100 }), { scored: 3, correct: 2 });
    });

    it('differentiates what tfjs itself gets wrong: one part, and running sums', () => {
      const x = random([1, 3], 8);
      const weights = random([1, 3], 9);
      const grad = (f: (t: tf.Tensor) => tf.Tensor) =>
        numbers(tf.grad((t: tf.Tensor) => tf.sum(tf.mul(f(t), weights)))(x));
      assert.deepEqual(
        grad((t) => tf.unstack(t)[0]!),
        numbers(weights),
      );
      assert.deepEqual(
        grad((t) => tf.split(t, 1, 1)[0]!),
        numbers(weights),
      );
      const rows = tf.tensor2d([[1], [2], [4]]);
      const running = tf.grad((t: tf.Tensor) => tf.sum(tf.mul(tf.cumsum(t, 0), rows)))(
        random([3, 1]),
      );
      assert.deepEqual(numbers(running), [7, 6, 4]);
    });

    it('leaves no tape behind when the function throws', () => {
      const x = variable([3]);
      const before = tf.memory().numTensors;
      assert.throws(
        () =>
          gradients(() => {
            tf.square(tf.mul(x, 2));
            throw new Error('stop');
          }, [x]),
        /stop/,
      );
      assert.equal(tf.memory().numTensors, before);
      const { value, grads } = gradients(() => tf.sum(tf.square(x)), [x]);
      assert.deepEqual(
        numbers(grads[0]!),
        numbers(x).map((e) => 2 * e),
      );
      tf.dispose([value, grads[0]!]);
    });
  });
}

describe('the tier of the wasm engine', () => {
  it('can be asked for, so that a run goes on with its own', async () => {
    for (const tier of availableTiers()) {
      const engine = await openEngine('wasm', { tier });
      assert.equal(engine.tier, tier);
      engine.dispose();
    }
    await assert.rejects(openEngine('wasm', { tier: 'avx1024' }), {
      name: 'EngineError',
      code: 'not-available',
      message: /does not run the avx1024 kernels/,
    });
  });
});

describe('memory of the wasm engine', () => {
  it('refuses by name what does not fit, and goes on afterwards', async () => {
    const engine = await openWasm({ memoryLimitBytes: 2 ** 20 });
    const small = tf.ones([1000]);
    assert.throws(
      () => tf.zeros([1000, 1000]),
      (error: unknown) => {
        assert.ok(error instanceof EngineError);
        assert.equal(error.code, 'out-of-memory');
        assert.match(error.message, /4\.0 MiB more: 0\.0 MiB of 1\.0 MiB/);
        assert.match(error.hint, /search\.batch/);
        return true;
      },
    );
    assert.equal(tf.sum(small).dataSync()[0], 1000);
    engine.dispose();
  });

  it('joins freed neighbours when no single block is large enough', async () => {
    const { Heap, blockBytes } = await import('../../../server/compute/engine/wasm/heap');
    const heap = new Heap(1, 2 ** 32);
    const size = 100 * 2 ** 20;
    const blocks: number[] = [];
    // 3.6 GiB of small blocks leave no room for a large one at the top.
    while (heap.inUse + blockBytes(size) < 3.6 * 2 ** 30) blocks.push(heap.allocate(size));
    blocks.forEach((at) => heap.release(at, size));
    const large = heap.allocate(2 * 2 ** 30);
    assert.equal(large, Math.min(...blocks));
    heap.release(large, 2 * 2 ** 30);
    assert.equal(heap.inUse, 0);
  });

  it('reports bytes in use and their peak', async () => {
    const engine = await openWasm();
    const before = engine.memoryBytes();
    const big = tf.zeros([2 ** 18]);
    assert.ok(engine.memoryBytes() >= before + 2 ** 20);
    big.dispose();
    assert.equal(engine.memoryBytes(), before);
    assert.ok(engine.peakBytes() >= before + 2 ** 20);
    engine.resetPeak();
    assert.equal(engine.peakBytes(), before);
    engine.dispose();
  });
});
