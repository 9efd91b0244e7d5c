/** Which tokens θ and a may see, and at which rate a moves, watched from outside over whole runs. */
import assert from 'node:assert/strict';
import type { MixtureRow } from '../../../server/compute/hybrid/mixture';
import type { Batch } from '../../../server/compute/tasks/batches';
import type { TextData } from '../../../server/compute/tasks/text';
import { done, onWasm, stepsOf } from './runChecks';
import { buildTiny, runPlan, type RunSettings } from './runHarness';

/** Splits that share no token id: training 0 to 4, held out 5 to 8, validation 9 to 12. */
function splits(bilevel: boolean): TextData {
  const make = (length: number, first: number, count: number) =>
    Int32Array.from({ length }, (_, at) => first + ((at * at + at) % count));
  const searchTrain = make(81, 0, 5);
  const heldOut = make(30, 5, 4);
  const train = Int32Array.of(...searchTrain, ...heldOut);
  const validation = make(23, 9, 4);
  return bilevel
    ? { train, searchTrain, heldOut, validation, test: undefined }
    : { train: searchTrain, searchTrain, heldOut: undefined, validation, test: undefined };
}

interface Seen {
  readonly alphas: boolean;
  readonly ids: ReadonlySet<number>;
}

/** Every training batch by model (in the order of the jobs), with whether α was searched in it. */
async function watch(settings: RunSettings): Promise<Seen[][]> {
  const plan = runPlan(settings);
  const models: Seen[][] = [];
  await done(settings, {
    data: splits(settings.search?.schedule === 'bilevel'),
    buildModel: async (live, seed) => {
      const model = await buildTiny(plan, live, seed);
      const seen: Seen[] = [];
      models.push(seen);
      return {
        ...model,
        lossSum: (batch: Batch, rows: readonly MixtureRow[], context) => {
          const alphas = rows.flat().some((weight) => typeof weight !== 'number');
          seen.push({ alphas, ids: new Set([...batch.ids, ...batch.targets]) });
          return model.lossSum(batch, rows, context);
        },
      };
    },
  });
  return models;
}

const within = (first: number, last: number) => (seen: Seen) =>
  [...seen.ids].every((id) => id >= first && id <= last);
const isTrain = within(0, 4);
const isHeldOut = within(5, 8);

describe('splits', () => {
  onWasm();

  for (const schedule of ['simultaneous', 'alternating'] as const) {
    it(`${schedule}: θ and a see the training split, nobody validation`, async () => {
      const [search, ...others] = await watch({
        search: { schedule },
        finetune: {},
        baselines: { components: true, match: 'steps', uniform: true },
      });
      const turns = search!.map(({ alphas }) => alphas);
      assert.deepEqual(
        turns,
        schedule === 'alternating'
          ? [false, true, false, true, false, true]
          : Array<boolean>(6).fill(true),
      );
      assert.equal(others.length, 4);
      assert.ok([search!, ...others].flat().every(isTrain));
      assert.ok(
        others.flat().every(({ alphas }) => !alphas),
        'α is frozen',
      );
    });
  }

  it('bilevel: θ never sees the held-out split in the search, a nothing else', async () => {
    const [search, ...baselines] = await watch({
      search: { schedule: 'bilevel' },
      finetune: { weights: 'keep', steps: 20 },
      baselines: { components: true, match: 'steps', uniform: false },
    });
    const searching = search!.slice(0, 6);
    for (const [at, seen] of searching.entries()) {
      assert.equal(seen.alphas, at % 2 === 1);
      assert.ok(seen.alphas ? isHeldOut(seen) : isTrain(seen));
    }
    const tuning = search!.slice(6);
    assert.equal(tuning.length, 20);
    assert.ok(!tuning.every(isTrain), 'the fine-tuning takes all that is no validation');
    assert.equal(baselines.length, 2);
    for (const baseline of baselines) {
      assert.ok(baseline.slice(0, 3).every(isTrain), 'the search’s three updates of θ');
      assert.ok(!baseline.slice(3).every(isTrain));
      assert.ok(baseline.every(within(0, 8)));
    }
  });

  it('θ moves at the rate of its step: the first of a warm-up of 20 at a twentieth', async () => {
    const settings: RunSettings = {
      search: { steps: 40, warmup: 0.5, learningRate: 0.02, weightDecay: 0, evalEvery: 40 },
    };
    const plan = runPlan(settings);
    const values: number[][] = [];
    await done(settings, {
      buildModel: async (live, seed) => {
        const model = await buildTiny(plan, live, seed);
        return {
          ...model,
          lossSum: (batch, rows, context) => {
            const all = model.parameters().flatMap(({ variable }) => [...variable.dataSync()]);
            if (values.length < 2) values.push(all);
            return model.lossSum(batch, rows, context);
          },
        };
      },
    });
    // Adam's first update is the rate itself wherever the gradient is well above its epsilon.
    const moved = values[0]!.map((value, at) => Math.abs(values[1]![at]! - value));
    const largest = Math.max(...moved);
    assert.ok(Math.abs(largest - 0.001) < 1e-5, String(largest));
  });

  it('a moves at its own rate from the first step: no warm-up, no decay', async () => {
    const steps = 40;
    const { events } = await done({
      search: { steps, warmup: 0.5, alphaLearningRate: 0.05, evalEvery: steps },
    });
    const alphas = stepsOf(events, 'search').map((event) => event.alphas!);
    // Adam's first update is the rate itself; the two logits of a block part by twice that.
    for (const row of alphas[0]!) {
      assert.ok(Math.abs(Math.abs(Math.log(row[0]! / row[1]!)) - 0.1) < 1e-4, String(row));
    }
  });
});
