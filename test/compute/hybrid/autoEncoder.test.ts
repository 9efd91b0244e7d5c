/** The auto-encoder's decoder before the heads: shapes, what it reads, gradients, folders. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { sinCosPositions } from '../../../server/compute/hybrid/autoEncoder';
import { exportComponent, exportHybrid } from '../../../server/compute/hybrid/export';
import { forward } from '../../../server/compute/hybrid/hybrid';
import { loadHybrid } from '../../../server/compute/hybrid/load';
import { buildHybridModel } from '../../../server/compute/search/hybridModel';
import { constantRows } from '../../../server/compute/search/alphaTensors';
import { hybridTensors } from '../../../server/models/hybridTensors';
import { familyTable } from '../../../server/models/families';
import type { Plan } from '../../../server/contract/plan';
import type { FamilyName } from '../../../server/models/architecture';
import { assertGradients } from './differences';
import { tinyPlan, VOCABULARY } from './tinyHybrid';

const LENGTH = 7;

/** A GPT-NeoX of width 8 and a Mamba of width 4, whose heads rebuild the sequence. */
function autoEncoderPlan(): Plan {
  const plan = tinyPlan({
    components: [
      { name: 'neox', family: 'gptNeox', layers: 2, width: 8 },
      { name: 'mamba', family: 'mamba', layers: 2, width: 4 },
    ],
    blocks: 2,
    gate: 'none',
  });
  const tensors = hybridTensors({
    components: plan.components.map(({ name, family, config, groups }) => ({
      name,
      groups,
      architecture: familyTable(family as FamilyName).read(config).value!,
    })),
    live: plan.blocks.map(({ live }) => live),
    width: plan.width,
    vocabulary: plan.vocabulary,
    gate: 'none',
    head: 'last',
    projectors: 'linear',
    autoEncoder: true,
  });
  return { ...plan, tensors, autoEncoder: true };
}

const live = [
  [true, true],
  [true, true],
];
const half = [
  [0.5, 0.5],
  [0.5, 0.5],
];
const build = () =>
  buildHybridModel(autoEncoderPlan(), live, 1, () =>
    Promise.resolve({ weights: undefined, tokenizer: undefined }),
  );
const context = { training: false, dropoutKey: 0 };
const randomIds = (seed: number) =>
  Int32Array.from({ length: 2 * LENGTH }, (_, at) => (at * 5 + seed * 7 + 3) % VOCABULARY);

describe('the auto-encoder’s decoder', () => {
  before(async () => {
    await tf.setBackend('cpu');
  });

  it('gives logits of every position, all of them of the last one’s state alone', async () => {
    const { hybrid, dispose } = await build();
    const logits = (ids: Int32Array) =>
      forward(hybrid, tf.tensor2d(ids, [2, LENGTH], 'int32'), constantRows(half), context);
    const [before, after] = tf.tidy(() => {
      const changed = randomIds(1);
      // The last token of the first sequence.
      changed[LENGTH - 1] = (changed[LENGTH - 1]! + 1) % VOCABULARY;
      return [logits(randomIds(1)), logits(changed)];
    });
    assert.deepEqual(before.shape, [2, LENGTH, VOCABULARY]);
    const [one, two] = [await before.data(), await after.data()];
    const row = (data: ArrayLike<number>, sequence: number, position: number) =>
      Array.from(data).slice(
        (sequence * LENGTH + position) * VOCABULARY,
        (sequence * LENGTH + position + 1) * VOCABULARY,
      );
    for (let position = 0; position < LENGTH; position++) {
      // Even the first position is read of the last state, which a causal model's own first position is not.
      assert.notDeepEqual(row(one, 0, position), row(two, 0, position));
      assert.deepEqual(row(one, 1, position), row(two, 1, position));
      if (position > 0) assert.notDeepEqual(row(one, 0, position), row(one, 0, position - 1));
    }
    tf.dispose([before, after]);
    dispose();
  });

  it('with all α on one component is that component’s, exactly', async () => {
    const { hybrid, dispose } = await build();
    const ids = randomIds(2);
    const at = (rows: number[][]) =>
      tf.tidy(() =>
        forward(hybrid, tf.tensor2d(ids, [2, LENGTH], 'int32'), constantRows(rows), context),
      );
    const whole = at([
      [0, 1],
      [0, 1],
    ]);
    // Nothing of the other component is read: its weights may be anything.
    for (const { name, variable } of hybrid.parameters.list()) {
      if (!name.startsWith('components/neox/')) continue;
      const other = tf.fill(variable.shape, 3);
      variable.assign(other);
      other.dispose();
    }
    const again = at([
      [0, 1],
      [0, 1],
    ]);
    assert.deepEqual(await again.data(), await whole.data());
    tf.dispose([whole, again]);
    dispose();
  });

  it('gives every decoder tensor a gradient: the one of finite differences', async () => {
    const { hybrid, lossSum, dispose } = await build();
    const ids = randomIds(3);
    const batch = { sequences: 2, length: LENGTH, ids, targets: ids, scored: ids.length };
    const loss = () => lossSum(batch, constantRows(half), { training: true, dropoutKey: 1 });
    const own = hybrid.parameters.list().filter(({ name }) => name.includes('/decoder.'));
    assert.equal(own.length, 20);
    // Away from their small start, where the norms make the loss bend within a step.
    for (const { name, variable } of own.filter(({ decay }) => decay)) {
      const values = await variable.data<'float32'>();
      hybrid.parameters.write(
        name,
        values.map((value) => 25 * value),
      );
    }
    await assertGradients({
      loss,
      store: hybrid.parameters,
      parameters: own,
      step: 0.004,
      slack: 5e-3,
    });
    dispose();
  });

  it('has the positions of fairseq: sines, then cosines, and a 0 where the width is odd', () => {
    const table = sinCosPositions(3, 5);
    const frequencies = [1, 1e-4];
    const expected = [0, 1, 2].flatMap((position) => [
      ...frequencies.map((f) => Math.fround(Math.sin(position * f))),
      ...frequencies.map((f) => Math.fround(Math.cos(position * f))),
      0,
    ]);
    assert.deepEqual([...table], expected);
  });

  it('goes with the hybrid’s folder, and is refused in a component’s', async () => {
    const { hybrid, dispose } = await build();
    const folder = await mkdtemp(path.join(tmpdir(), 'manticore-decoder-'));
    const input = { hybrid, tokenizer: undefined, dtype: 'F32' as const };
    const configs = hybrid.plan.components.map(({ config }) => config);
    const written = await exportHybrid(folder, { ...input, alphas: half, configs });
    assert.deepEqual([...written].sort(), (await readdir(folder)).sort());
    const loaded = await loadHybrid(folder);
    assert.equal(loaded.design.autoEncoder, true);
    assert.deepEqual(
      loaded.parameters.list().map(({ name }) => name),
      hybrid.parameters.list().map(({ name }) => name),
    );
    const logits = ({ design, parameters }: typeof loaded | typeof hybrid) =>
      tf.tidy(() =>
        forward(
          { design, parameters },
          tf.tensor2d(randomIds(4), [2, LENGTH], 'int32'),
          constantRows(half),
          context,
        ),
      );
    const [before, after] = [logits(hybrid), logits(loaded)];
    assert.deepEqual(await after.data(), await before.data());
    tf.dispose([before, after]);
    await assert.rejects(exportComponent(folder, 'neox', input), { code: 'auto-encoder' });
    loaded.parameters.dispose();
    dispose();
    await rm(folder, { recursive: true });
  });
});
