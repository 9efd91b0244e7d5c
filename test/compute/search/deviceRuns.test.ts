/** Whole runs, exports and text on a backend that can't be read synchronously: the bits of the `cpu` oracle. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type { ControlRequest } from '../../../server/contract/control';
import type { RunEvent } from '../../../server/contract/events';
import { openEngine } from '../../../server/compute/engine/engine';
import { selfCheckError } from '../../../server/compute/engine/selfCheck';
import { generateIds } from '../../../server/compute/hybrid/generate';
import { loadHybrid } from '../../../server/compute/hybrid/load';
import { AlphaTensors } from '../../../server/compute/search/alphaTensors';
import { initialArchitecture } from '../../../server/compute/search/architecture';
import { initialAlphaMoments } from '../../../server/compute/search/alphaUpdate';
import { scoreHybrid, type HybridModel } from '../../../server/compute/search/hybridModel';
import { disposeAdamw, initialAdamw } from '../../../server/compute/search/optimiser';
import { parkComponent } from '../../../server/compute/search/parking';
import { trainingStep, type StepInput } from '../../../server/compute/search/trainingStep';
import { TrainingBatches } from '../../../server/compute/tasks/batches';
import { DeviceBackend } from './deviceBackend';
import { ModelScene, type SceneConfig } from './modelScene';
import {
  atSearchStep,
  bits,
  buildTiny,
  Cut,
  RunBench,
  runPlan,
  someData,
  type RunHooks,
  type RunSettings,
} from './runHarness';

/** `work` on the oracle, then on the device, with the tensors that are left counted. */
async function onBoth<T>(work: () => Promise<T>): Promise<{ oracle: T; device: T }> {
  await openEngine('cpu');
  const oracle = await work();
  await DeviceBackend.open();
  try {
    const { numTensors } = tf.memory();
    const device = await work();
    assert.equal(tf.memory().numTensors, numTensors, 'tensors are left');
    return { oracle, device };
  } finally {
    await openEngine('cpu');
    DeviceBackend.close();
  }
}

const pruned = { block: 2, component: 'mamba' } as const;
const controls: Record<number, ControlRequest[]> = {
  1: [{ action: 'prune', ...pruned }],
  2: [
    { action: 'restore', ...pruned },
    { action: 'pin', block: 1, weights: { neox: 0.25, mamba: 0.75 } },
  ],
};

describe('a backend without synchronous reads', () => {
  let scene: ModelScene;
  before(async () => (scene = await ModelScene.make()));
  after(() => scene.remove());

  it('searches, fine-tunes and trains a baseline of models on disk as the oracle does', async () => {
    const config: SceneConfig = {
      components: ['neox', 'mamba', 'gpt'],
      hybrid: { blocks: 2, tokenizer: 'neox', projectors: { kind: 'linear-skip' } },
      search: { steps: 3, accumulate: 2, evalEvery: 3, checkpointEvery: 2, checkpointing: 'on' },
      finetune: { steps: 1, weights: 'keep' },
      baselines: { components: false, uniform: true, match: 'steps' },
    };
    const replies: { readonly ok: boolean }[] = [];
    const run = async () => {
      const { outcome, events } = await scene.run(config, atSearchStep(controls, replies));
      assert.deepEqual(outcome, { status: 'done' });
      return bits(events);
    };
    const { oracle, device } = await onBoth(run);
    assert.deepEqual(device, oracle);
    assert.equal(oracle.filter((event) => (event as RunEvent).type === 'control').length, 3);
    assert.deepEqual(
      replies.map(({ ok }) => ok),
      Array<boolean>(6).fill(true),
    );
  });

  it('goes on from a checkpoint as if it had never been cut', async () => {
    const settings: RunSettings = {
      search: { algorithm: 'dash', steps: 3, checkpointEvery: 1, evalEvery: 2 },
      finetune: { steps: 2, weights: 'keep' },
    };
    const pins = atSearchStep(controls);
    const cut: RunHooks = {
      onEvent: (event, queue) => {
        if (event.type === 'step' && event.step === 3) throw new Cut();
        pins.onEvent?.(event, queue);
      },
    };
    const run = (hooks: readonly RunHooks[]) => async () => {
      const bench = await RunBench.make(runPlan(settings));
      try {
        for (const [index, each] of hooks.entries()) await bench.run(each, index > 0);
        return bits(await bench.events());
      } finally {
        await bench.remove();
      }
    };
    const whole = await onBoth(run([pins]));
    const interrupted = await onBoth(run([cut, {}]));
    assert.deepEqual(whole.device, whole.oracle);
    assert.deepEqual(interrupted.device, whole.oracle);
  });

  it('exports, loads, scores and writes text', async () => {
    const config: SceneConfig = {
      components: ['neox', 'mamba'],
      hybrid: { blocks: 2, tokenizer: 'neox' },
    };
    let count = 0;
    const work = async () => {
      const name = `exported-${count++}`;
      await scene.exportTo(name, config);
      const hybrid = await loadHybrid(path.join(scene.folder, name));
      const ids: number[] = [];
      const sampling = { maxTokens: 6, temperature: 0.8, topP: 0.9, seed: 1, stop: [] };
      for await (const id of generateIds(hybrid, hybrid.alphas, [1, 2, 3], sampling)) ids.push(id);
      const tokens = Int32Array.from({ length: 10 }, (_, i) => (i * 7) % 50);
      const batch = { sequences: 2, length: 5, ids: tokens, targets: tokens, scored: 10 };
      const score = await scoreHybrid(hybrid, batch, hybrid.alphas);
      const stored = await hybrid.parameters.read(hybrid.parameters.list()[0]!.name);
      hybrid.parameters.dispose();
      return { ids, score, stored };
    };
    const { oracle, device } = await onBoth(work);
    assert.equal(oracle.ids.length, 6);
    assert.deepEqual(device, oracle);
  });
});

