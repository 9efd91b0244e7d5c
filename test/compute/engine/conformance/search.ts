/** A whole search of twenty steps through the run's own loop, and what must be equal between engines. */
import assert from 'node:assert/strict';
import { dropping } from '../../search/hybridSteps';
import { RunBench, runPlan } from '../../search/runHarness';

export interface Searched {
  readonly losses: readonly number[];
  /** After each step: [step][block][component]. */
  readonly alphas: readonly (readonly (readonly number[])[])[];
  /** Loss and accuracy of each evaluation. */
  readonly evaluations: readonly (readonly [number, number])[];
}

/** GPT-NeoX and Mamba with dropout, weights and α by DARTS, two micro-batches a step, evaluated every ten steps. */
export async function search(steps = 20): Promise<Searched> {
  const plan = runPlan({
    search: { steps, accumulate: 2, evalEvery: 10, checkpointEvery: 10, learningRate: 3e-3 },
    hybrid: { components: dropping.slice(1), blocks: 2 },
  });
  const bench = await RunBench.make(plan);
  try {
    assert.deepEqual(await bench.run(), { status: 'done' });
    const events = await bench.events();
    const stepEvents = events.filter((event) => event.type === 'step');
    return {
      losses: stepEvents.map(({ loss }) => loss),
      alphas: stepEvents.map(({ alphas }) => alphas!),
      evaluations: events.flatMap((event) =>
        event.type === 'evaluation' ? [[event.loss, event.accuracy!] as const] : [],
      ),
    };
  } finally {
    await bench.remove();
  }
}

/**
 * Of a loss, which is about 2.5, and of α. Rounding grows from step to step, and most where AdamW divides a small gradient by
 * its own size; the wasm engine needs 2e-7 after twenty steps.
 */
export const SEARCH_TOLERANCE = 2e-5;

export function assertSameSearch(actual: Searched, expected: Searched): void {
  const near = (found: number, wanted: number, what: string) => {
    assert.ok(Math.abs(found - wanted) <= SEARCH_TOLERANCE, `${what}: ${found} is not ${wanted}`);
  };
  assert.equal(actual.losses.length, expected.losses.length);
  expected.losses.forEach((loss, i) => {
    near(actual.losses[i]!, loss, `loss of step ${i + 1}`);
    const alphas = actual.alphas[i]!.flat();
    expected.alphas[i]!.flat().forEach((alpha, m) => {
      near(alphas[m]!, alpha, `α[${m}] of step ${i + 1}`);
    });
  });
  assert.equal(actual.evaluations.length, expected.evaluations.length);
  expected.evaluations.forEach(([loss], i) => {
    near(actual.evaluations[i]![0], loss, `evaluation ${i + 1}`);
  });
}
