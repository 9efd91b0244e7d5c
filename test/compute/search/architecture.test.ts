import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  alphasOf,
  drawAlphas,
  gumbelNoise,
  initialArchitecture,
  isSearched,
  type ArchitectureState,
  type SearchAlgorithm,
} from '../../../server/compute/search/architecture';
import {
  initialAlphaMoments,
  parameterGradients,
  updateArchitecture,
} from '../../../server/compute/search/alphaUpdate';
import { applyChange, type BlockChange } from '../../../server/compute/search/pinPrune';

const NAMES = ['neox', 'mamba', 'gpt2'];
const ALGORITHMS: readonly SearchAlgorithm[] = ['darts', 'gaea', 'dash', 'fixed'];

/** Blocks with all three components live, at these initial α. */
function start(algorithm: SearchAlgorithm, initial: number[][]): ArchitectureState {
  return initialArchitecture(
    { algorithm, temperature: 1 },
    initial.map((row) => ({ live: [0, 1, 2], pinned: undefined, initial: row })),
  );
}

const uniform = () => [1 / 3, 1 / 3, 1 / 3];

/** The state after changes that must all be accepted. */
function after(state: ArchitectureState, ...changes: BlockChange[]): ArchitectureState {
  return changes.reduce((current, change) => {
    const outcome = applyChange(current, change, NAMES);
    assert.ok(outcome.ok, outcome.ok ? '' : outcome.refusal.message);
    return outcome.state;
  }, state);
}

function refusal(state: ArchitectureState, change: BlockChange): string {
  const outcome = applyChange(state, change, NAMES);
  assert.ok(!outcome.ok, 'the change was accepted');
  assert.ok(outcome.refusal.message.length > 10);
  return outcome.refusal.code;
}

function close(found: readonly number[], expected: readonly number[], tolerance = 1e-12): void {
  assert.equal(found.length, expected.length);
  found.forEach((value, m) =>
    assert.ok(
      Math.abs(value - expected[m]!) <= tolerance,
      `${found.join(', ')} is not ${expected.join(', ')}`,
    ),
  );
}

describe('architecture state', () => {
  it('starts uniform with logits of exactly 0', () => {
    for (const algorithm of ['darts', 'dash'] as const) {
      assert.deepEqual(start(algorithm, [uniform()]).blocks[0]!.a, [0, 0, 0]);
    }
    close(alphasOf(start('gaea', [uniform()]))[0]!, uniform());
  });

  it("starts at the config's init, whatever the algorithm", () => {
    for (const algorithm of ALGORITHMS) {
      close(alphasOf(start(algorithm, [[0.2, 0.5, 0.3]]))[0]!, [0.2, 0.5, 0.3]);
    }
  });

  it('takes an init of 0 as 1e-5 where a logarithm is needed, and as it is elsewhere', () => {
    const [logits] = alphasOf(start('darts', [[0, 0.5, 0.5]]));
    assert.ok(logits![0]! > 0.9e-5 && logits![0]! < 1.1e-5);
    assert.deepEqual(alphasOf(start('fixed', [[0, 0.5, 0.5]]))[0], [0, 0.5, 0.5]);
  });

  it('leaves pruned components of the config at exactly 0', () => {
    for (const algorithm of ALGORITHMS) {
      const state = initialArchitecture({ algorithm, temperature: 1 }, [
        { live: [0, 2], pinned: undefined, initial: [0.5, 0, 0.5] },
      ]);
      close(alphasOf(state)[0]!, [0.5, 0, 0.5]);
      assert.equal(alphasOf(state)[0]![1], 0);
    }
  });

  it("keeps a config's pin, and is uniform once it is taken away", () => {
    const pinned = [0.3, 0.7, 0];
    const state = initialArchitecture({ algorithm: 'darts', temperature: 1 }, [
      { live: [0, 1, 2], pinned, initial: pinned },
    ]);
    assert.deepEqual(alphasOf(state), [pinned]);
    assert.equal(isSearched(state, 0), false);
    close(alphasOf(after(state, { action: 'unpin', block: 0 }))[0]!, uniform());
  });
});

