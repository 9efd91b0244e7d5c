/** Cost-aware search: the expectation, its gradient, what λ does, and that measured times stay what they were. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { CostSettings } from '../../../server/contract/config';
import type { RunEvent } from '../../../server/contract/events';
import { alphasOf, softmaxOver } from '../../../server/compute/search/architecture';
import type { ArchitectureState } from '../../../server/compute/search/architecture';
import {
  initialAlphaMoments,
  updateArchitecture,
} from '../../../server/compute/search/alphaUpdate';
import { costGradients, costShare, withCost } from '../../../server/compute/search/searchCost';
import type { SearchCost } from '../../../server/compute/search/searchCost';
import { expectedCost, totalCost } from '../../../server/report/expectedCost';
import { done, onWasm, stepsOf } from './runChecks';
import { bits, Cut, RunBench, runPlan, type RunHooks, type RunSettings } from './runHarness';

const K = 3;
const row = <T>(entry: fc.Arbitrary<T>) => fc.array(entry, { minLength: K, maxLength: K });
const logit = fc.double({ min: -4, max: 4, noNaN: true });
const price = fc.double({ min: 0.01, max: 100, noNaN: true });
/** At least one is live. */
const live = row(fc.boolean()).filter((flags) => flags.includes(true));

const block = fc.record({
  logits: row(logit),
  live,
  prices: row(price),
  pin: fc.option(row(price)),
});
const scene = fc.record({
  algorithm: fc.constantFrom('darts' as const, 'gaea' as const, 'dash' as const),
  blocks: fc.array(block, { minLength: 1, maxLength: 4 }),
  weight: fc.double({ min: 0.001, max: 10, noNaN: true }),
});
type Scene = typeof scene extends fc.Arbitrary<infer T> ? T : never;

function stateOf({ algorithm, blocks }: Scene): ArchitectureState {
  return {
    algorithm,
    temperature: 0.7,
    blocks: blocks.map((each) => {
      const alphas = softmaxOver(each.live, each.logits, 1);
      const whole = (each.pin ?? []).reduce((sum, value) => sum + value, 0);
      return {
        a: algorithm === 'gaea' ? alphas : each.logits,
        live: each.live,
        pinned: each.pin?.map((value) => value / whole),
      };
    }),
  };
}

const costOf = ({ blocks, weight }: Scene): SearchCost => ({
  kind: 'flops',
  weight,
  table: blocks.map((each) => each.prices.map((value, m) => (each.live[m] ? value : 0))),
});

const close = (left: number, right: number, tolerance: number) =>
  assert.ok(Math.abs(left - right) <= tolerance, `${left} and ${right}`);

describe('the cost of a search', () => {
  it('lies between the cheapest and the dearest choice of one live component a block', () => {
    fc.assert(
      fc.property(scene, (drawn) => {
        const state = stateOf({ ...drawn, blocks: drawn.blocks.map((b) => ({ ...b, pin: null })) });
        const { table } = costOf(drawn);
        const bound = (pick: (values: readonly number[]) => number) =>
          table.reduce(
            (sum, prices, i) => sum + pick(prices.filter((_, m) => drawn.blocks[i]!.live[m])),
            0,
          );
        const expected = expectedCost(alphasOf(state), table);
        const low = bound((values) => Math.min(...values));
        const high = bound((values) => Math.max(...values));
        assert.ok(expected >= low * (1 - 1e-9) && expected <= high * (1 + 1e-9));
      }),
    );
  });

  it('has the gradient that finite differences give, for a alone; pinned and pruned entries have none', () => {
    fc.assert(
      fc.property(scene, (drawn) => {
        const state = stateOf(drawn);
        const cost = costOf(drawn);
        const gradients = costGradients(state, cost);
        const at = (i: number, m: number, change: number) => {
          const blocks = state.blocks.map((each, b) =>
            b === i ? { ...each, a: each.a.map((v, k) => (k === m ? v + change : v)) } : each,
          );
          return cost.weight * costShare(alphasOf({ ...state, blocks }), cost);
        };
        state.blocks.forEach(({ live: alive, pinned }, i) => {
          const searched = pinned === undefined && alive.filter(Boolean).length > 1;
          for (let m = 0; m < K; m++) {
            const numeric = (at(i, m, 1e-4) - at(i, m, -1e-4)) / 2e-4;
            const expected = searched && alive[m] ? numeric : 0;
            close(gradients[i]![m]!, expected, 1e-5 * Math.max(1, cost.weight));
          }
        });
      }),
    );
  });

  it('of a dash search is that of the hard choice it stands for: how often each component is drawn', () => {
    fc.assert(
      fc.property(scene, (drawn) => {
        const dash = stateOf({ ...drawn, algorithm: 'dash' });
        const darts = { ...dash, algorithm: 'darts' as const };
        assert.deepEqual(costGradients(dash, costOf(drawn)), costGradients(darts, costOf(drawn)));
      }),
    );
  });

  it('decides alone where λ is large: every searched block ends on its cheapest component', () => {
    const noise = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), {
      minLength: 8,
      maxLength: 8,
    });
    fc.assert(
      fc.property(scene, noise, (drawn, noises) => {
        // Its steps are clipped: beyond that every entry moves alike.
        fc.pre(drawn.algorithm !== 'gaea');
        const cost = { ...costOf(drawn), weight: 1e9 };
        let state = stateOf(drawn);
        let moments = initialAlphaMoments(state.blocks.length, K);
        for (let step = 0; step < 400; step++) {
          const losses = state.blocks.map((_, i) =>
            Array.from({ length: K }, (__, m) => noises[(step + 3 * i + m) % 8]!),
          );
          const gradients = withCost(losses, state, cost);
          ({ state, moments } = updateArchitecture(state, moments, gradients, 0.1));
        }
        const alphas = alphasOf(state);
        state.blocks.forEach(({ live: alive, pinned }, i) => {
          if (pinned !== undefined) return;
          const prices = cost.table[i]!.map((value, m) => (alive[m] ? value : Infinity));
          const sorted = [...prices].sort((a, b) => a - b);
          // Of two that cost nearly the same either will do.
          if (sorted[1]! - sorted[0]! < 0.05 * totalCost(cost.table)) return;
          const cheapest = prices.indexOf(sorted[0]!);
          assert.equal(alphas[i]!.indexOf(Math.max(...alphas[i]!)), cheapest);
        });
      }),
      { numRuns: 40 },
    );
  });
});

