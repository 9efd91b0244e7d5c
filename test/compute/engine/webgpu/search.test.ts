/**
 * A whole search of twenty steps on a GPU: blocks are pinned, pruned and given back on the way, the device is lost in the
 * middle, and the run goes on from its checkpoint. Losses and α are those of the oracle.
 */
import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs-core';
import type { ControlRequest } from '../../../../server/contract/control';
import type { RunEvent } from '../../../../server/contract/events';
import { openEngine } from '../../../../server/compute/engine/engine';
import { atSearchStep, RunBench, runPlan, type RunHooks } from '../../search/runHarness';
import { onWebgpu, open } from './onWebgpu';

const STEPS = 20;

const plan = () =>
  runPlan({
    search: { steps: STEPS, accumulate: 2, evalEvery: 10, checkpointEvery: 5, learningRate: 3e-3 },
  });

const controls: Readonly<Record<number, readonly ControlRequest[]>> = {
  3: [{ action: 'pin', block: 1, weights: { neox: 0.25, mamba: 0.75 } }],
  6: [{ action: 'prune', block: 2, component: 'mamba' }],
  13: [{ action: 'restore', block: 2, component: 'mamba' }],
  16: [{ action: 'unpin', block: 1 }],
};

interface Followed {
  readonly losses: number[];
  readonly alphas: number[][];
  readonly evaluations: number[];
}

function followed(events: readonly RunEvent[]): Followed {
  const steps = events.flatMap((event) => (event.type === 'step' ? [event] : []));
  return {
    losses: steps.map(({ loss }) => loss),
    alphas: steps.map(({ alphas }) => alphas!.flat()),
    evaluations: events.flatMap((event) => (event.type === 'evaluation' ? [event.loss] : [])),
  };
}

const both = (...hooks: RunHooks[]): RunHooks => ({
  onEvent: (event, queue) => hooks.forEach((hook) => hook.onEvent?.(event, queue)),
});

/** Largest difference of a number over the number. */
const difference = (actual: readonly number[], expected: readonly number[]): number => {
  assert.equal(actual.length, expected.length);
  return expected.reduce((most, y, i) => Math.max(most, Math.abs(actual[i]! - y) / Math.abs(y)), 0);
};

onWebgpu('a search on a GPU that is lost in the middle', function () {
  it('ends with the losses and weights of the oracle', async function () {
    this.timeout(300_000);
    const oracle = await openEngine('cpu');
    const whole = await RunBench.make(plan());
    assert.deepEqual(await whole.run(atSearchStep(controls)), { status: 'done' });
    const expected = followed(await whole.events());
    await whole.remove();
    oracle.dispose();

    const bench = await RunBench.make(plan());
    const { engine, backend } = await open();
    const tensors = tf.memory().numTensors;
    const loseAt = (step: number): RunHooks => ({
      onEvent: (event) => {
        if (event.type === 'step' && event.step === step) backend.device.destroy();
      },
    });
    const outcome = await bench.run(both(atSearchStep(controls), loseAt(8)));
    assert.ok(outcome !== 'cut' && outcome.status === 'failed', JSON.stringify(outcome));
    assert.equal(outcome.failure.code, 'device-lost');
    assert.match(outcome.failure.hint, /[Rr]esume from the last checkpoint/);
    assert.equal(tf.memory().numTensors, tensors, 'a run that failed leaves no tensor');
    engine.dispose();

    const again = await open();
    const { 13: restore, 16: unpin } = controls;
    const rest = await bench.run(atSearchStep({ 13: restore!, 16: unpin! }), true);
    assert.deepEqual(rest, { status: 'done' });
    assert.equal(tf.memory().numTensors, tensors);
    const actual = followed(await bench.events());
    await bench.remove();
    assert.equal(actual.losses.length, STEPS);
    // Sums are added in other orders here, and twenty updates carry each rounding on: 1e-4 of a loss, as the self-check allows.
    assert.ok(difference(actual.losses, expected.losses) < 1e-4);
    assert.ok(difference(actual.evaluations, expected.evaluations) < 1e-4);
    actual.alphas.forEach((row, step) => {
      row.forEach((alpha, i) => {
        const wanted = expected.alphas[step]![i]!;
        assert.ok(
          Math.abs(alpha - wanted) < 1e-4,
          `α of step ${step + 1}: ${alpha}, not ${wanted}`,
        );
      });
    });
    // Pinned and pruned blocks stand exactly where they were put.
    assert.deepEqual(actual.alphas[7], [0.25, 0.75, 1, 0]);
    await again.engine.settled!();
    again.engine.dispose();
  });
});