describe('dash', () => {
  const state: ArchitectureState = {
    algorithm: 'dash',
    temperature: 0.5,
    blocks: [
      { a: [0.1, -0.4, 0.2], live: [true, true, true], pinned: undefined },
      { a: [0.1, -0.4, 0.2], live: [true, false, true], pinned: undefined },
      { a: [0.1, -0.4, 0.2], live: [true, true, true], pinned: [0, 1, 0] },
    ],
  };

  it('draws softmax((a + g) / τ) with Gumbel noise keyed by seed, step, block and component', () => {
    const drawn = drawAlphas(state, 11, 4);
    const powers = [0.1, -0.4, 0.2].map((a, m) => Math.exp((a + gumbelNoise(11, 4, 0, m)) / 0.5));
    const total = powers[0]! + powers[1]! + powers[2]!;
    close(
      drawn[0]!,
      powers.map((power) => power / total),
    );
    assert.equal(drawn[1]![1], 0);
    assert.deepEqual(drawn[2], [0, 1, 0]);
    assert.deepEqual(drawAlphas(state, 11, 4), drawn);
    assert.notDeepEqual(drawAlphas(state, 11, 5)[0], drawn[0]);
    assert.notDeepEqual(drawAlphas(state, 12, 4)[0], drawn[0]);
  });

  it('evaluates softmax(a), without noise or temperature', () => {
    const powers = [0.1, -0.4, 0.2].map(Math.exp);
    const total = powers[0]! + powers[1]! + powers[2]!;
    close(
      alphasOf(state)[0]!,
      powers.map((power) => power / total),
    );
  });

  it('has the mean and variance of Gumbel noise: γ and π²/6', () => {
    const draws = Array.from({ length: 4000 }, (_, step) => gumbelNoise(1, step, 0, 0));
    const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
    const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
    assert.ok(Math.abs(mean - 0.5772) < 0.08, `mean ${mean}`);
    assert.ok(Math.abs(variance - Math.PI ** 2 / 6) < 0.25, `variance ${variance}`);
  });
});

