import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import { openEngine } from '../../../server/compute/engine/engine';
import { gradients } from '../../../server/compute/engine/gradients';
import { forward, type Hybrid } from '../../../server/compute/hybrid/hybrid';
import type { MixtureRow } from '../../../server/compute/hybrid/mixture';
import {
  distance,
  someIds,
  softRows,
  tinyHybrid,
  valuesOf,
  type TinyComponent,
} from './tinyHybrid';

const EVALUATION = { training: false, dropoutKey: 0 };
const narrow: TinyComponent = { name: 'narrow', family: 'mamba', layers: 3, width: 8 };
const wide: TinyComponent = { name: 'wide', family: 'gptNeox', layers: 4, width: 12 };
const third: TinyComponent = { name: 'third', family: 'gpt2', layers: 2, width: 8 };

const logitsOf = (hybrid: Hybrid, rows: readonly MixtureRow[], ids: tf.Tensor2D) =>
  valuesOf(() => forward(hybrid, ids, rows, EVALUATION));

describe('pruned work', () => {
  let ids: tf.Tensor2D;
  before(async () => {
    await openEngine('cpu');
    ids = someIds(1, 5);
  });
  after(() => ids.dispose());

  const poison = (hybrid: Hybrid, component: number, place: number) => {
    for (const parameter of hybrid.parameters.list()) {
      if (parameter.component !== component || parameter.place !== place) continue;
      const { size } = parameter.variable;
      hybrid.parameters.write(parameter.name, new Float32Array(size).fill(NaN));
    }
  };

  it('weights of NaN under a constant 0 never show', async () => {
    const hybrid = await tinyHybrid({ components: [narrow, wide, third], blocks: 2 });
    poison(hybrid, 0, 1);
    poison(hybrid, 2, 0);
    const rows: MixtureRow[] = [
      [0.4, 0.6, 0],
      [0, 0.3, 0.7],
    ];
    assert.ok(logitsOf(hybrid, rows, ids).every(Number.isFinite));
    const searched: MixtureRow[] = [
      [0.4, tf.scalar(0.6), 0],
      [tf.scalar(0), 0.3, 0.7],
    ];
    assert.ok(logitsOf(hybrid, searched, ids).some(Number.isNaN), 'a searched 0 is computed');
    hybrid.parameters.dispose();
  });

  it('a component pruned in the plan has no tensors there', async () => {
    const whole = await tinyHybrid({ components: [narrow, wide], blocks: 2 });
    const pruned = await tinyHybrid({ components: [narrow, wide], blocks: 2, prune: { 1: [0] } });
    const names = new Set(pruned.parameters.list().map(({ name }) => name));
    const missing = whole.parameters.list().filter(({ name }) => !names.has(name));
    assert.ok(missing.length > 0);
    for (const { name, component, place } of missing) {
      const alone = name.startsWith('projectors/wide/2/');
      assert.ok(alone || (component === 0 && (place === 1 || place === 'head')), name);
    }
    // Mamba's table is tied: it is still the embedding of block 1.
    assert.ok(names.has('components/narrow/embeddings.weight'));
    const rows: MixtureRow[] = [
      [0.5, 0.5],
      [0, 1],
    ];
    const same = distance(logitsOf(pruned, rows, ids), logitsOf(whole, rows, ids));
    assert.ok(same < 1e-6);
    whole.parameters.dispose();
    pruned.parameters.dispose();
  });

  it('a parked component leaves memory, and comes back as it was', async () => {
    const hybrid = await tinyHybrid({ components: [narrow, wide], blocks: 3 });
    const soft = softRows(3, 2);
    const before = logitsOf(hybrid, soft, ids);
    const order = hybrid.parameters.list().map(({ name }) => name);
    const { numTensors, numBytes } = tf.memory();

    const parked = await hybrid.parameters.park(1, 1);
    assert.equal(tf.memory().numTensors, numTensors - parked.size);
    assert.ok(tf.memory().numBytes < numBytes);
    const pruned = soft.map((row, block) => (block === 1 ? [1, 0] : row));
    assert.ok(logitsOf(hybrid, pruned, ids).every(Number.isFinite));
    assert.throws(() => logitsOf(hybrid, soft, ids), /holds no tensor .*wide/);
    await assert.rejects(hybrid.parameters.park(1, 1), /isn't in block 2/);

    const restored = hybrid.parameters.restore(1, 1, parked);
    assert.deepEqual(restored, [...parked.keys()]);
    assert.deepEqual(
      hybrid.parameters.list().map(({ name }) => name),
      order,
    );
    assert.deepEqual(logitsOf(hybrid, soft, ids), before);
    assert.equal(tf.memory().numTensors, numTensors);
    assert.throws(() => hybrid.parameters.restore(1, 1, parked), /wasn't parked/);
    hybrid.parameters.dispose();
  });

  it('a tied table goes when both its blocks have gone, and comes back with either', async () => {
    const hybrid = await tinyHybrid({ components: [narrow, wide], blocks: 3 });
    const table = 'components/narrow/embeddings.weight';
    const first = await hybrid.parameters.park(0, 0);
    assert.ok(hybrid.parameters.has(table) && !first.has(table));
    const last = await hybrid.parameters.park(0, 2);
    assert.ok(!hybrid.parameters.has(table) && last.has(table));
    assert.throws(() => hybrid.parameters.restore(0, 0, first), /isn't among the parked/);
    const names = hybrid.parameters.restore(0, 0, new Map([...first, ...last]));
    assert.ok(names.includes(table) && hybrid.parameters.has(table));
    hybrid.parameters.dispose();
  });
});

describe('the memory of a hybrid', () => {
  for (const engineName of ['cpu', 'wasm'] as const) {
    it(`is the same after every forward and backward pass, on ${engineName}`, async () => {
      const engine = await openEngine(engineName, { threads: 1 });
      const hybrid = await tinyHybrid({
        components: [narrow, wide],
        blocks: 2,
        gate: 'transition',
      });
      const ids = someIds(2, 4);
      const alphas = softRows(2, 2).map((row) =>
        row.map((weight) => tf.variable(tf.scalar(Number(weight)))),
      );
      const variables = [
        ...alphas.flat(),
        ...hybrid.parameters.list().map(({ variable }) => variable),
      ];
      const step = () => {
        const { value, grads } = gradients(() => {
          const rows = alphas.map((row) => row.map((weight) => weight as unknown as tf.Scalar));
          return tf.mean(tf.square(forward(hybrid, ids, rows, EVALUATION)));
        }, variables);
        const missing = variables.filter((_, index) => grads[index] === undefined);
        assert.equal(missing.length, 0, 'every parameter and every α has a gradient');
        tf.dispose([value, ...grads.filter((grad) => grad !== undefined)]);
      };
      step();
      const { numTensors } = tf.memory();
      const bytes = engine.memoryBytes();
      for (let count = 0; count < 3; count++) step();
      assert.equal(tf.memory().numTensors, numTensors);
      assert.equal(engine.memoryBytes(), bytes);
      tf.dispose([ids, ...alphas.flat()]);
      hybrid.parameters.dispose();
      engine.dispose();
    });
  }
});
