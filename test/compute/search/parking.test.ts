import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { openEngine } from '../../../server/compute/engine/engine';
import type { HybridModel } from '../../../server/compute/search/hybridModel';
import {
  disposeAdamw,
  initialAdamw,
  readMoments,
  updateWeights,
  type AdamwState,
} from '../../../server/compute/search/optimiser';
import { parkComponent, restoreComponent } from '../../../server/compute/search/parking';
import { buildTiny, runPlan } from './runHarness';

describe('parking', () => {
  let folder: string;
  let model: HybridModel;
  let adamw: AdamwState;
  before(() => openEngine('cpu'));
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'manticore-parked-'));
    model = await buildTiny(
      runPlan(),
      [
        [true, true],
        [true, true],
      ],
      1,
    );
    adamw = initialAdamw();
    // Moments for everything but one tensor, so that both kinds are parked.
    const gradients = model
      .parameters()
      .filter(({ name }) => name !== 'projectors/mamba/2/in.bias')
      .map((parameter, i) => ({
        parameter,
        gradient: tf.fill(parameter.variable.shape, 0.1 * (i + 1)),
      }));
    updateWeights(adamw, gradients, 1, 1, { learningRate: 0.1, weightDecay: 0.1, clip: 0 });
    tf.dispose(gradients.map(({ gradient }) => gradient));
  });
  afterEach(async () => {
    model.dispose();
    disposeAdamw(adamw);
    await rm(folder, { recursive: true });
  });

  const state = () =>
    Promise.all(
      model.parameters().map(async ({ name, variable }) => {
        const moments = adamw.get(name);
        return [name, [...(await variable.data())], moments && (await readMoments(moments))];
      }),
    );
  const park = (block: number, label: string, table = {}) =>
    parkComponent(model, adamw, 1, block, { folder, label }, table);

  it('brings back weights, moments and counts bit for bit', async () => {
    const before = await state();
    const tensors = tf.memory().numTensors;
    const table = await park(1, 'one');
    assert.ok(Object.keys(table).length > 5);
    for (const [name, { file, updates }] of Object.entries(table)) {
      assert.equal(file, 'one-block2-component2.safetensors');
      assert.equal(updates, name.endsWith('in.bias') ? 0 : 1);
      assert.ok(!adamw.has(name) && !model.hybrid.parameters.has(name));
    }
    assert.ok(tf.memory().numTensors < tensors);
    const stored = JSON.parse(JSON.stringify(table)) as typeof table;
    assert.deepEqual(await restoreComponent(model, adamw, 1, 1, folder, stored), {});
    assert.deepEqual(await state(), before);
    assert.equal(tf.memory().numTensors, tensors);
  });

  it('brings back each block alone, whichever left first; a tied table with the first to return', async () => {
    const before = await state();
    const first = await park(0, 'one');
    const both = await park(1, 'two', first);
    assert.ok(model.parameters().every(({ name }) => !name.includes('/mamba/')));
    const table = 'components/mamba/embeddings.weight';
    assert.ok(!(table in first) && table in both, 'the head still used the table');
    const half = await restoreComponent(model, adamw, 1, 0, folder, both);
    assert.ok(!(table in half));
    assert.deepEqual(await restoreComponent(model, adamw, 1, 1, folder, half), {});
    assert.deepEqual(await state(), before);
  });

  it('says so when a parked file is gone or damaged', async () => {
    const table = await park(1, 'one');
    const file = path.join(folder, 'one-block2-component2.safetensors');
    await writeFile(file, 'not tensors');
    const hasHint = (error: unknown) => error instanceof Error && 'hint' in error;
    await assert.rejects(restoreComponent(model, adamw, 1, 1, folder, table), hasHint);
    await rm(file);
    await assert.rejects(restoreComponent(model, adamw, 1, 1, folder, table), hasHint);
  });
});
