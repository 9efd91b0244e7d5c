/** Gradient checkpointing changes no bit of a run: losses, α, weights and results are those of one without it. */
import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import { openEngine, type Engine } from '../../../server/compute/engine/engine';
import { gradients } from '../../../server/compute/engine/gradients';
import { checkpoint } from '../../../server/compute/engine/tape';
import type { SearchAlgorithm } from '../../../server/compute/search/architecture';
import type { RunEvent } from '../../../server/contract/events';
import type { Plan } from '../../../server/contract/plan';
import type { Gate } from '../../../server/compute/hybrid/mixture';
import { onEachEngine } from '../engine/conformance/engines';
import type { TinyOptions } from '../hybrid/tinyHybrid';
import { dropping, trainHybrid } from './hybridSteps';
import { atSearchStep, bits, Cut, RunBench, runPlan, type RunSettings } from './runHarness';

interface Case {
  readonly algorithm: SearchAlgorithm;
  readonly gate: Gate;
  readonly hybrid?: Partial<TinyOptions>;
  readonly pinned?: RunSettings['pinned'];
}

function planOf({ algorithm, gate, hybrid, pinned }: Case, checkpointing: boolean): Plan {
  return runPlan({
    search: { algorithm },
    hybrid: { components: dropping, blocks: 3, gate, checkpointing, ...hybrid },
    ...(pinned ? { pinned } : {}),
  });
}

describe('a checkpointed training step', () => {
  onEachEngine('embedded', (_, { name: engine }) => {
    // The tape is one for all engines: the oracle, which takes ten times as long, meets each setting once.
    const isOracle = engine === 'cpu';
    const mixtures: readonly (readonly [string, Omit<Case, 'algorithm' | 'gate'>])[] = [
      ['all searched', {}],
      [
        'one pinned to a component, one to a mixture',
        { pinned: { 0: [0, 1, 0], 2: [0.5, 0, 0.5] } },
      ],
      ['pruned', { hybrid: { prune: { 0: [1], 1: [0, 2], 2: [2] } } }],
    ];
    for (const [a, algorithm] of (['darts', 'gaea', 'dash'] as const).entries()) {
      for (const [g, gate] of (['paper', 'transition', 'none'] as const).entries()) {
        for (const [m, [name, mixture]] of mixtures.entries()) {
          if (isOracle && (a !== g || a !== m)) continue;
          it(`${algorithm}, gate ${gate}, ${name}: the same bits`, async () => {
            const found = await trainHybrid(planOf({ algorithm, gate, ...mixture }, true), 6);
            const expected = await trainHybrid(planOf({ algorithm, gate, ...mixture }, false), 6);
            assert.ok(new Set(found.losses).size === 6, 'it trains');
            assert.deepEqual(found, expected);
          });
        }
      }
    }

    if (isOracle) return;
    for (const hybrid of [
      { blocks: 1 },
      { head: 'first' },
      { projectors: { kind: 'mlp-skip' } },
      { components: dropping.slice(2) },
    ] satisfies Partial<TinyOptions>[]) {
      const { components, ...rest } = hybrid as Partial<TinyOptions>;
      it(`${components ? 'Mamba alone' : JSON.stringify(rest)}: the same bits`, async () => {
        const one: Case = { algorithm: 'darts', gate: 'paper', hybrid };
        assert.deepEqual(
          await trainHybrid(planOf(one, true), 6),
          await trainHybrid(planOf(one, false), 6),
        );
      });
    }
  });

  it('leaves no tensor behind over fifty steps', async () => {
    const engine = await openEngine('wasm', { threads: 1 });
    const { numTensors } = tf.memory();
    const tensors: number[] = [];
    const plan = planOf({ algorithm: 'dash', gate: 'transition' }, true);
    await trainHybrid(plan, 50, () => tensors.push(tf.memory().numTensors) > 0);
    assert.deepEqual(new Set(tensors.slice(1)).size, 1, tensors.join(' '));
    assert.equal(tf.memory().numTensors, numTensors);
    engine.dispose();
  });
});

const costs = (events: readonly RunEvent[]) =>
  events.flatMap((event) =>
    event.type === 'finished' ? event.results.map(({ trainingFlops = 0 }) => trainingFlops) : [],
  );

const withoutCosts = (events: readonly RunEvent[]) =>
  events.map((event) =>
    event.type === 'finished'
      ? { ...event, results: event.results.map((result) => ({ ...result, trainingFlops: 0 })) }
      : event,
  );

