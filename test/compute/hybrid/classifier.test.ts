/** The head that tells the class of a sequence: what it computes, what it reads, gradients, folders, pruning. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { classify } from '../../../server/compute/hybrid/classifier';
import { exportComponent, exportHybrid } from '../../../server/compute/hybrid/export';
import { forward, hiddenStates, type Hybrid } from '../../../server/compute/hybrid/hybrid';
import { loadHybrid } from '../../../server/compute/hybrid/load';
import { constantRows } from '../../../server/compute/search/alphaTensors';
import { gradients } from '../../../server/compute/engine/gradients';
import type { Batch } from '../../../server/compute/tasks/batches';
import { FAMILY_NAMES } from '../../../server/models/architecture';
import {
  buildClassifier,
  CLASSES,
  classifierPlan,
  half,
  labelledBatch,
  LENGTH,
} from './classifierScene';
import { assertGradients } from './differences';

const context = { training: false, dropoutKey: 0 };
const idsOf = ({ ids, sequences, length }: Batch) => tf.tensor2d(ids, [sequences, length], 'int32');

async function logitsOf(hybrid: Hybrid, batch: Batch, rows = half): Promise<Float32Array> {
  const logits = tf.tidy(() =>
    classify(hybrid, idsOf(batch), batch.lasts!, constantRows(rows), context),
  );
  assert.deepEqual(logits.shape, [2, CLASSES]);
  const values = await logits.data<'float32'>();
  logits.dispose();
  return Float32Array.from(values);
}

/** W v + b in float64; W [outputs, inputs]. */
function affine(
  weight: Float32Array,
  bias: Float32Array | undefined,
  v: readonly number[],
): number[] {
  return Array.from({ length: weight.length / v.length }, (_, row) =>
    v.reduce((sum, x, i) => sum + weight[row * v.length + i]! * x, bias?.[row] ?? 0),
  );
}

