import assert from 'node:assert/strict';
import fc from 'fast-check';
import { baselinePhases } from '../../../server/compute/search/budget';
import {
  componentAlphas,
  discretise,
  meanAlphas,
  selectComponent,
  uniformAlphas,
} from '../../../server/compute/search/discretise';
import { learningRateAt, stepPlan } from '../../../server/compute/search/schedule';
import { searchUpdates } from '../../../server/language/planJobs';
import type { SearchSettings } from '../../../server/contract/config';

const OPTIMISER = {
  steps: 10,
  batch: 2,
  accumulate: 3,
  learningRate: 1,
  weightDecay: 0,
  clip: 0,
  warmup: 0.2,
  decay: 'linear',
  finalLearningRate: 0,
  evalEvery: 1,
  checkpointEvery: 1,
} as const;

describe('schedules', () => {
  const turns = (algorithm: SearchSettings['algorithm'], schedule: SearchSettings['schedule']) =>
    [1, 2, 3, 4].map((step) => {
      const { weights, alphas, split } = stepPlan({ algorithm, schedule }, step);
      return `${weights ? 'θ' : ''}${alphas ? 'α' : ''} ${split}`;
    });

  it('simultaneous: one batch, both', () => {
    assert.deepEqual(turns('darts', 'simultaneous'), Array(4).fill('θα train'));
  });

  it('alternating: θ on one batch, α on the next, same split', () => {
    assert.deepEqual(turns('gaea', 'alternating'), ['θ train', 'α train', 'θ train', 'α train']);
  });

  it('bilevel: α on the held-out split', () => {
    assert.deepEqual(turns('dash', 'bilevel'), ['θ train', 'α heldOut', 'θ train', 'α heldOut']);
  });

  it('fixed: θ alone, whatever the schedule', () => {
    assert.deepEqual(turns('fixed', 'bilevel'), Array(4).fill('θ train'));
  });

  it('makes as many updates as the plan says', () => {
    for (const algorithm of ['darts', 'fixed'] as const) {
      for (const schedule of ['simultaneous', 'alternating', 'bilevel'] as const) {
        for (const steps of [1, 2, 7, 300]) {
          const all = Array.from({ length: steps }, (_, s) =>
            stepPlan({ algorithm, schedule }, s + 1),
          );
          const settings = {
            ...OPTIMISER,
            steps,
            algorithm,
            schedule,
          } as unknown as SearchSettings;
          assert.deepEqual(searchUpdates(settings), {
            weights: all.filter(({ weights }) => weights).length,
            alphas: all.filter(({ alphas }) => alphas).length,
          });
        }
      }
    }
  });
});

describe('learning rate', () => {
  const rates = (decay: 'linear' | 'cosine' | 'none', warmup: number, finalLearningRate = 0) =>
    Array.from({ length: 5 }, (_, s) =>
      learningRateAt({ learningRate: 1, warmup, decay, finalLearningRate }, s + 1, 5),
    );

  it('rises to the peak at the end of the warm-up, then falls', () => {
    assert.deepEqual(rates('linear', 0.4), [0.5, 1, 0.75, 0.5, 0.25]);
    assert.deepEqual(rates('none', 0.4), [0.5, 1, 1, 1, 1]);
    const cosine = [0.5, 1, ...[0.25, 0.5, 0.75].map((p) => (1 + Math.cos(Math.PI * p)) / 2)];
    rates('cosine', 0.4).forEach((rate, s) => assert.ok(Math.abs(rate - cosine[s]!) < 1e-12));
  });

  it('starts at the peak without a warm-up', () => {
    assert.deepEqual(rates('linear', 0), [1, 0.8, 0.6, 0.4, 0.19999999999999996]);
  });

  it('falls towards the final rate', () => {
    const linear = [0.5, 1, 0.8, 0.6, 0.4];
    rates('linear', 0.4, 0.2).forEach((rate, s) => assert.ok(Math.abs(rate - linear[s]!) < 1e-12));
    const cosine = [0, 0.2, 0.4, 0.6, 0.8].map((p) => 0.2 + 0.4 * (1 + Math.cos(Math.PI * p)));
    rates('cosine', 0, 0.2).forEach((rate, s) => assert.ok(Math.abs(rate - cosine[s]!) < 1e-12));
  });

  it('lies between the final rate and the peak at every step after the warm-up', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom('linear' as const, 'cosine' as const, 'none' as const),
        fc.double({ min: 0, max: 2, noNaN: true }),
        (steps, warmup, decay, finalLearningRate) => {
          const settings = { learningRate: 2, warmup, decay, finalLearningRate };
          for (let step = 1; step <= steps; step++) {
            const rate = learningRateAt(settings, step, steps);
            assert.ok(rate > 0 && rate <= 2);
            if (step >= warmup * steps) assert.ok(rate >= finalLearningRate - 1e-12);
          }
        },
      ),
    );
  });
});

describe('after the search', () => {
  const alphas = [
    [0.1, 0.3, 0.6],
    [0.5, 0.5, 0],
  ];

  it('discretises: soft, argmax (the first of equals), threshold', () => {
    assert.deepEqual(discretise(alphas, 'soft'), alphas);
    assert.deepEqual(discretise(alphas, 'argmax'), [
      [0, 0, 1],
      [1, 0, 0],
    ]);
    const [first, second] = discretise(alphas, { threshold: 0.2 });
    assert.equal(first![0], 0);
    assert.ok(Math.abs(first![1]! - 1 / 3) < 1e-12 && Math.abs(first![2]! - 2 / 3) < 1e-12);
    assert.deepEqual(second, [0.5, 0.5, 0]);
    assert.deepEqual(discretise(alphas, { threshold: 0.9 })[0], [0, 0, 1]);
  });

  it('selects the component with the largest mean α over blocks and seeds', () => {
    const mean = meanAlphas([
      alphas,
      [
        [0.3, 0.3, 0.4],
        [1, 0, 0],
      ],
    ]);
    const { component, meanAlpha } = selectComponent(mean, ['a', 'b', 'c']);
    assert.equal(component, 'a');
    assert.ok(Math.abs(meanAlpha['a']! - 0.475) < 1e-12);
    assert.ok(Math.abs(meanAlpha['b']! - 0.275) < 1e-12);
    assert.ok(Math.abs(meanAlpha['c']! - 0.25) < 1e-12);
  });

  it('knows the α of baselines', () => {
    assert.deepEqual(componentAlphas(2, 3, 1), [
      [0, 1, 0],
      [0, 1, 0],
    ]);
    assert.deepEqual(uniformAlphas([[true, false, true]]), [[0.5, 0, 0.5]]);
  });
});

describe('equal budget', () => {
  const phase = { settings: OPTIMISER, steps: 10, name: 'search' } as const;

  it('steps: the updates of θ, phase by phase (not the steps of α)', () => {
    const seen = [
      { phase, updates: 5, flops: 1 },
      { phase: { ...phase, name: 'finetune' as const }, updates: 7, flops: 1 },
    ];
    assert.deepEqual(
      baselinePhases(seen, 'steps', 123, 4).map(({ name, steps }) => [name, steps]),
      [
        ['search', 5],
        ['finetune', 7],
      ],
    );
  });

  it('flops: as many updates as cost what the hybrid did', () => {
    // An update is 2 · 3 · 4 = 24 tokens at 10 FLOPs.
    const at = (flops: number) =>
      baselinePhases([{ phase, updates: 5, flops }], 'flops', 10, 4)[0]!.steps;
    assert.equal(at(5 * 24 * 25), 13);
    assert.equal(at(1), 1);
  });
});