describe('a checkpointed run', () => {
  let engine: Engine;
  before(async () => (engine = await openEngine('wasm', { threads: 1 })));
  after(() => engine.dispose());

  const settings = (checkpointing: boolean): RunSettings => ({
    search: { algorithm: 'dash', schedule: 'alternating', accumulate: 2, steps: 8 },
    finetune: { alphas: 'argmax' },
    baselines: { components: true, match: 'steps', uniform: true },
    hybrid: { components: dropping, blocks: 3, checkpointing },
  });
  const controls = () =>
    atSearchStep({
      2: [{ action: 'pin', block: 1, weights: { neox: 1 } }],
      3: [{ action: 'prune', block: 2, component: 'mamba' }],
      5: [
        { action: 'restore', block: 2, component: 'mamba' },
        { action: 'unpin', block: 1 },
      ],
    });

  it('with pins, prunes, fine-tuning and baselines has the bits of one without, cut and resumed or not', async () => {
    const runs: RunEvent[][] = [];
    for (const checkpointing of [false, true]) {
      const bench = await RunBench.make(runPlan(settings(checkpointing)));
      assert.deepEqual(await bench.run(controls()), { status: 'done' });
      runs.push(bits(await bench.events()) as RunEvent[]);
      await bench.remove();
    }
    assert.deepEqual(withoutCosts(runs[1]!), withoutCosts(runs[0]!));
    const [plain, checkpointed] = runs.map(costs);
    assert.ok(plain!.length > 2 && plain!.every((flops) => flops > 0));
    assert.deepEqual(
      checkpointed!.map((flops) => 3 * flops),
      plain!.map((flops) => 4 * flops),
      'one more forward pass is counted',
    );

    const bench = await RunBench.make(runPlan(settings(true)));
    const watched = controls();
    const cut = await bench.run({
      onEvent: (event, queue) => {
        if (event.type === 'step' && event.stage === 'finetune' && event.step === 3)
          throw new Cut();
        watched.onEvent?.(event, queue);
      },
    });
    assert.equal(cut, 'cut');
    assert.deepEqual(await bench.run({}, true), { status: 'done' });
    assert.deepEqual(bits(await bench.events()), runs[1]);
    await bench.remove();
  });
});

describe('a checkpoint', () => {
  before(() => openEngine('cpu'));

  it('keeps its input alone on the tape, and is nothing without one', () => {
    const weight = tf.variable(tf.tensor1d([0.5, -2]));
    let times = 0;
    const part = (x: tf.Tensor) => {
      times += 1;
      return tf.tanh(tf.mul(tf.square(x), weight));
    };
    const x = tf.variable(tf.tensor1d([1, 3]));
    tf.dispose(checkpoint(part, x as tf.Tensor));
    assert.equal(times, 1);

    const sumOf = (h: tf.Tensor) => tf.sum<tf.Scalar>(h);
    const plain = gradients(() => sumOf(part(part(x))), [x, weight]);
    times = 0;
    const { numTensors } = tf.memory();
    const found = gradients(
      () => sumOf(checkpoint(part, checkpoint(part, x as tf.Tensor))),
      [x, weight],
    );
    assert.equal(times, 4, 'forward once, and again in the backward pass');
    assert.equal(tf.memory().numTensors, numTensors + 3);
    const values = ({ value, grads }: typeof plain) =>
      [value, ...grads].map((tensor) => [...tensor!.dataSync()]);
    assert.deepEqual(values(found), values(plain));
    tf.dispose([
      weight,
      x,
      plain.value,
      found.value,
      ...plain.grads,
      ...found.grads,
    ] as tf.Tensor[]);
  });

  it('whose part fails, at once or again, leaves nothing behind', () => {
    const x = tf.variable(tf.tensor1d([1, 3]));
    const { numTensors } = tf.memory();
    for (const failing of [1, 2]) {
      let times = 0;
      const part = (h: tf.Tensor) => {
        const squared = tf.square(h);
        if (++times === failing) throw new Error('part');
        return squared;
      };
      assert.throws(
        () => gradients(() => tf.sum<tf.Scalar>(checkpoint(part, x as tf.Tensor)), [x]),
        /part/,
      );
    }
    assert.equal(tf.memory().numTensors, numTensors);
    x.dispose();
  });
});
