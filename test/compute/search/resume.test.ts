/** A run that is cut and resumed reaches, to the bit, the losses, α and results of one that never was. */
import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import type { ControlRequest } from '../../../server/contract/control';
import { openEngine, type Engine } from '../../../server/compute/engine/engine';
import {
  atSearchStep,
  bits,
  Cut,
  RunBench,
  runPlan,
  someData,
  type RunHooks,
  type RunSettings,
} from './runHarness';

/** The whole run at once. */
async function uncut(settings: RunSettings, hooks: RunHooks = {}) {
  const bench = await RunBench.make(runPlan(settings));
  assert.deepEqual(await bench.run(hooks), { status: 'done' });
  const events = await bench.events();
  await bench.remove();
  return bits(events);
}

/** Cut by each of `cuts` in turn, resumed each time until it is done. */
async function interrupted(settings: RunSettings, cuts: RunHooks[], last: RunHooks = {}) {
  const bench = await RunBench.make(runPlan(settings));
  for (const [index, cut] of cuts.entries()) {
    assert.equal(await bench.run(cut, index > 0), 'cut');
  }
  assert.deepEqual(await bench.run(last, true), { status: 'done' });
  const events = await bench.events();
  await bench.remove();
  return bits(events);
}

/** A kill right before the step event of this step, or of the nth event of a kind. */
const atStep = (stage: string, step: number, subject = 'hybrid'): RunHooks => ({
  onEvent: (event) => {
    if (event.type === 'step' && event.stage === stage && event.subject === subject) {
      if (event.step === step) throw new Cut();
    }
  },
});
const atEvent = (type: string, nth: number): RunHooks => {
  let seen = 0;
  return {
    onEvent: (event) => {
      if (event.type === type && ++seen === nth) throw new Cut();
    },
  };
};
const whileWriting = (wanted: number): RunHooks => ({
  onCheckpoint: (tick) => {
    if (tick === wanted) throw new Cut();
  },
});
const both = (...hooks: RunHooks[]): RunHooks => ({
  onEvent: (event, controls) => hooks.forEach((hook) => hook.onEvent?.(event, controls)),
  onCheckpoint: (tick) => hooks.forEach((hook) => hook.onCheckpoint?.(tick)),
});