describe('a cost-aware search', () => {
  onWasm();
  const withWeight = (
    cost: CostSettings | undefined,
    algorithm: ArchitectureState['algorithm'] = 'darts',
  ) => ({
    search: { algorithm, ...(cost ? { cost } : {}) },
  });
  const added = new Set(['seq', 'cost', 'costs', 'handOver']);
  const without = (events: readonly RunEvent[]) =>
    bits(events.filter(({ type }) => type !== 'costs')).map((event) =>
      Object.fromEntries(Object.entries(event as object).filter(([key]) => !added.has(key))),
    );

  for (const algorithm of ['darts', 'gaea', 'dash'] as const) {
    it(`${algorithm}: λ = 0 changes no bit, another λ moves α towards what is cheap`, async () => {
      const plain = await done(withWeight(undefined, algorithm));
      const zero = await done(withWeight({ kind: 'flops', weight: 0 }, algorithm));
      assert.deepEqual(without(zero.events), without(plain.events));
      const heavy = await done(withWeight({ kind: 'flops', weight: 50 }, algorithm));
      const shares = (events: readonly RunEvent[]) =>
        stepsOf(events, 'search').map(({ cost }) => cost!);
      const [dear, cheap] = [shares(zero.events), shares(heavy.events)];
      assert.ok(cheap.at(-1)! < dear.at(-1)!);
      assert.ok([...dear, ...cheap].every((share) => share > 0 && share < 1));
      // What a step tells is the task's loss: the first is the same whatever λ.
      assert.equal(
        stepsOf(heavy.events, 'search')[0]!.loss,
        stepsOf(zero.events, 'search')[0]!.loss,
      );
      assert.equal(heavy.finished.costs?.weight, 50);
    });
  }

  it('weighs parameters as well, and nothing in the fine-tuning', async () => {
    const settings: RunSettings = {
      search: { cost: { kind: 'parameters', weight: 1 }, schedule: 'bilevel' },
      finetune: {},
    };
    const { events, finished } = await done(settings);
    assert.ok(stepsOf(events, 'finetune').every(({ cost }) => cost === undefined));
    assert.ok(finished.costs!.table.flat().every((numbers) => Number.isInteger(numbers)));
  });

  it('measures milliseconds once: a resumed run weighs the same numbers', async () => {
    const settings = withWeight({ kind: 'milliseconds', weight: 2 });
    const measured = [
      [1, 3],
      [2, 5],
    ];
    let calls = 0;
    const hooks = (cut?: RunHooks['onEvent']): RunHooks => ({
      measureCosts: () =>
        Promise.resolve(
          calls++ === 0
            ? measured
            : [
                [9, 1],
                [9, 1],
              ],
        ),
      ...(cut ? { onEvent: cut } : {}),
    });
    const expected = await done(settings, hooks());
    assert.deepEqual(expected.finished.costs?.table, measured);
    calls = 0;
    const bench = await RunBench.make(runPlan(settings));
    const cut = hooks((event) => {
      if (event.type === 'step' && event.step === 4) throw new Cut();
    });
    assert.equal(await bench.run(cut), 'cut');
    assert.deepEqual(await bench.run(hooks(), true), { status: 'done' });
    assert.equal(calls, 1);
    assert.deepEqual(bits(await bench.events()), bits(expected.events));
    const told = (await bench.events()).flatMap((event) => (event.type === 'costs' ? event : []));
    assert.deepEqual(
      told.map(({ costs }) => costs),
      [{ ...settings.search.cost, table: measured, others: {} }],
    );
    await bench.remove();
  });

  it('prices every model that it trains in milliseconds', async () => {
    const { finished } = await done(
      {
        search: { cost: { kind: 'milliseconds', weight: 2 } },
        finetune: { alphas: 'argmax' },
        baselines: { components: true, match: 'steps', uniform: true },
        others: [{ name: 'lone', width: 8 }],
      },
      {
        measureCosts: (model) => {
          // The plan's hybrid has tensors of both; the other is one block of one component.
          const isHybrid = model.parameters().some(({ name }) => name.includes('neox'));
          const hybrid = [
            [1, 3],
            [2, 5],
          ];
          return Promise.resolve(isHybrid ? hybrid : [[7]]);
        },
      },
    );
    const of = (stage: string, subject: string) =>
      finished.results.find((each) => each.stage === stage && each.subject === subject)!
        .milliseconds;
    assert.equal(of('search', 'hybrid'), 11);
    assert.equal(of('baseline', 'uniform'), 11);
    assert.equal(of('baseline', 'neox'), 3);
    assert.equal(of('baseline', 'mamba'), 8);
    assert.equal(of('baseline', 'lone'), 7);
    const hard = finished.handOver!.find(({ alphas }) => alphas === 'argmax')!.milliseconds!;
    assert.equal(of('finetune', 'hybrid'), hard);
    assert.ok(hard < 11);
    assert.deepEqual(finished.costs!.others, { neox: 3, mamba: 8, lone: 7 });
  });

  it('a component that is pruned somewhere is measured whole', async () => {
    let calls = 0;
    const { finished } = await done(
      {
        search: { cost: { kind: 'milliseconds', weight: 2 } },
        hybrid: { prune: { 1: [0] } },
        baselines: { components: true, match: 'steps', uniform: false },
      },
      {
        measureCosts: () =>
          Promise.resolve(
            calls++ === 0
              ? [
                  [1, 3],
                  [0, 5],
                ]
              : [
                  [1, 0],
                  [4, 0],
                ],
          ),
      },
    );
    assert.deepEqual(finished.costs!.others, { neox: 5, mamba: 8 });
  });
});

