import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  alphasOf,
  drawAlphas,
  type ArchitectureState,
  type SearchAlgorithm,
} from '../../../server/compute/search/architecture';
import {
  initialAlphaMoments,
  parameterGradients,
  updateArchitecture,
} from '../../../server/compute/search/alphaUpdate';
import { changed, close, start, uniform } from './architectureChecks';

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
    const state = changed(start('gaea', [[0.2, 0.5, 0.3]]), {
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
    const state = changed(start('darts', [uniform(), uniform(), uniform()]), {
      action: 'pin',
      block: 1,
      weights: [1, 0, 0],
    });
    let current = changed(state, { action: 'prune', block: 2, component: 0 });
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
