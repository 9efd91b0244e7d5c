import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import { openEngine } from '../../../server/compute/engine/engine';
import { AlphaTensors } from '../../../server/compute/search/alphaTensors';
import {
  initialArchitecture,
  type ArchitectureState,
  type SearchAlgorithm,
} from '../../../server/compute/search/architecture';
import { initialAlphaMoments } from '../../../server/compute/search/alphaUpdate';
import type { HybridModel } from '../../../server/compute/search/hybridModel';
import { disposeAdamw, initialAdamw } from '../../../server/compute/search/optimiser';
import { trainingStep, type StepInput } from '../../../server/compute/search/trainingStep';
import { IGNORED, TrainingBatches, type Batch } from '../../../server/compute/tasks/batches';
import { buildTiny, runPlan, someData } from './runHarness';

const BOTH = { weights: true, alphas: true };

interface Bench {
  readonly model: HybridModel;
  readonly input: StepInput;
  readonly dispose: () => void;
}

/** A step on the tiny hybrid, all components live unless `architecture` says otherwise. */
async function bench(
  batches: readonly Batch[],
  algorithm: SearchAlgorithm = 'darts',
  architecture?: ArchitectureState,
): Promise<Bench> {
  const plan = runPlan();
  const model = await buildTiny(
    plan,
    plan.blocks.map(() => [true, true]),
    1,
  );
  const adamw = initialAdamw();
  const alphaTensors = new AlphaTensors();
  const input: StepInput = {
    model,
    alphaTensors,
    adamw,
    architecture: architecture ?? initialArchitecture({ algorithm, temperature: 1 }, plan.blocks),
    alphaMoments: initialAlphaMoments(2, 2),
    plan: BOTH,
    batches,
    seed: 1,
    step: 1,
    job: 'test',
    weights: { learningRate: 0.01, weightDecay: 0.1, clip: 1 },
    alphaLearningRate: 0.05,
  };
  const dispose = () => {
    disposeAdamw(adamw);
    alphaTensors.dispose();
    model.dispose();
  };
  return { model, input, dispose };
}

const stream = () => new TrainingBatches(someData().train, 5, 1, 'search');

function valuesOf(model: HybridModel): Map<string, number[]> {
  return new Map(model.parameters().map(({ name, variable }) => [name, [...variable.dataSync()]]));
}