describe('reads on a device', () => {
  let backend: DeviceBackend;
  let model: HybridModel;
  let input: StepInput;
  before(async () => {
    await openEngine('cpu');
    backend = await DeviceBackend.open();
    const plan = runPlan();
    const live = plan.blocks.map(() => [true, true]);
    model = await buildTiny(plan, live, 1);
    const batches = new TrainingBatches(someData().train, 5, 1, 'search');
    input = {
      model,
      alphaTensors: new AlphaTensors(),
      adamw: initialAdamw(),
      architecture: initialArchitecture(plan.config.search, plan.blocks),
      alphaMoments: initialAlphaMoments(2, 2),
      plan: { weights: true, alphas: true },
      batches: [batches.next(2), batches.next(1), batches.next(2)],
      seed: 1,
      step: 1,
      job: 'test',
      weights: { learningRate: 0.01, weightDecay: 0.1, clip: 1 },
      alphaLearningRate: 0.05,
    };
    await trainingStep(input);
  });
  after(async () => {
    input.alphaTensors.dispose();
    disposeAdamw(input.adamw);
    model.dispose();
    await openEngine('cpu');
    DeviceBackend.close();
  });
  afterEach(() => (backend.readsLeft = Infinity));

  const values = () =>
    Promise.all(
      model.parameters().map(async ({ name, variable }) => [name, [...(await variable.data())]]),
    );
  const readsOf = async (work: () => Promise<unknown>) => {
    const before = backend.reads;
    await work();
    return backend.reads - before;
  };

  it('are two a step, however many micro-batches, α and parameters it has; one a scored batch', async () => {
    assert.equal(await readsOf(() => trainingStep(input)), 2);
    assert.equal(
      await readsOf(() =>
        model.score(input.batches[0]!, [
          [0.5, 0.5],
          [0.5, 0.5],
        ]),
      ),
      1,
    );
  });

  it('that fail in a step change nothing and leave no tensor', async () => {
    const before = await values();
    const { numTensors } = tf.memory();
    for (const left of [0, 1]) {
      backend.readsLeft = left;
      await assert.rejects(trainingStep(input), /lost/);
      // The other read of the step comes to its end too.
      await backend.settled();
      assert.equal(tf.memory().numTensors, numTensors);
    }
    backend.readsLeft = Infinity;
    assert.deepEqual(await values(), before);
    assert.ok([...input.adamw.values()].every(({ updates }) => updates === 2));
  });

  it('that fail in an evaluation or a pruning leave no tensor, and the component in its block', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'manticore-device-'));
    const names = model.parameters().map(({ name }) => name);
    const { numTensors } = tf.memory();
    backend.readsLeft = 0;
    await assert.rejects(
      model.score(input.batches[0]!, [
        [0.5, 0.5],
        [0.5, 0.5],
      ]),
      /lost/,
    );
    backend.readsLeft = 1;
    const place = { folder, label: 'lost' };
    await assert.rejects(parkComponent(model, input.adamw, 1, 1, place, {}), /lost/);
    await backend.settled();
    assert.equal(tf.memory().numTensors, numTensors);
    assert.deepEqual(
      model.parameters().map(({ name }) => name),
      names,
    );
    assert.ok(model.hybrid.parameters.isLive(1, 1));
    await rm(folder, { recursive: true });
  });

  it('that fail in the self-check leave no tensor and the backend current', async () => {
    const { numTensors } = tf.memory();
    assert.ok((await selfCheckError()) < 1e-6);
    backend.readsLeft = 3;
    await assert.rejects(selfCheckError(), /lost/);
    await backend.settled();
    assert.equal(tf.memory().numTensors, numTensors);
    assert.equal(tf.getBackend(), 'test-device');
  });
});