describe('pin and prune', () => {
  for (const algorithm of ALGORITHMS) {
    it(`${algorithm}: prune gives exactly 0 and renormalises the rest; restore undoes it`, () => {
      const state = start(algorithm, [[0.2, 0.5, 0.3]]);
      const pruned = after(state, { action: 'prune', block: 0, component: 1 });
      assert.equal(alphasOf(pruned)[0]![1], 0);
      close(alphasOf(pruned)[0]!, [0.4, 0, 0.6]);
      close(
        alphasOf(after(pruned, { action: 'restore', block: 0, component: 1 }))[0]!,
        [0.2, 0.5, 0.3],
      );
    });

    it(`${algorithm}: a pin holds any vector, and unpin gives back the very same a`, () => {
      const state = start(algorithm, [[0.2, 0.5, 0.3], uniform()]);
      const pinned = after(state, { action: 'pin', block: 0, weights: [0, 0.75, 0.25] });
      assert.deepEqual(alphasOf(pinned)[0], [0, 0.75, 0.25]);
      const back = after(pinned, { action: 'unpin', block: 0 });
      assert.deepEqual(back, state);
    });
  }

  it('refuses to prune the last live component', () => {
    const one = after(
      start('darts', [uniform()]),
      { action: 'prune', block: 0, component: 0 },
      { action: 'prune', block: 0, component: 2 },
    );
    assert.equal(refusal(one, { action: 'prune', block: 0, component: 1 }), 'last-component');
    assert.deepEqual(alphasOf(one), [[0, 1, 0]]);
  });

  it('refuses what makes no sense, with a code each', () => {
    const state = start('darts', [uniform()]);
    const pinned = after(state, { action: 'pin', block: 0, weights: [1, 0, 0] });
    const pruned = after(state, { action: 'prune', block: 0, component: 0 });
    assert.equal(refusal(state, { action: 'unpin', block: 0 }), 'not-pinned');
    assert.equal(refusal(state, { action: 'unpin', block: 1 }), 'unknown-block');
    assert.equal(refusal(state, { action: 'unpin', block: -1 }), 'unknown-block');
    assert.equal(refusal(state, { action: 'unpin', block: 0.5 }), 'unknown-block');
    assert.equal(refusal(state, { action: 'prune', block: 0, component: 3 }), 'unknown-component');
    assert.equal(refusal(state, { action: 'restore', block: 0, component: 0 }), 'not-pruned');
    assert.equal(refusal(pinned, { action: 'prune', block: 0, component: 0 }), 'component-pinned');
    assert.equal(refusal(pruned, { action: 'prune', block: 0, component: 0 }), 'component-pruned');
    assert.equal(
      refusal(pruned, { action: 'pin', block: 0, weights: [1, 0, 0] }),
      'component-pruned',
    );
    for (const weights of [[0.5, 0.4, 0], [], [NaN, 1, 0], [-1, 2, 0]]) {
      assert.match(refusal(state, { action: 'pin', block: 0, weights }), /^pin-/);
    }
  });

  it('prunes a pinned block: the pin is renormalised, unpin keeps the component out', () => {
    const state = after(
      start('darts', [uniform()]),
      { action: 'pin', block: 0, weights: [0.5, 0.3, 0.2] },
      { action: 'prune', block: 0, component: 0 },
    );
    close(alphasOf(state)[0]!, [0, 0.6, 0.4]);
    close(alphasOf(after(state, { action: 'unpin', block: 0 }))[0]!, [0, 0.5, 0.5]);
  });

  it('keeps α on the simplex and zeros at 0 through any updates, pins, prunes and restores', () => {
    const change = fc.oneof(
      fc.record({
        action: fc.constant('pin' as const),
        block: fc.nat(2),
        weights: fc
          .array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 })
          .map((weights) => weights.map((w) => w / weights.reduce((sum, x) => sum + x, 0))),
      }),
      fc.record({ action: fc.constant('unpin' as const), block: fc.nat(2) }),
      fc.record({ action: fc.constant('prune' as const), block: fc.nat(2), component: fc.nat(2) }),
      fc.record({
        action: fc.constant('restore' as const),
        block: fc.nat(2),
        component: fc.nat(2),
      }),
      fc.record({
        action: fc.constant('update' as const),
        gradients: fc.array(
          fc.array(fc.double({ min: -1e4, max: 1e4, noNaN: true }), { minLength: 3, maxLength: 3 }),
          { minLength: 3, maxLength: 3 },
        ),
      }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...ALGORITHMS),
        fc.array(change, { maxLength: 40 }),
        (algorithm, changes) => {
          let state = start(algorithm, [uniform(), [0.2, 0.5, 0.3], [1, 0, 0]]);
          let moments = initialAlphaMoments(3, 3);
          for (const [step, next] of changes.entries()) {
            if (next.action === 'update') {
              const alphas = drawAlphas(state, 1, step);
              const g = parameterGradients(state, alphas, next.gradients);
              ({ state, moments } = updateArchitecture(state, moments, g, 0.1));
            } else {
              const outcome = applyChange(state, next, NAMES);
              if (outcome.ok) state = outcome.state;
            }
            for (const table of [alphasOf(state), drawAlphas(state, 1, step)]) {
              for (const [block, row] of table.entries()) {
                const sum = row.reduce((total, alpha) => total + alpha, 0);
                assert.ok(Math.abs(sum - 1) < 1e-9, `block ${block} sums to ${sum}`);
                assert.ok(row.every((alpha) => alpha >= 0));
                state.blocks[block]!.live.forEach((alive, m) => {
                  if (!alive) assert.equal(row[m], 0);
                });
              }
            }
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('updates of a', () => {
  it('gaea: a·exp(clip(−η g)), normalised, floored at 1e-5, normalised again', () => {
    const state: ArchitectureState = {
      algorithm: 'gaea',
      temperature: 1,
      blocks: [{ a: [0.2, 0.5, 0.3], live: [true, true, true], pinned: undefined }],
    };
    const { state: next } = updateArchitecture(
      state,
      initialAlphaMoments(1, 3),
      [[2, -1, 500]],
      0.1,
    );
    // −0.1 · 500 = −50 is clipped to −9.
    const raised = [0.2 * Math.exp(-0.2), 0.5 * Math.exp(0.1), 0.3 * Math.exp(-9)];
    const total = raised[0]! + raised[1]! + raised[2]!;
    const floored = raised.map((value) => Math.max(value / total, 1e-5));
    const sum = floored[0]! + floored[1]! + floored[2]!;
    close(
      next.blocks[0]!.a,
      floored.map((value) => value / sum),
    );
    const { state: last } = updateArchitecture(next, initialAlphaMoments(1, 3), [[0, 0, 500]], 0.1);
    close([last.blocks[0]!.a[2]!], [1e-5], 1e-9);
  });

  it('gaea: a pruned entry stays 0 and its parked value stays as it was', () => {
    const state = after(start('gaea', [[0.2, 0.5, 0.3]]), {
      action: 'prune',
      block: 0,
      component: 1,
    });
    const { state: next } = updateArchitecture(
      state,
      initialAlphaMoments(1, 3),
      [[1, -50, -1]],
      0.1,
    );
    assert.equal(alphasOf(next)[0]![1], 0);
    assert.equal(next.blocks[0]!.a[1], 0.5);
  });

  it('darts and dash: Adam without decay, counts only where there is an update', () => {
    const state = after(start('darts', [uniform(), uniform(), uniform()]), {
      action: 'pin',
      block: 1,
      weights: [1, 0, 0],
    });
    let current = after(state, { action: 'prune', block: 2, component: 0 });
    let moments = initialAlphaMoments(3, 3);
    const gradients = [
      [0.3, -0.2, 0.1],
      [0.5, 0.5, 0.5],
      [0.4, 0.1, -0.1],
    ];
    let a = 0;
    let m = 0;
    let v = 0;
    for (let step = 1; step <= 4; step++) {
      ({ state: current, moments } = updateArchitecture(current, moments, gradients, 0.01));
      m = 0.9 * m + 0.1 * -0.2;
      v = 0.999 * v + 0.001 * 0.04;
      a -= (0.01 * (m / (1 - 0.9 ** step))) / (Math.sqrt(v / (1 - 0.999 ** step)) + 1e-8);
    }
    close([current.blocks[0]!.a[1]!], [a]);
    assert.deepEqual(current.blocks[1]!.a, [0, 0, 0]);
    assert.equal(current.blocks[2]!.a[0], 0);
    assert.deepEqual(moments.updates, [
      [4, 4, 4],
      [0, 0, 0],
      [0, 4, 4],
    ]);
  });

  it('takes ∂L/∂α back to a as central differences do', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<SearchAlgorithm>('darts', 'dash'),
        fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 3, maxLength: 3 }),
        fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 3, maxLength: 3 }),
        fc.integer({ min: 0, max: 3 }),
        (algorithm, a, g, dead) => {
          const live = [0, 1, 2].map((m) => m !== dead);
          const at = (values: number[]): ArchitectureState => ({
            algorithm,
            temperature: 0.8,
            blocks: [{ a: values, live, pinned: undefined }],
          });
          // A loss that is linear in α: its gradient by α is g.
          const loss = (values: number[]) =>
            drawAlphas(at(values), 3, 9)[0]!.reduce((sum, alpha, m) => sum + alpha * g[m]!, 0);
          const [found] = parameterGradients(at(a), drawAlphas(at(a), 3, 9), [g]);
          a.forEach((value, m) => {
            const moved = (by: number) => loss(a.map((x, other) => (other === m ? value + by : x)));
            const difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert.ok(Math.abs(found![m]! - difference) < 1e-7);
          });
        },
      ),
      { numRuns: 100 },
    );
  });
});
