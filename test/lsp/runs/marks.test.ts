/** What the editor says of a run without asking the search must be what the search itself holds. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ControlEvent, StepEvent } from '../../../server/contract/events';
import { initialArchitecture } from '../../../server/compute/search/architecture';
import { applyChange, type BlockChange } from '../../../server/compute/search/pinPrune';
import { marksOf } from '../../../server/lsp/runs/marks';
import { planViewOf, type PlanView } from '../../../server/lsp/runs/planView';
import { progressOf } from '../../../server/lsp/runs/progress';
import { spread } from '../../../server/lsp/runs/snapshot';
import type { RunIndex } from '../../../server/runs/runIndex';

const names = ['neox', 'mamba', 'gpt'];
const search = { stage: 'search', subject: 'hybrid', seed: 1 } as const;
const group = { first: 0, end: 1 };
const plan: PlanView = {
  components: names.map((name) => ({
    ...{ name, family: 'gptNeox', parameters: 1 },
    groups: [group, group],
  })),
  blocks: [
    { live: [0, 1, 2], pinned: undefined, initial: [1 / 3, 1 / 3, 1 / 3] },
    { live: [0, 2], pinned: [0.25, 0, 0.75], initial: [0.25, 0, 0.75] },
  ],
  jobs: [
    { ...search, steps: 100, tokens: 1000, flopsPerToken: 3 },
    { stage: 'baseline', subject: 'neox', seed: 1, steps: 50, tokens: 1000, flopsPerToken: 1 },
  ],
};

const changes = fc.array(
  fc.oneof(
    fc.record({
      action: fc.constant('pin' as const),
      block: fc.nat(1),
      weights: fc.constantFrom([1, 0, 0], [0, 1, 0], [0.5, 0.25, 0.25], [0.3, 0, 0.7]),
    }),
    fc.record({ action: fc.constant('unpin' as const), block: fc.nat(1) }),
    fc.record({
      action: fc.constantFrom('prune' as const, 'restore' as const),
      block: fc.nat(1),
      component: fc.nat(2),
    }),
  ),
  { maxLength: 40 },
);

function eventOf(change: BlockChange, seq: number): ControlEvent {
  const base = {
    type: 'control',
    ...search,
    seq,
    time: 't',
    step: seq,
    block: change.block + 1,
  } as const;
  switch (change.action) {
    case 'pin':
      return { ...base, action: 'pin', weights: change.weights };
    case 'unpin':
      return { ...base, action: 'unpin' };
    case 'prune':
    case 'restore':
      return { ...base, action: change.action, component: names[change.component]! };
  }
}

describe('marks of a run', () => {
  it('are those that its search holds, after any changes', () => {
    fc.assert(
      fc.property(changes, (tried) => {
        let state = initialArchitecture({ algorithm: 'darts', temperature: 1 }, plan.blocks);
        const events: ControlEvent[] = [];
        for (const change of tried) {
          const outcome = applyChange(state, change, names);
          if (!outcome.ok) continue;
          state = outcome.state;
          events.push(eventOf(outcome.change, events.length));
        }
        const { components, blocks } = marksOf(plan, events, search)!;
        assert.deepEqual(components, names);
        state.blocks.forEach(({ live, pinned }, at) => {
          assert.deepEqual(
            blocks[at]!.pruned,
            live.map((alive) => !alive),
          );
          assert.equal(blocks[at]!.pinned === undefined, pinned === undefined);
          pinned?.forEach((weight, m) => {
            assert.ok(Math.abs(weight - blocks[at]!.pinned![m]!) < 1e-12);
          });
        });
      }),
    );
  });

  it('begin anew with each search', () => {
    const pin = eventOf({ action: 'pin', block: 0, weights: [1, 0, 0] }, 0);
    const later = { ...search, seed: 2 };
    assert.notEqual(marksOf(plan, [pin], search)!.blocks[0]!.pinned, undefined);
    assert.equal(marksOf(plan, [pin], later)!.blocks[0]!.pinned, undefined);
  });

  it('of a run that has not begun are none, or what its plan says', () => {
    assert.equal(marksOf(undefined, [], undefined), undefined);
    assert.deepEqual(marksOf(plan, [], undefined)!.blocks[1]!.pruned, [false, true, false]);
  });
});

describe('the plan of a run folder', () => {
  it('is believed when it fits itself', () => {
    assert.deepEqual(planViewOf(JSON.parse(JSON.stringify(plan))), plan);
    for (const spoilt of [
      null,
      {},
      { ...plan, components: [] },
      { ...plan, blocks: plan.blocks.slice(1) },
      { ...plan, blocks: [{ ...plan.blocks[0]!, live: [7] }, plan.blocks[1]!] },
      { ...plan, blocks: [{ ...plan.blocks[0]!, initial: [1] }, plan.blocks[1]!] },
    ]) {
      assert.equal(planViewOf(spoilt), undefined);
    }
  });
});

describe('progress', () => {
  const step: StepEvent = {
    ...{ type: 'step', ...search, seq: 1, time: 't', step: 50, steps: 100, loss: 2 },
    ...{ tokensPerSecond: 10, etaSeconds: 50, memoryBytes: 1 },
  };
  const nothing = { extent: () => ({ last: 0, recorded: 0 }) } as unknown as RunIndex;

  it('counts what is left of the whole plan, each job by its cost', () => {
    const { fraction, etaSeconds } = progressOf(step, nothing, plan);
    // 3000 of 4000 FLOPs are the search's, half of them done; the baseline's tokens are three times as fast.
    assert.ok(Math.abs(fraction - 1500 / 4000) < 1e-12);
    assert.ok(Math.abs(etaSeconds - (50 + 1000 / 30)) < 1e-9);
  });

  it('is the job’s own where the plan does not know it', () => {
    const { fraction, etaSeconds } = progressOf({ ...step, seed: 9 }, nothing, plan);
    assert.deepEqual([fraction, etaSeconds], [0.5, 50]);
    assert.equal(progressOf({ ...step, etaSeconds: Number.NaN }, nothing, undefined).etaSeconds, 0);
  });
});

describe('frames', () => {
  it('are spread evenly, with the first and the last', () => {
    fc.assert(
      fc.property(fc.nat(100_000), fc.integer({ min: 2, max: 400 }), (length, most) => {
        const chosen = spread(length, most);
        assert.equal(chosen.length, Math.min(length, most));
        if (length === 0) return;
        assert.deepEqual([chosen[0], chosen.at(-1)], [0, length - 1]);
        const gaps = chosen.slice(1).map((at, i) => at - chosen[i]!);
        assert.ok(gaps.every((gap) => gap >= 1));
        assert.ok(gaps.length === 0 || Math.max(...gaps) - Math.min(...gaps) <= 1);
      }),
    );
  });
});
