/** Projector pretraining: what it trains and what it leaves alone, what starts from it, and that a cut changes no bit. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { PretrainSettings } from '../../../server/contract/config';
import type { ControlRequest } from '../../../server/contract/control';
import type { RunEvent } from '../../../server/contract/events';
import { pretrainedTensors } from '../../../server/compute/search/hybridModel';
import { ComponentFiles, pretrainedFolder } from '../../../server/compute/process/runServices';
import { openSafetensors } from '../../../server/weights/safetensors';
import { openModelWeights } from '../../../server/weights/modelFolder';
import { readProjectorManifest } from '../../../server/weights/projectorManifest';
import { done, onWasm, resultsOf, stepsOf } from './runChecks';
import {
  bits,
  Cut,
  optimiser,
  RunBench,
  runPlan,
  type RunHooks,
  type RunSettings,
} from './runHarness';

const pretrain: PretrainSettings = {
  ...optimiser,
  steps: 5,
  data: { kind: 'text', path: '' },
  alphas: true,
  embeddings: true,
};

const components = [
  { name: 'neox', family: 'gptNeox' as const, layers: 2, width: 4 },
  { name: 'mamba', family: 'mamba' as const, layers: 2, width: 6 },
];

function settings(changes: Partial<PretrainSettings> = {}, rest: RunSettings = {}): RunSettings {
  const projectors = { pretrain: { ...pretrain, ...changes } };
  return { ...rest, hybrid: { components, projectors, ...rest.hybrid } };
}

/** Values of every tensor of a hybrid, as a job behind the stage begins with them. */
async function valuesOf(bench: RunBench, pretrained: boolean): Promise<Map<string, number[]>> {
  const files = new ComponentFiles(bench.plan, bench.dir);
  const live = bench.plan.blocks.map(() => [true, true]);
  const model = await files.build(live, 1, { pretrained });
  const values = new Map<string, number[]>();
  for (const { name, variable } of model.parameters()) {
    values.set(name, [...(await variable.data())]);
  }
  model.dispose();
  await files.close();
  return values;
}

const evaluationsOf = (events: readonly RunEvent[]) =>
  events.flatMap((event) =>
    event.type === 'evaluation' && event.stage === 'projectors' ? [event] : [],
  );