describe('a classifier’s head', () => {
  before(async () => {
    await tf.setBackend('cpu');
  });

  for (const sequences of [1, 2] as const) {
    const what = sequences === 1 ? 'a sequence' : 'a pair';

    it(`of ${what}: its logits, computed again in float64`, async () => {
      const { hybrid, dispose } = await buildClassifier(classifierPlan(sequences));
      const batch = labelledBatch(sequences);
      const h = tf.tidy(() => hiddenStates(hybrid, idsOf(batch), constantRows(half), context));
      const [stream, width] = [await h.data<'float32'>(), hybrid.design.width];
      h.dispose();
      const state = (row: number) => {
        const at = (row * LENGTH + batch.lasts![row]!) * width;
        return Array.from(stream.slice(at, at + width));
      };
      const read = (name: string) => hybrid.parameters.read(`head/${name}`);
      const expected: number[] = [];
      for (const example of [0, 1]) {
        if (sequences === 1) {
          expected.push(...affine(await read('weight'), undefined, state(example)));
          continue;
        }
        const [x, y] = [state(2 * example), state(2 * example + 1)];
        const product = x.map((each, i) => each * y[i]!);
        const difference = x.map((each, i) => each - y[i]!);
        let v = [...x, ...y, ...product, ...difference];
        for (const layer of [0, 1, 2]) {
          const own = `layers.${layer}`;
          v = affine(await read(`${own}.weight`), await read(`${own}.bias`), v);
          if (layer < 2) v = v.map((each) => Math.max(each, 0));
        }
        expected.push(...v);
      }
      const logits = await logitsOf(hybrid, batch);
      logits.forEach((logit, at) => {
        assert.ok(Math.abs(logit - expected[at]!) < 1e-5 * Math.max(1, Math.abs(expected[at]!)));
      });
      dispose();
    });

    it(`of ${what}: every tensor’s gradient, and the models’, is that of finite differences`, async () => {
      const { hybrid, lossSum, dispose } = await buildClassifier(classifierPlan(sequences));
      const batch = labelledBatch(sequences);
      const loss = () => lossSum(batch, constantRows(half), { training: true, dropoutKey: 1 });
      const own = hybrid.parameters
        .list()
        .filter(({ name }) => name.startsWith('head/') || /embed|norm\b.*weight/i.test(name));
      assert.equal(
        own.filter(({ name }) => name.startsWith('head/')).length,
        sequences === 1 ? 1 : 6,
      );
      await assertGradients({
        loss,
        store: hybrid.parameters,
        parameters: own,
        step: 0.002,
        slack: 2e-3,
      });
      dispose();
    });
  }

  it('reads nothing behind a sequence’s end, in any family', async () => {
    for (const family of FAMILY_NAMES) {
      const of = ['one', 'two'].map((name) => ({ name, family, layers: 2, width: 8 }));
      const { hybrid, dispose } = await buildClassifier(classifierPlan(1, of));
      const [zeros, others] = [labelledBatch(1, 0), labelledBatch(1, 11)];
      assert.notDeepEqual(zeros.ids, others.ids);
      assert.deepEqual(await logitsOf(hybrid, others), await logitsOf(hybrid, zeros), family);
      // But it does read the end.
      const changed = { ...zeros, ids: Int32Array.from(zeros.ids) };
      changed.ids[zeros.lasts![0]!] = 12;
      const [before, after] = [await logitsOf(hybrid, zeros), await logitsOf(hybrid, changed)];
      assert.notDeepEqual(after.slice(0, CLASSES), before.slice(0, CLASSES));
      assert.deepEqual(after.slice(CLASSES), before.slice(CLASSES));
      dispose();
    }
  });

  it('leaves no tensor behind, and scores what it is right about', async () => {
    const { lossSum, score, hybrid, dispose } = await buildClassifier(classifierPlan(1));
    const batch = labelledBatch(1);
    const variables = hybrid.parameters.list().map(({ variable }) => variable);
    const { numTensors } = tf.memory();
    for (let step = 0; step < 2; step++) {
      const rows = constantRows(half);
      const { value, grads } = gradients(
        () => lossSum(batch, rows, { training: true, dropoutKey: 0 }),
        variables,
      );
      tf.dispose([value, ...grads.flatMap((gradient) => gradient ?? [])]);
      const { lossSum: sum, correct } = await score(batch, half);
      const logits = await logitsOf(hybrid, batch);
      let [expected, right] = [0, 0];
      for (const example of [0, 1]) {
        const row = Array.from(logits.slice(example * CLASSES, (example + 1) * CLASSES));
        const target = batch.targets[example]!;
        expected += Math.log(row.reduce((all, x) => all + Math.exp(x), 0)) - row[target]!;
        right += Number(row.indexOf(Math.max(...row)) === target);
      }
      assert.ok(Math.abs(sum - expected) < 1e-5);
      assert.equal(correct, right);
    }
    assert.equal(tf.memory().numTensors, numTensors);
    dispose();
  });

  it('stays whatever is pruned; the components have no heads of their own', async () => {
    const { hybrid, park, restore, dispose } = await buildClassifier(classifierPlan(1));
    const names = () => hybrid.parameters.list().map(({ name }) => name);
    const all = names();
    assert.ok(!all.some((name) => /embed_out|lm_head/.test(name)));
    assert.equal(all.filter((name) => name.startsWith('head/')).length, 1);
    const parked = await park(1, 0);
    // A table that is tied in its own model has no head to stay for.
    assert.ok([...parked.keys()].some((name) => /embedding|wte|embed/.test(name)));
    await park(1, 1);
    assert.ok(names().every((name) => !name.startsWith('components/mamba/')));
    assert.ok(names().includes('head/weight'));
    const alone = [
      [1, 0],
      [1, 0],
    ];
    await logitsOf(hybrid, labelledBatch(1), alone);
    restore(1, 0, parked);
    dispose();
  });

  it('predicts no tokens', async () => {
    const { hybrid, dispose } = await buildClassifier(classifierPlan(1));
    const tokens = () => forward(hybrid, idsOf(labelledBatch(1)), constantRows(half), context);
    assert.throws(() => tf.tidy(tokens), /predicts no tokens/);
    dispose();
  });

  for (const sequences of [1, 2] as const) {
    it(`goes with the folder of a hybrid of ${sequences}, and is refused in a component’s`, async () => {
      const { hybrid, dispose } = await buildClassifier(classifierPlan(sequences));
      const folder = await mkdtemp(path.join(tmpdir(), 'manticore-classifier-'));
      const input = { hybrid, tokenizer: undefined, dtype: 'F32' as const };
      const configs = hybrid.plan.components.map(({ config }) => config);
      const written = await exportHybrid(folder, { ...input, alphas: half, configs });
      assert.deepEqual([...written].sort(), (await readdir(folder)).sort());
      const loaded = await loadHybrid(folder);
      assert.deepEqual(loaded.design.classifier, { classes: CLASSES, sequences });
      const batch = labelledBatch(sequences);
      assert.deepEqual(await logitsOf(loaded, batch), await logitsOf(hybrid, batch));
      await assert.rejects(exportComponent(folder, 'neox', input), { code: 'classifier' });
      loaded.parameters.dispose();
      dispose();
      await rm(folder, { recursive: true });
    });
  }
});
