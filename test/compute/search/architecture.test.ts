import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  alphasOf,
  drawAlphas,
  gumbelNoise,
  initialArchitecture,
  isSearched,
  type ArchitectureState,
} from '../../../server/compute/search/architecture';
import {
  initialAlphaMoments,
  parameterGradients,
  updateArchitecture,
} from '../../../server/compute/search/alphaUpdate';
import { applyChange } from '../../../server/compute/search/pinPrune';
import { ALGORITHMS, changed, close, NAMES, refusal, start, uniform } from './architectureChecks';

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
    close(alphasOf(changed(state, { action: 'unpin', block: 0 }))[0]!, uniform());
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
      const pruned = changed(state, { action: 'prune', block: 0, component: 1 });
      assert.equal(alphasOf(pruned)[0]![1], 0);
      close(alphasOf(pruned)[0]!, [0.4, 0, 0.6]);
      close(
        alphasOf(changed(pruned, { action: 'restore', block: 0, component: 1 }))[0]!,
        [0.2, 0.5, 0.3],
      );
    });

    it(`${algorithm}: a pin holds any vector, and unpin gives back the very same a`, () => {
      const state = start(algorithm, [[0.2, 0.5, 0.3], uniform()]);
      const pinned = changed(state, { action: 'pin', block: 0, weights: [0, 0.75, 0.25] });
      assert.deepEqual(alphasOf(pinned)[0], [0, 0.75, 0.25]);
      const back = changed(pinned, { action: 'unpin', block: 0 });
      assert.deepEqual(back, state);
    });
  }

  it('refuses to prune the last live component', () => {
    const one = changed(
      start('darts', [uniform()]),
      { action: 'prune', block: 0, component: 0 },
      { action: 'prune', block: 0, component: 2 },
    );
    assert.equal(refusal(one, { action: 'prune', block: 0, component: 1 }), 'last-component');
    assert.deepEqual(alphasOf(one), [[0, 1, 0]]);
  });

  it('refuses what makes no sense, with a code each', () => {
    const state = start('darts', [uniform()]);
    const pinned = changed(state, { action: 'pin', block: 0, weights: [1, 0, 0] });
    const pruned = changed(state, { action: 'prune', block: 0, component: 0 });
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
    const state = changed(
      start('darts', [uniform()]),
      { action: 'pin', block: 0, weights: [0.5, 0.3, 0.2] },
      { action: 'prune', block: 0, component: 0 },
    );
    close(alphasOf(state)[0]!, [0, 0.6, 0.4]);
    close(alphasOf(changed(state, { action: 'unpin', block: 0 }))[0]!, [0, 0.5, 0.5]);
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
