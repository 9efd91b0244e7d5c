/** Whole training steps and a whole search: what the kernels come to together, against the oracle. */
import assert from 'node:assert/strict';
import { openEngine } from '../../../../server/compute/engine/engine';
import { SELF_CHECK_LIMIT, selfCheckError } from '../../../../server/compute/engine/selfCheck';
import {
  dropping,
  trainHybrid,
  type NamedValues,
  type TrainedHybrid,
} from '../../search/hybridSteps';
import { runPlan } from '../../search/runHarness';
import { assertClose, TOLERANCE } from './compare';
import { onEachEngine } from './engines';
import { assertSameSearch, search, type Searched } from './search';

const LEARNING_RATE = 0.01;
/** Of the largest gradient in a tensor; the wasm engine needs 1e-6. */
const GRADIENT_TOLERANCE = TOLERANCE;

const planOf = (checkpointing: boolean) =>
  runPlan({
    search: { learningRate: LEARNING_RATE },
    hybrid: { components: dropping.slice(1), blocks: 2, checkpointing },
  });

const largest = (values: Float32Array) =>
  values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

/** Each tensor by its own scale: entry by entry within `GRADIENT_TOLERANCE` of its largest. */
function assertSameGradients(actual: NamedValues, expected: NamedValues): void {
  assert.deepEqual(
    actual.map(([name]) => name),
    expected.map(([name]) => name),
  );
  const whole = Math.max(...expected.map(([, values]) => largest(values)));
  expected.forEach(([name, values], p) => {
    // Some are 0 but for rounding: a bias of the keys moves all scores of a query alike.
    const scale = Math.max(largest(values), 1e-5 * whole);
    const scaled = (x: Float32Array) => x.map((entry) => entry / scale);
    assertClose(scaled(actual[p]![1]), scaled(values), `gradient of ${name}`, GRADIENT_TOLERANCE);
  });
}

/**
 * AdamW's first step goes by the learning rate in the direction of −gradient, however small that is: where a gradient is
 * within its own tolerance the direction is a matter of rounding. All others move alike.
 */
function assertSameWeights(actual: TrainedHybrid, expected: TrainedHybrid): void {
  const gradients = new Map(expected.moments);
  let [alike, all] = [0, 0];
  expected.weights.forEach(([name, values], p) => {
    const gradient = gradients.get(name);
    const scale = gradient ? largest(gradient) : 0;
    const found = actual.weights[p]![1];
    values.forEach((value, i) => {
      const own = Math.abs(gradient?.[i] ?? 0);
      const certain = own === 0 || own > 2 * GRADIENT_TOLERANCE * scale;
      const difference = Math.abs(found[i]! - value);
      all++;
      if (certain) alike++;
      const allowed = certain ? 1e-3 * LEARNING_RATE : 2.01 * LEARNING_RATE;
      assert.ok(difference <= allowed, `${name}[${i}]: ${found[i]!} is not ${value}`);
    });
  });
  assert.ok(alike > 0.8 * all, `${alike} of ${all} weights have a gradient to speak of`);
}

describe('a training step', () => {
  const expected = new Map<boolean, TrainedHybrid>();
  let searched: Searched;
  before(async () => {
    await openEngine('cpu');
    for (const checkpointing of [false, true]) {
      expected.set(checkpointing, await trainHybrid(planOf(checkpointing), 1));
    }
    searched = await search();
  });

  onEachEngine('compared', () => {
    it('of the self-check is the oracle’s', async () => {
      const error = await selfCheckError();
      assert.ok(error <= SELF_CHECK_LIMIT, `${error}`);
    });

    for (const checkpointing of [false, true]) {
      it(`of a hybrid, dropout on, two micro-batches, ${checkpointing ? 'checkpointed' : 'plain'}, is the oracle’s`, async () => {
        const wanted = expected.get(checkpointing)!;
        const found = await trainHybrid(planOf(checkpointing), 1);
        assert.ok(Math.abs(found.losses[0]! / wanted.losses[0]! - 1) < 1e-5, 'loss');
        assertSameGradients(found.moments, wanted.moments);
        const byAlpha = (trained: TrainedHybrid) =>
          Float32Array.from(trained.alphaMoments.first.flat());
        const name = ['α'] as const;
        assertSameGradients([[...name, byAlpha(found)]], [[...name, byAlpha(wanted)]]);
        assertSameWeights(found, wanted);
      });
    }

    it('is followed by others: twenty steps of a search are the oracle’s', async () => {
      assertSameSearch(await search(), searched);
    });
  });
});
