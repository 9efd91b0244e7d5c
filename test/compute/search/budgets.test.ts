import assert from 'node:assert/strict';
import type { FinishedEvent } from '../../../server/contract/events';
import { planCosts } from '../../../server/compute/search/hybridModel';
import { done, lastStep, onWasm, resultsOf, stepsOf } from './runChecks';
import { buildTiny, runPlan, type RunSettings } from './runHarness';

describe('after the search of a run', () => {
  onWasm();

  describe('fine-tuning', () => {
    it('rewinds to the pretrained weights, with α frozen as found', async () => {
      const { events, finished, bench } = await done({ finetune: {} });
      const found = lastStep(events).alphas;
      for (const { alphas } of stepsOf(events, 'finetune')) assert.deepEqual(alphas, found);
      assert.deepEqual(resultsOf(finished), [
        ['search hybrid 1', 6, 60],
        ['finetune hybrid 1', 4, 40],
      ]);
      assert.deepEqual(bench.kept, [{ seed: 1, alphas: found }]);
    });

    it('keeps the searched weights where asked: their updates count', async () => {
      const { events, finished } = await done({ finetune: { weights: 'keep' } });
      assert.deepEqual(resultsOf(finished).at(-1), ['finetune hybrid 1', 10, 100]);
      const rewound = stepsOf((await done({ finetune: {} })).events, 'finetune')[0]!;
      assert.notEqual(stepsOf(events, 'finetune')[0]!.loss, rewound.loss);
    });

    for (const weights of ['rewind', 'keep'] as const) {
      it(`argmax, ${weights}: what α drops is neither trained nor counted`, async () => {
        const live: boolean[][][] = [];
        const settings: RunSettings = { finetune: { alphas: 'argmax', weights } };
        const plan = runPlan(settings);
        const { finished, events } = await done(settings, {
          buildModel: (table, seed) => {
            live.push(table.map((row) => [...row]));
            return buildTiny(plan, table, seed);
          },
        });
        const { alphas } = stepsOf(events, 'finetune')[0]!;
        for (const row of alphas!) assert.deepEqual([...row].sort(), [0, 1]);
        const [searched, tuned] = finished.results;
        assert.ok(tuned!.parameters < searched!.parameters);
        assert.ok(tuned!.flopsPerToken < searched!.flopsPerToken);
        assert.equal(tuned!.parameters, planCosts(plan).parameters(alphas!));
        assert.equal(live.length, weights === 'rewind' ? 2 : 1);
        if (weights === 'rewind') {
          assert.deepEqual(
            live[1],
            alphas!.map((row) => row.map((alpha) => alpha > 0)),
          );
        }
      });
    }
  });

  describe('baselines', () => {
    const baselines = { components: true, match: 'steps', uniform: true } as const;

    it('see the updates and tokens that the reported weights saw, on the same batches', async () => {
      const { finished } = await done({ finetune: { accumulate: 2 }, baselines });
      assert.deepEqual(resultsOf(finished).slice(1), [
        ['finetune hybrid 1', 4, 80],
        ['baseline uniform 1', 4, 80],
        ['baseline neox 1', 4, 80],
        ['baseline mamba 1', 4, 80],
      ]);
      const kept = await done({
        search: { schedule: 'alternating' },
        finetune: { weights: 'keep', accumulate: 2 },
        baselines,
      });
      // 3 updates of θ in the search at 10 tokens, 4 in the fine-tuning at 20.
      assert.deepEqual(
        resultsOf(kept.finished)
          .slice(1)
          .map(([, updates, tokens]) => [updates, tokens]),
        Array(4).fill([7, 110]),
      );
    });

    it('train a component exactly as a hybrid whose α is pinned to it', async () => {
      const alone = await done({ finetune: {}, baselines });
      const pinned = await done({
        pinned: { 0: [0, 1], 1: [0, 1] },
        finetune: {},
      });
      assert.deepEqual(
        stepsOf(alone.events, 'baseline', 'mamba').map(({ loss }) => loss),
        stepsOf(pinned.events, 'finetune').map(({ loss }) => loss),
      );
    });

    it('cover a component that the hybrid has pruned in places', async () => {
      const { finished } = await done({ hybrid: { prune: { 1: [1] } }, finetune: {}, baselines });
      const whole = await done({ finetune: {}, baselines });
      const mamba = (event: FinishedEvent) =>
        event.results.find(({ subject }) => subject === 'mamba')!;
      assert.equal(mamba(finished).loss, mamba(whole.finished).loss);
      assert.equal(mamba(finished).parameters, mamba(whole.finished).parameters);
    });

    it('flops: a component gets as many updates as cost what the hybrid did', async () => {
      const settings: RunSettings = { finetune: {}, baselines: { ...baselines, match: 'flops' } };
      const { finished } = await done(settings);
      const [hybrid, uniform, ...components] = finished.results.slice(1);
      assert.equal(uniform!.updates, hybrid!.updates);
      for (const { updates, flopsPerToken } of components) {
        assert.equal(updates, Math.round((4 * hybrid!.flopsPerToken) / flopsPerToken));
        assert.ok(updates > 4);
      }
    });

    it('flops: as many as cost search and fine-tuning, where the weights were kept', async () => {
      const { finished } = await done({
        finetune: { weights: 'keep', alphas: 'argmax' },
        baselines: { ...baselines, match: 'flops' },
      });
      const [search, hybrid, , ...components] = finished.results;
      // Half of what was searched is gone, and its cost with it: a token of the search cost more.
      assert.ok(hybrid!.flopsPerToken < search!.flopsPerToken);
      assert.ok(hybrid!.trainingFlops! > 3 * hybrid!.flopsPerToken * hybrid!.tokens);
      for (const { updates, trainingFlops } of components) {
        const ratio = trainingFlops! / hybrid!.trainingFlops!;
        assert.ok(Math.abs(ratio - 1) <= 1 / updates, `${ratio} after ${updates} updates`);
      }
    });
  });
});