describe('resume', () => {
  let engine: Engine;
  before(async () => (engine = await openEngine('wasm', { threads: 1 })));
  after(() => engine.dispose());

  const whole: RunSettings = {
    search: { algorithm: 'dash', schedule: 'alternating' },
    finetune: {},
    baselines: { components: true, match: 'steps', uniform: true },
  };

  it('after a cut at any of many moments of a whole run', async () => {
    const expected = await uncut(whole);
    const moments: RunHooks[] = [
      atStep('search', 1),
      atStep('search', 3),
      atStep('search', 6),
      atEvent('evaluation', 2),
      atEvent('checkpoint', 1),
      atEvent('checkpoint', 3),
      whileWriting(0),
      whileWriting(2),
      whileWriting(7),
      atStep('finetune', 1),
      atStep('finetune', 4),
      atStep('baseline', 2, 'uniform'),
      atStep('baseline', 3, 'mamba'),
      atEvent('finished', 1),
    ];
    // Each cut comes after the one before has been passed, so one run dies at all of them in turn.
    for (const cuts of [moments.slice(0, 1), moments.slice(1, 4), moments.slice(4, 6)]) {
      assert.deepEqual(await interrupted(whole, cuts), expected);
    }
    assert.deepEqual(await interrupted(whole, moments.slice(6, 10)), expected);
    assert.deepEqual(await interrupted(whole, moments.slice(10)), expected);
  });

  for (const settings of [
    {
      search: { algorithm: 'gaea', schedule: 'bilevel', accumulate: 2 },
      hybrid: {
        components: [
          { name: 'neox', family: 'gptNeox', layers: 2, width: 4, config: { hidden_dropout: 0.2 } },
          { name: 'gpt', family: 'gpt2', layers: 3, width: 8, config: { resid_pdrop: 0.1 } },
        ],
      },
    },
    { search: { algorithm: 'darts' }, finetune: { weights: 'keep', alphas: 'argmax' } },
    { search: { algorithm: 'fixed', seeds: [3, 4] } },
  ] satisfies RunSettings[]) {
    it(`of ${JSON.stringify({ ...settings, hybrid: undefined })}`, async () => {
      const expected = await uncut(settings);
      assert.deepEqual(
        await interrupted(settings, [atStep('search', 4), atEvent('checkpoint', 2)]),
        expected,
      );
      if ('finetune' in settings) {
        assert.deepEqual(
          await interrupted(settings, [atStep('finetune', 1), atStep('finetune', 4)]),
          expected,
        );
      }
    });
  }

  describe('with controls', () => {
    const settings: RunSettings = { search: { algorithm: 'gaea', steps: 9 } };
    const controls: Record<number, ControlRequest[]> = {
      1: [{ action: 'pin', block: 1, weights: { mamba: 1 } }],
      3: [
        { action: 'prune', block: 2, component: 'neox' },
        { action: 'unpin', block: 1 },
      ],
      5: [{ action: 'restore', block: 2, component: 'neox' }],
      7: [{ action: 'pin', block: 2, weights: { neox: 0.25, mamba: 0.75 } }],
    };

    it('after the last checkpoint: applied again at their recorded step', async () => {
      const expected = await uncut(settings, atSearchStep(controls));
      for (const step of [2, 4, 6, 8]) {
        const cut = both(atSearchStep(controls), atStep('search', step));
        // Those that were logged are not asked for again; the others still are.
        const rest = Object.fromEntries(
          Object.entries(controls).filter(([at]) => Number(at) >= step),
        );
        const found = await interrupted(settings, [cut], atSearchStep(rest));
        assert.deepEqual(sorted(found), sorted(expected), `cut before step ${step}`);
      }
    });

    it('when the kill comes between the record of a prune and the prune', async () => {
      const expected = await uncut(settings, atSearchStep(controls));
      let armed = false;
      const cut: RunHooks = both(atSearchStep(controls), {
        onEvent: (event) => {
          if (armed) throw new Cut();
          armed = event.type === 'control' && event.action === 'prune';
        },
      });
      const rest = { 3: controls[3]!.slice(1), 5: controls[5]!, 7: controls[7]! };
      assert.deepEqual(
        sorted(await interrupted(settings, [cut], atSearchStep(rest))),
        sorted(expected),
      );
    });

    /** Control events keep their place in the log when steps around them are computed again: compare by step. */
    function sorted(events: unknown[]): unknown[] {
      const order = (event: unknown) => {
        const { type, step = 99 } = event as { type: string; step?: number };
        return step + (type === 'control' ? 0.9 : type === 'evaluation' ? 0.5 : 0);
      };
      return [...events].sort((left, right) => order(left) - order(right));
    }

    it('after a stop: nothing is applied twice', async () => {
      const expected = await uncut(settings, atSearchStep(controls));
      const bench = await RunBench.make(runPlan(settings));
      const stopping = {
        ...controls,
        3: [...controls[3]!, { action: 'stop', checkpoint: true } as const],
      };
      assert.deepEqual(await bench.run(atSearchStep(stopping)), { status: 'stopped' });
      const stopped = (await bench.events()).find(({ type }) => type === 'finished');
      assert.ok(stopped?.type === 'finished' && stopped.status === 'stopped');
      const rest = { 5: controls[5]!, 7: controls[7]! };
      assert.deepEqual(await bench.run(atSearchStep(rest), true), { status: 'done' });
      const found = bits(await bench.events()).filter(
        (event) => (event as { status?: string }).status !== 'stopped',
      );
      assert.deepEqual(sorted(found), sorted(expected));
      await bench.remove();
    });
  });

  it('says so when the data is not what it was', async () => {
    const bench = await RunBench.make(runPlan());
    assert.equal(await bench.run(atStep('search', 5)), 'cut');
    const data = someData();
    data.validation[1]! ^= 1;
    assert.deepEqual(await bench.run({ data }, true), { status: 'done' });
    const warnings = (await bench.events()).filter((event) => event.type === 'warning');
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['data-changed'],
    );
    await bench.remove();
  });

  it('says which component’s pretrained weights are not what they were', async () => {
    const bench = await RunBench.make(runPlan());
    assert.equal(await bench.run(atStep('search', 5)), 'cut');
    const weights = { neox: 'a', mamba: 'another' };
    assert.deepEqual(await bench.run({ weights }, true), { status: 'done' });
    const warnings = (await bench.events()).filter((event) => event.type === 'warning');
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['weights-changed'],
    );
    assert.match(warnings[0]!.message, /weights of mamba have changed/);
    await bench.remove();
  });

  it('leaves no tensor behind, however a run ends', async () => {
    const { numTensors } = tf.memory();
    await interrupted({ search: {}, finetune: { weights: 'keep' } }, [
      atStep('search', 3),
      atStep('finetune', 2),
    ]);
    assert.equal(tf.memory().numTensors, numTensors);
  });
});