describe('projector pretraining', () => {
  onWasm();

  it('comes first, trains projectors, embeddings and α, and nothing else', async () => {
    const { events, finished, bench } = await done(settings({}, { baselines: false }));
    const steps = stepsOf(events, 'projectors');
    assert.equal(steps.length, 5);
    assert.ok(steps[0]!.seq < stepsOf(events, 'search')[0]!.seq);
    assert.notDeepEqual(steps.at(-1)!.alphas, [
      [0.5, 0.5],
      [0.5, 0.5],
    ]);
    const [before, after] = [await valuesOf(bench, false), await valuesOf(bench, true)];
    const trained = new Set(pretrainedTensors(bench.plan).map(({ name }) => name));
    assert.ok([...trained].some((name) => name.includes('embed')));
    for (const [name, values] of before) {
      const moved = after.get(name)!.join() !== values.join();
      assert.equal(moved, trained.has(name), name);
    }
    assert.deepEqual(
      evaluationsOf(events).map(({ step }) => step),
      [0, 3, 5],
    );
    assert.deepEqual(resultsOf(finished)[0], ['projectors hybrid 1', 5, 5 * 2 * 5]);
  });

  it('leaves embeddings and α alone where the config says so', async () => {
    const { events, bench } = await done(settings({ alphas: false, embeddings: false }));
    for (const { alphas } of stepsOf(events, 'projectors')) {
      assert.deepEqual(alphas, [
        [0.5, 0.5],
        [0.5, 0.5],
      ]);
    }
    const names = pretrainedTensors(bench.plan).map(({ name }) => name);
    assert.ok(names.length > 0 && names.every((name) => name.startsWith('projectors/')));
    const file = await openModelWeights(path.join(bench.dir, 'result/projectors'));
    assert.deepEqual([...file.tensors.keys()].sort(), [...names].sort());
    await file.close();
  });

  it('keeps no frozen weight, and no moments of one, in its checkpoints', async () => {
    const bench = await RunBench.make(runPlan(settings()));
    await bench.run({ onEvent: killedAt('projectors', 5) });
    const [newest] = (await readdir(path.join(bench.dir, 'checkpoints'))).sort().reverse();
    const file = await openSafetensors(
      path.join(bench.dir, 'checkpoints', newest!),
      'training.safetensors',
    );
    const names = new Set(pretrainedTensors(bench.plan).map(({ name }) => name));
    const kept = file.header.tensors.map(({ name }) => name.replace(/^(value|first|second)\//, ''));
    assert.ok(kept.every((name) => names.has(name)));
    assert.equal(new Set(kept).size, names.size);
    await file.close();
    await bench.remove();
  });

  it('gives every seed its own projectors, and other runs the best', async () => {
    const { events, bench } = await done(
      settings(
        {},
        {
          search: { seeds: [1, 2] },
          finetune: {},
          baselines: { components: true, match: 'steps', uniform: true },
        },
      ),
    );
    const final = evaluationsOf(events).filter(({ step }) => step === 5);
    assert.deepEqual(
      final.map(({ seed }) => seed),
      [1, 2],
    );
    const losses = final.map(({ loss }) => loss);
    const manifest = await readProjectorManifest(path.join(bench.dir, 'result/projectors'));
    assert.equal(manifest?.validationLoss, Math.min(...losses));
    assert.equal(manifest.seed, losses[0]! <= losses[1]! ? 1 : 2);
    for (const seed of [1, 2]) {
      const own = await readProjectorManifest(pretrainedFolder(bench.dir, seed));
      assert.equal(own?.validationLoss, losses[seed - 1]);
    }
  });

  it('costs a token less training than the search, by the gradients of the frozen matrices', async () => {
    const { finished, bench } = await done(settings({}, { search: { steps: 5 } }));
    const [stage, search] = finished.results as [
      (typeof finished.results)[0],
      (typeof finished.results)[0],
    ];
    assert.equal(stage.tokens, search.tokens);
    const trained = new Set(pretrainedTensors(bench.plan).map(({ name }) => name));
    const frozen = bench.plan.tensors.filter(({ name, decay }) => decay && !trained.has(name));
    const numbers = frozen.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    assert.equal(search.trainingFlops! - stage.trainingFlops!, 2 * numbers * stage.tokens);
  });

  it('alone is a whole run', async () => {
    const { events, finished } = await done(settings({}, { search: { steps: 0 } }));
    assert.deepEqual(
      finished.results.map(({ stage }) => stage),
      ['projectors'],
    );
    assert.deepEqual(finished.alphas, stepsOf(events, 'projectors').at(-1)!.alphas);
  });

  describe('that is cut', () => {
    const controls: Record<number, ControlRequest[]> = {
      1: [{ action: 'prune', block: 1, component: 'mamba' }],
      2: [{ action: 'pin', block: 2, weights: { neox: 1 } }],
      3: [
        { action: 'restore', block: 1, component: 'mamba' },
        { action: 'unpin', block: 2 },
        { action: 'prune', block: 2, component: 'neox' },
      ],
    };
    const whole = settings({}, { search: { steps: 3 }, finetune: { steps: 2 } });

    async function run(cuts: readonly RunHooks['onEvent'][]) {
      const bench = await RunBench.make(runPlan(whole));
      const asked = new Set<number>();
      const hooks = (cut: RunHooks['onEvent']): RunHooks => ({
        onEvent: (event, queue) => {
          cut?.(event, queue);
          if (event.type !== 'step' || event.stage !== 'projectors' || asked.has(event.step))
            return;
          asked.add(event.step);
          for (const request of controls[event.step] ?? []) void queue.push(request);
        },
      });
      for (const [index, cut] of cuts.entries()) {
        assert.equal(await bench.run(hooks(cut), index > 0), 'cut');
      }
      assert.deepEqual(await bench.run(hooks(undefined), cuts.length > 0), { status: 'done' });
      const events = bits(await bench.events());
      const artefact = await bench.read('result/projectors/model.safetensors');
      await bench.remove();
      const isControl = (event: unknown) => (event as RunEvent).type === 'control';
      return {
        artefact: artefact.toString('hex'),
        controls: events.filter(isControl),
        others: events.filter((event) => !isControl(event)),
      };
    }

    it('goes on to the same bits, pruned and pinned on the way, and leaves whole projectors', async () => {
      const expected = await run([]);
      assert.equal(expected.controls.length, 5);
      const first = [killedAt('projectors', 1), killedAt('projectors', 3)];
      const second = [killedAt('projectors', 5), killedAt('search', 2), killedAt('finetune', 1)];
      for (const cuts of [first, second]) assert.deepEqual(await run(cuts), expected);
    });
  });
});

const killedAt =
  (stage: string, step: number): NonNullable<RunHooks['onEvent']> =>
  (event) => {
    if (event.type === 'step' && event.stage === stage && event.step === step) throw new Cut();
  };
