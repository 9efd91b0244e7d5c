import assert from 'node:assert/strict';
import { RandomStream } from '../../../server/models/random';
import { openEngine } from '../../../server/compute/engine/engine';
import { buildHybrid } from '../../../server/compute/hybrid/build';
import { forward, type Hybrid } from '../../../server/compute/hybrid/hybrid';
import { initialValues } from '../../../server/compute/hybrid/initialize';
import {
  oneHotRows,
  someIds,
  softRows,
  startingHybrid,
  tinyHybrid,
  tinyPlan,
  valuesOf,
} from './tinyHybrid';

const stream = () => RandomStream.named(1, 'test');
const mean = (values: Float32Array) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

describe('initial values', () => {
  it('normal and uniform have the spread that is asked for', () => {
    const normal = initialValues({ kind: 'normal', std: 0.02 }, [100, 100], stream());
    assert.ok(Math.abs(mean(normal)) < 1e-3);
    assert.ok(Math.abs(Math.sqrt(mean(normal.map((value) => value ** 2))) - 0.02) < 1e-3);
    const uniform = initialValues({ kind: 'uniform', bound: 0.5 }, [100, 100], stream());
    assert.ok(uniform.every((value) => value >= -0.5 && value <= 0.5));
    assert.ok(Math.abs(mean(uniform.map((value) => value ** 2)) - 0.25 / 3) < 3e-3);
  });

  it('the rectangular identity pads or cuts', () => {
    const init = { kind: 'rectangularIdentity' } as const;
    assert.deepEqual([...initialValues(init, [2, 3], stream())], [1, 0, 0, 0, 1, 0]);
    assert.deepEqual([...initialValues(init, [3, 2], stream())], [1, 0, 0, 1, 0, 0]);
  });

  it("Mamba's A_log is log(n + 1) in every channel", () => {
    const values = initialValues({ kind: 'mambaALog' }, [2, 3], stream());
    const row = [0, Math.log(2), Math.log(3)].map(Math.fround);
    assert.deepEqual([...values], [...row, ...row]);
  });

  it("Mamba's time step, softplus(bias), is log-uniform between its bounds, at least the floor", () => {
    const init = { kind: 'mambaDtBias', min: 0.001, max: 0.1, floor: 0.005 } as const;
    const steps = initialValues(init, [5000], stream()).map((bias) => Math.log1p(Math.exp(bias)));
    assert.ok(steps.every((step) => step > 0.00499 && step < 0.1001));
    const atFloor = steps.filter((step) => step < 0.00501).length / steps.length;
    assert.ok(Math.abs(atFloor - Math.log(5) / Math.log(100)) < 0.03);
    const above = steps.filter((step) => step > 0.0316).length / steps.length;
    assert.ok(Math.abs(above - 0.25) < 0.03);
  });
});

describe('a hybrid from scratch', () => {
  before(() => openEngine('cpu'));
  const options = {
    components: [
      { name: 'one', family: 'gptNeox', layers: 2, width: 8 },
      { name: 'two', family: 'mamba', layers: 2, width: 8 },
    ],
    blocks: 2,
  } as const;
  const valuesByName = async ({ parameters }: Hybrid) => {
    const names = parameters.list().map(({ name }) => name);
    const values = await Promise.all(names.map((name) => parameters.read(name)));
    return new Map(names.map((name, i) => [name, values[i]]));
  };

  it('is the same for the same seed, and other for another; each tensor has its own stream', async () => {
    const first = await startingHybrid(options);
    const again = await startingHybrid(options);
    assert.deepEqual(await valuesByName(again), await valuesByName(first));
    const source = { weights: undefined, tokenizer: undefined };
    const other = await buildHybrid(tinyPlan(options), () => Promise.resolve(source), 2);
    const table = 'components/one/embed_in.weight';
    assert.notDeepEqual(await other.parameters.read(table), await first.parameters.read(table));
    const layer = (index: number) =>
      first.parameters.read(`components/one/layers.${index}.attention.dense.weight`);
    assert.notDeepEqual(await layer(0), await layer(1));
    const pruned = await startingHybrid({ ...options, prune: { 0: [1] } });
    for (const [name, values] of await valuesByName(pruned)) {
      assert.deepEqual(values, await first.parameters.read(name), name);
    }
    for (const each of [first, again, other, pruned]) each.parameters.dispose();
  });
});

describe('dropout in a hybrid', () => {
  it('is on in training, one mask a key, off in evaluation', async () => {
    await openEngine('cpu');
    const config = { embd_pdrop: 0.3, attn_pdrop: 0.3, resid_pdrop: 0.3 };
    const hybrid = await tinyHybrid({
      components: [
        { name: 'one', family: 'gpt2', layers: 2, width: 8, config },
        { name: 'two', family: 'gpt2', layers: 2, width: 8, config },
      ],
      blocks: 2,
    });
    const ids = someIds(1, 6);
    const rows = softRows(2, 2);
    const logits = (training: boolean, dropoutKey: number) =>
      valuesOf(() => forward(hybrid, ids, rows, { training, dropoutKey }));
    assert.deepEqual(logits(true, 1), logits(true, 1));
    assert.notDeepEqual(logits(true, 1), logits(true, 2));
    assert.notDeepEqual(logits(true, 1), logits(false, 1));
    assert.deepEqual(logits(false, 1), logits(false, 2));
    ids.dispose();
    hybrid.parameters.dispose();
  });

  it('never gives two components of one family the same masks', async () => {
    await openEngine('cpu');
    const config = { embd_pdrop: 0.3, attn_pdrop: 0.3, resid_pdrop: 0.3 };
    const hybrid = await tinyHybrid({
      components: [
        { name: 'one', family: 'gpt2', layers: 2, width: 8, config },
        { name: 'two', family: 'gpt2', layers: 2, width: 8, config },
      ],
      blocks: 2,
    });
    const { parameters } = hybrid;
    for (const { name } of parameters.list()) {
      if (!name.startsWith('components/two/')) continue;
      parameters.write(name, await parameters.read(name.replace('/two/', '/one/')));
    }
    const ids = someIds(1, 6);
    const logitsOf = (component: number, training: boolean) =>
      valuesOf(() =>
        forward(hybrid, ids, oneHotRows(2, 2, component), { training, dropoutKey: 9 }),
      );
    assert.deepEqual(logitsOf(0, false), logitsOf(1, false), 'the same weights');
    assert.notDeepEqual(logitsOf(0, true), logitsOf(1, true));
    ids.dispose();
    parameters.dispose();
  });
});