describe('one step', () => {
  before(() => openEngine('cpu'));

  it('on accumulated micro-batches equals one on the larger batch', async () => {
    const large = stream().next(4);
    const cut = (first: number): Batch => ({
      ...large,
      sequences: 2,
      ids: large.ids.slice(first * 5, first * 5 + 10),
      targets: large.targets.slice(first * 5, first * 5 + 10),
      scored: 10,
    });
    const one = await bench([large], 'gaea');
    const two = await bench([cut(0), cut(2)], 'gaea');
    const [whole, parts] = [await trainingStep(one.input), await trainingStep(two.input)];
    assert.ok(Math.abs(whole.loss - parts.loss) < 1e-6);
    whole.architecture.blocks.forEach(({ a }, i) =>
      a.forEach((value, m) => {
        assert.ok(Math.abs(value - parts.architecture.blocks[i]!.a[m]!) < 1e-7);
      }),
    );
    // Adam's first step is ±lr wherever the gradient is well above its rounding.
    const other = valuesOf(two.model);
    let equal = 0;
    let all = 0;
    for (const [name, values] of valuesOf(one.model)) {
      values.forEach((value, at) => {
        all += 1;
        if (Math.abs(value - other.get(name)![at]!) < 1e-4) equal += 1;
      });
    }
    assert.ok(equal > 0.99 * all, `${equal} of ${all} values agree`);
    one.dispose();
    two.dispose();
  });

  it('divides by the scored tokens of all micro-batches, not by micro-batches', async () => {
    const [first, second] = [stream().next(1), stream().next(2)];
    const few: Batch = {
      ...first,
      targets: first.targets.map((target, i) => (i === 0 ? target : IGNORED)),
      scored: 1,
    };
    const { model, input, dispose } = await bench([few, second]);
    const alphas = input.architecture.blocks.map(() => [0.5, 0.5]);
    const sum = async (batch: Batch) => (await model.score(batch, alphas)).lossSum;
    const expected = ((await sum(few)) + (await sum(second))) / 11;
    assert.ok(Math.abs((await trainingStep(input)).loss - expected) < 1e-5);
    dispose();
  });

  it('moves a by the mean over scored tokens: a batch shown twice counts once', async () => {
    const batch = stream().next(2);
    for (const algorithm of ['gaea', 'darts'] as const) {
      const [once, twice] = [
        await bench([batch], algorithm),
        await bench([batch, batch], algorithm),
      ];
      const moved = async ({ input }: Bench) => {
        const { architecture, alphaMoments } = await trainingStep(input);
        return [...architecture.blocks.flatMap(({ a }) => a), ...alphaMoments.first.flat()];
      };
      const [one, two] = [await moved(once), await moved(twice)];
      one.forEach((value, at) => assert.ok(Math.abs(value - two[at]!) < 1e-7));
      once.dispose();
      twice.dispose();
    }
  });

  it('draws dropout anew for every step, micro-batch, job and seed', async () => {
    const batch = stream().next(1);
    const { model, input, dispose } = await bench([batch, batch]);
    const keys: number[] = [];
    const watched: HybridModel = {
      ...model,
      lossSum: (some, rows, context) => {
        assert.ok(context.training);
        keys.push(context.dropoutKey);
        return model.lossSum(some, rows, context);
      },
    };
    const changes = [{}, { step: 2 }, { seed: 2 }, { job: 'other' }];
    for (const change of changes) await trainingStep({ ...input, ...change, model: watched });
    assert.equal(new Set(keys).size, 2 * changes.length);
    await trainingStep({ ...input, model: watched });
    assert.deepEqual(keys.slice(-2), keys.slice(0, 2), 'keyed, not drawn in turn');
    dispose();
  });

  it('drops nothing in evaluation', async () => {
    const batch = stream().next(2);
    const scoreWith = async (rate: number) => {
      const config = { embd_pdrop: rate, attn_pdrop: rate, resid_pdrop: rate };
      const only = { name: 'only', family: 'gpt2', layers: 2, width: 4, config } as const;
      const model = await buildTiny(
        runPlan({ hybrid: { components: [only] } }),
        [[true], [true]],
        1,
      );
      const score = await model.score(batch, [[1], [1]]);
      const lossSum = model.lossSum(batch, [[1], [1]], { training: true, dropoutKey: 5 });
      const trained = lossSum.dataSync()[0]!;
      lossSum.dispose();
      model.dispose();
      return { score, trained };
    };
    const [without, dropping] = [await scoreWith(0), await scoreWith(0.4)];
    assert.deepEqual(dropping.score, without.score);
    assert.notEqual(dropping.trained, without.trained);
    assert.equal(without.trained, without.score.lossSum);
  });

  it('refuses a batch without a scored token, before anything changes', async () => {
    const batch = stream().next(1);
    const empty = { ...batch, targets: batch.targets.map(() => IGNORED), scored: 0 };
    const { model, input, dispose } = await bench([empty]);
    const before = valuesOf(model);
    await assert.rejects(trainingStep(input), { code: 'no-scored-token' });
    assert.deepEqual(valuesOf(model), before);
    dispose();
  });

  it('leaves what is not in its graph untouched: no decay, no moment, no count', async () => {
    const { model, input, dispose } = await bench([stream().next(2)], 'darts', {
      algorithm: 'darts',
      temperature: 1,
      blocks: [
        { a: [0, 0], live: [true, true], pinned: undefined },
        { a: [0, 0], live: [true, true], pinned: [1, 0] },
      ],
    });
    const before = valuesOf(model);
    await trainingStep(input);
    for (const { name, place, component } of model.hybrid.parameters.list()) {
      // Mamba is held at 0 in block 2; NeoX at 1 there skips its projectors.
      const unused = place === 1 && (component === 1 || name.startsWith('projectors/'));
      const changed = before.get(name)!.join() !== valuesOf(model).get(name)!.join();
      if (unused) assert.ok(!changed, `${name} is not used`);
      assert.equal(input.adamw.has(name), !unused, name);
      if (unused) continue;
      assert.equal(input.adamw.get(name)!.updates, 1);
    }
    dispose();
  });

  it('moves θ alone, or a alone, as the schedule asks', async () => {
    const { model, input, dispose } = await bench([stream().next(2)]);
    const before = valuesOf(model);
    const searched = await trainingStep({ ...input, plan: { weights: false, alphas: true } });
    assert.deepEqual(valuesOf(model), before);
    assert.notDeepEqual(searched.architecture, input.architecture);
    assert.equal(input.adamw.size, 0);
    const trained = await trainingStep({ ...input, plan: { weights: true, alphas: false } });
    assert.notDeepEqual(valuesOf(model), before);
    assert.equal(trained.architecture, input.architecture);
    dispose();
  });

  it('computes a loss, and nothing else, where all is pinned and it is the turn of a', async () => {
    const { model, input, dispose } = await bench([stream().next(2)], 'gaea', {
      algorithm: 'gaea',
      temperature: 1,
      blocks: [
        { a: [0.5, 0.5], live: [true, true], pinned: [0.5, 0.5] },
        { a: [0.5, 0.5], live: [true, true], pinned: [1, 0] },
      ],
    });
    const before = valuesOf(model);
    const { loss, architecture } = await trainingStep({
      ...input,
      plan: { weights: false, alphas: true },
    });
    assert.ok(loss > 0);
    assert.deepEqual(architecture, input.architecture);
    assert.deepEqual(valuesOf(model), before);
    dispose();
  });

  it('stops at a loss that is not a number, before anything changes', async () => {
    const { model, input, dispose } = await bench([stream().next(2)]);
    const { name } = model.parameters()[0]!;
    const broken = (await model.hybrid.parameters.read(name)).fill(NaN);
    model.hybrid.parameters.write(name, broken);
    const before = valuesOf(model);
    await assert.rejects(trainingStep(input), { code: 'loss-not-finite', hint: /learningRate/ });
    assert.deepEqual(valuesOf(model), before);
    dispose();
  });

  for (const algorithm of ['darts', 'gaea', 'dash', 'fixed'] as const) {
    it(`${algorithm}: the number of tensors is the same after every step`, async () => {
      const batches = stream();
      const { input, dispose } = await bench([], algorithm);
      let { architecture, alphaMoments } = input;
      const counts: number[] = [];
      for (let step = 1; step <= 4; step++) {
        ({ architecture, alphaMoments } = await trainingStep({
          ...input,
          architecture,
          alphaMoments,
          step,
          batches: [batches.next(2), batches.next(2)],
        }));
        counts.push(tf.memory().numTensors);
      }
      assert.deepEqual(counts, Array<number>(4).fill(counts[0]!));
      dispose();
    });
  }
});
