/** Three and four components of as many families and widths in one hybrid: whole runs on the embedded engine. */
import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import { openEngine, type Engine } from '../../../server/compute/engine/engine';
import type { RunEvent } from '../../../server/contract/events';
import type { TinyComponent, TinyOptions } from '../hybrid/tinyHybrid';
import {
  atSearchStep,
  bits,
  Cut,
  RunBench,
  runPlan,
  type RunHooks,
  type RunSettings,
} from './runHarness';

/** Dropout where the family has it, grouped queries, three groups of heads that share B and C. */
const FOUR: readonly TinyComponent[] = [
  { name: 'gpt', family: 'gpt2', layers: 2, width: 8 },
  { name: 'llama', family: 'llama', layers: 3, width: 12, config: { attention_dropout: 0.1 } },
  { name: 'mamba', family: 'mamba', layers: 2, width: 4 },
  { name: 'mamba2', family: 'mamba2', layers: 4, width: 8 },
];

const hybridOf = (count: number, more: Partial<TinyOptions> = {}): Partial<TinyOptions> => ({
  components: FOUR.slice(4 - count),
  blocks: 2,
  ...more,
});

async function eventsOf(settings: RunSettings, ...attempts: RunHooks[]): Promise<RunEvent[]> {
  const bench = await RunBench.make(runPlan(settings));
  for (const [index, hooks] of attempts.entries()) {
    const outcome = await bench.run(hooks, index > 0);
    assert.deepEqual(outcome, index < attempts.length - 1 ? 'cut' : { status: 'done' });
  }
  const events = await bench.events();
  await bench.remove();
  return events;
}

function finishedIn(events: readonly RunEvent[]) {
  const last = events.at(-1);
  assert.ok(last?.type === 'finished');
  return last;
}

describe('hybrids of three and four families', () => {
  let engine: Engine;
  before(async () => (engine = await openEngine('wasm', { threads: 1 })));
  after(() => engine.dispose());

  for (const count of [3, 4]) {
    for (const algorithm of ['darts', 'gaea', 'dash', 'fixed'] as const) {
      it(`of ${count}, ${algorithm}: α on the simplex, every component has its results`, async () => {
        const before = tf.memory().numTensors;
        const schedule = algorithm === 'fixed' ? 'simultaneous' : 'alternating';
        const events = await eventsOf(
          {
            search: { algorithm, schedule, steps: 4 },
            finetune: { steps: 2, alphas: 'argmax' },
            baselines: { components: true, match: 'steps', uniform: true },
            hybrid: hybridOf(count, { gate: count === 3 ? 'transition' : 'paper' }),
          },
          {},
        );
        const { alphas, components, results, selection } = finishedIn(events);
        assert.deepEqual(
          components,
          FOUR.slice(4 - count).map(({ name }) => name),
        );
        for (const row of alphas) {
          assert.equal(row.length, count);
          assert.ok(Math.abs(row.reduce((sum, alpha) => sum + alpha, 0) - 1) < 1e-12);
          const moved = row.some((alpha) => Math.abs(alpha - 1 / count) > 1e-6);
          assert.equal(moved, algorithm !== 'fixed');
        }
        assert.equal(Object.keys(selection.meanAlpha).length, count);
        const alone = results.filter(({ stage }) => stage === 'baseline');
        assert.deepEqual(
          new Set(alone.map(({ subject }) => subject)),
          new Set([...components, 'uniform']),
        );
        for (const { loss } of results) assert.ok(Number.isFinite(loss) && loss > 0);
        assert.equal(tf.memory().numTensors, before);
      });
    }
  }

  const whole: RunSettings = {
    search: { algorithm: 'dash', schedule: 'alternating', accumulate: 2 },
    finetune: { steps: 2 },
    hybrid: hybridOf(4),
  };
  const controls = {
    1: [
      { action: 'pin', block: 1, weights: { gpt: 0.4, llama: 0.3, mamba: 0.2, mamba2: 0.1 } },
      { action: 'prune', block: 2, component: 'gpt' },
      { action: 'prune', block: 2, component: 'mamba2' },
    ],
    4: [
      { action: 'unpin', block: 1 },
      { action: 'restore', block: 2, component: 'mamba2' },
    ],
  } as const;

  it('pinned to a mixture and pruned of two, cut and resumed, checkpointed or not: the same bits', async () => {
    const steps = (events: RunEvent[]) =>
      bits(events).filter((event) => (event as { type: string }).type === 'step');
    const plain = await eventsOf(whole, atSearchStep(controls));
    const [, , pruned] = plain.flatMap((event) => (event.type === 'step' ? [event.alphas!] : []));
    for (const [m, weight] of [0.4, 0.3, 0.2, 0.1].entries()) {
      assert.ok(Math.abs(pruned![0]![m]! - weight) < 1e-12);
    }
    assert.deepEqual(
      pruned![1]!.map((alpha) => alpha > 0),
      [false, true, true, false],
    );
    const cut: RunHooks = {
      onEvent: (event, queue) => {
        if (event.type === 'step' && event.step === 3) throw new Cut();
        atSearchStep(controls).onEvent!(event, queue);
      },
    };
    const checkpointed = { ...whole, hybrid: hybridOf(4, { checkpointing: true }) };
    const resumed = await eventsOf(checkpointed, cut, atSearchStep({ 4: controls[4] }));
    assert.deepEqual(steps(resumed), steps(plain));
    assert.deepEqual(finishedIn(resumed).alphas, finishedIn(plain).alphas);
  });

  it('whose last live component of a block is refused to be pruned, of four as of two', async () => {
    const replies: unknown[] = [];
    const prune = (component: string) => ({ action: 'prune', block: 1, component }) as const;
    const asked = FOUR.map(({ name }) => prune(name));
    await eventsOf({ ...whole, finetune: false }, atSearchStep({ 1: asked }, replies));
    const refused = replies.map((reply) => JSON.stringify(reply).includes('last'));
    assert.deepEqual(refused, [false, false, false, true]);
  });
});