describe('the hand-over', () => {
  onWasm();

  it('scores the searched hybrid at harder α, each kind once', async () => {
    const { finished } = await done({
      search: { seeds: [1, 2] },
      finetune: { alphas: { threshold: 0.49 } },
    });
    for (const seed of [1, 2]) {
      const own = finished.handOver!.filter((entry) => entry.seed === seed);
      assert.deepEqual(
        own.map(({ alphas }) => alphas),
        ['soft', 'argmax', 'threshold'],
      );
      const search = finished.results.find(
        (each) => each.seed === seed && each.stage === 'search',
      )!;
      assert.equal(own[0]!.loss, search.loss);
      assert.equal(own[0]!.flopsPerToken, search.flopsPerToken);
      assert.notEqual(own[1]!.loss, search.loss);
      assert.ok(own[1]!.flopsPerToken < search.flopsPerToken);
      assert.ok(own[1]!.parameters < search.parameters);
    }
  });

  it('where nothing is small, dropping what is small changes no bit', async () => {
    const { finished } = await done({ finetune: { alphas: { threshold: 0.01 } } });
    const [soft, argmax, threshold] = finished.handOver!;
    assert.deepEqual(threshold, { ...soft, alphas: 'threshold', threshold: 0.01 });
    assert.notEqual(argmax!.loss, soft!.loss);
  });

  it('of α that is hard already has nothing to compare', async () => {
    const pinned = { 0: [1, 0], 1: [0, 1] };
    const { finished } = await done({ pinned, search: { algorithm: 'fixed' } });
    assert.deepEqual(
      finished.handOver!.map(({ alphas }) => alphas),
      ['soft'],
    );
  });

  it('is kept over a resumption', async () => {
    const settings: RunSettings = { finetune: {} };
    const expected = await done(settings);
    const bench = await RunBench.make(runPlan(settings));
    await bench.run({
      onEvent: (event) => {
        if (event.type === 'step' && event.stage === 'finetune') throw new Cut();
      },
    });
    await bench.run({}, true);
    const finished = (await bench.events()).find((event) => event.type === 'finished');
    assert.deepEqual(finished?.handOver, expected.finished.handOver);
    await bench.remove();
  });
});
