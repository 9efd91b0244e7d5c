/** What the wasm engine alone promises: its tiers, its heap, and copies of what lies there. */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import { openEngine } from '../../../server/compute/engine/engine';
import { EngineError } from '../../../server/compute/engine/errors';
import { attention } from '../../../server/compute/engine/kernels/attention';
import { causalConv } from '../../../server/compute/engine/kernels/causalConv';
import { selectiveScan } from '../../../server/compute/engine/kernels/selectiveScan';
import { squaredNorm } from '../../../server/compute/engine/update';
import { openWasm } from '../../../server/compute/engine/wasm/openWasm';
import { availableTiers } from '../../../server/compute/engine/wasm/tiers';

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

describe('values of the wasm engine', () => {
  it('are copied in and out', async () => {
    const engine = await openWasm();
    const given = Float32Array.of(1, 2, 3);
    const x = tf.tensor1d(given);
    given[1] = 99;
    const y = tf.mul(x, 1);
    (await y.data())[0] = 99;
    assert.deepEqual(Array.from(await y.data()), [1, 2, 3]);
    const ids = tf.cast(tf.tensor1d([1, -2, 3], 'int32'), 'float32');
    assert.deepEqual(Array.from(await tf.mul(ids, 0.5).data()), [0.5, -1, 1.5]);
    engine.dispose();
  });

  it('are squared and summed in double precision', async () => {
    const engine = await openWasm();
    const values = Float32Array.from({ length: 70_001 }, (_, i) => (i % 2 ? 1e-3 : 1e3));
    const expected = values.reduce((sum, x) => sum + x * x, 0);
    assert.ok(Math.abs((await squaredNorm([tf.tensor1d(values)])) / expected - 1) < 1e-12);
    engine.dispose();
  });
});

describe('working memory of the wasm engine', () => {
  it('is not written past by sizes beyond what a thread has: they are refused', async () => {
    const engine = await openWasm();
    const keys = 2 ** 18;
    const attended = () => {
      const [q, k] = [tf.zeros([1, 1, 1]), tf.zeros([1, keys, 1])];
      return attention({ q, k, v: k }, { heads: 1, scale: 1, offset: keys - 1 });
    };
    assert.throws(attended, /attention: 262144 keys/);
    const convolved = () =>
      causalConv(tf.zeros([1, 1, 1]), tf.zeros([1, 1, 13_000]), undefined, { silu: false });
    assert.throws(convolved, /causalConv: 13000 taps/);
    const scanned = () => {
      const [u, B] = [tf.zeros([1, 1, 1]), tf.zeros([1, 1, 60_000])];
      const [A, D] = [tf.zeros([1, 60_000]), tf.zeros([1])];
      return selectiveScan({ u, delta: u, A, B, C: B, D });
    };
    assert.throws(scanned, /selectiveScan: 60000 states/);
    engine.dispose();
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
        assert.match(error.message, /3\.8 MiB more: 0\.0 MiB of 1\.0 MiB/);
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
