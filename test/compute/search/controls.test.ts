import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { done, lastStep, onWasm, ran, stepsOf } from './runChecks';
import { atSearchStep, type RunSettings } from './runHarness';

describe('a running search', () => {
  onWasm();

  describe('controls', () => {
    it('pin, prune, restore and unpin between two steps, told and answered', async () => {
      const replies: unknown[] = [];
      const { events } = await done(
        { search: { steps: 6, checkpointEvery: 6 } },
        atSearchStep(
          {
            1: [{ action: 'pin', block: 1, weights: { mamba: 1 } }],
            2: [{ action: 'prune', block: 2, component: 'neox' }],
            4: [
              { action: 'restore', block: 2, component: 'neox' },
              { action: 'unpin', block: 1 },
            ],
          },
          replies,
        ),
      );
      assert.deepEqual(
        replies,
        [1, 2, 4, 4].map((step) => ({ ok: true, step })),
      );
      const alphas = stepsOf(events, 'search').map((event) => event.alphas!);
      assert.deepEqual(alphas[1]![0], [0, 1]);
      assert.deepEqual(alphas[2], [
        [0, 1],
        [0, 1],
      ]);
      assert.ok(alphas[4]!.flat().every((alpha) => alpha > 0.3));
      const controls = events.filter((event) => event.type === 'control');
      assert.deepEqual(
        controls.map(({ action, block, component, weights, step }) => ({
          action,
          block,
          component,
          weights,
          step,
        })),
        [
          { action: 'pin', block: 1, component: undefined, weights: [0, 1], step: 1 },
          { action: 'prune', block: 2, component: 'neox', weights: undefined, step: 2 },
          { action: 'restore', block: 2, component: 'neox', weights: undefined, step: 4 },
          { action: 'unpin', block: 1, component: undefined, weights: undefined, step: 4 },
        ],
      );
    });

    it('give back weights and moments as they were parked, and free their memory meanwhile', async () => {
      const settings: RunSettings = { search: { steps: 4, algorithm: 'gaea' } };
      const bytes: number[] = [];
      const { bench } = await done(settings, {
        ...atSearchStep({
          1: [{ action: 'prune', block: 2, component: 'mamba' }],
          2: [{ action: 'restore', block: 2, component: 'mamba' }],
        }),
        memoryBytes: () => {
          bytes.push(tf.memory().numBytes);
          return 0;
        },
      });
      // The first is read before the job's first step.
      const [, whole, pruned, restored] = bytes;
      assert.ok(pruned! < whole!, 'pruned parameters leave memory');
      assert.equal(restored, whole, 'and come back');
      assert.deepEqual(await readdir(path.join(bench.dir, 'parked')), [
        'search-hybrid-1-step1-block2-component2.safetensors',
      ]);
    });

    it('refuse with a sentence and record nothing', async () => {
      const replies: { code?: string }[] = [];
      const { events } = await done(
        { hybrid: { prune: { 0: [1] } }, finetune: {} },
        {
          onEvent: (event, controls) => {
            if (event.type !== 'step' || event.step !== 1) return;
            const ask = (request: Parameters<typeof controls.push>[0]) =>
              void controls.push(request).then((reply) => replies.push(reply as object));
            if (event.stage === 'finetune') {
              ask({ action: 'pin', block: 1, weights: { neox: 1 } });
              return;
            }
            ask({ action: 'prune', block: 1, component: 'neox' });
            ask({ action: 'restore', block: 1, component: 'mamba' });
            ask({ action: 'pin', block: 9, weights: { neox: 1 } });
            ask({ action: 'pin', block: 2, weights: { bert: 1 } });
            ask({ action: 'pin', block: 2, weights: { neox: 0.2 } });
          },
        },
      );
      assert.deepEqual(
        replies.map(({ code }) => code),
        [
          'last-component',
          'pruned-in-config',
          'unknown-block',
          'unknown-component',
          'pin-sum',
          'alphas-frozen',
        ],
      );
      assert.equal(events.filter(({ type }) => type === 'control').length, 0);
    });

    it('pause until resumed; changes are taken meanwhile', async () => {
      let paused = false;
      const { events } = await done(
        {},
        {
          onEvent: (event, controls) => {
            if (event.type === 'step' && event.step === 2) void controls.push({ action: 'pause' });
            if (event.type === 'control' && event.action === 'pause') {
              paused = true;
              setTimeout(() => {
                void controls.push({ action: 'pin', block: 1, weights: { neox: 1 } });
                setTimeout(() => {
                  paused = false;
                  void controls.push({ action: 'resume' });
                }, 20);
              }, 20);
            }
            if (event.type === 'step') assert.ok(!paused, 'no step while paused');
          },
        },
      );
      assert.deepEqual(
        events.flatMap((event) =>
          event.type === 'control' ? [`${event.action} ${event.step}`] : [],
        ),
        ['pause 2', 'pin 2', 'resume 2'],
      );
    });

    it('stop with or without a checkpoint', async () => {
      for (const checkpoint of [true, false]) {
        const { outcome, events } = await ran(
          {},
          atSearchStep({ 3: [{ action: 'stop', checkpoint }] }),
        );
        assert.deepEqual(outcome, { status: 'stopped' });
        const finished = events.at(-1);
        assert.ok(finished?.type === 'finished' && finished.status === 'stopped');
        assert.deepEqual(finished.results, []);
        assert.deepEqual(finished.alphas, lastStep(events).alphas);
        const last = events.findLast((event) => event.type === 'checkpoint');
        assert.equal(last?.step, checkpoint ? 3 : 2);
      }
    });

    it('warn when a component with absolute positions leaves block 1', async () => {
      const { events } = await done(
        {
          hybrid: {
            components: [
              { name: 'gpt', family: 'gpt2', layers: 2, width: 4 },
              { name: 'mamba', family: 'mamba', layers: 2, width: 4 },
            ],
          },
        },
        atSearchStep({ 1: [{ action: 'prune', block: 1, component: 'gpt' }] }),
      );
      const warnings = events.filter((event) => event.type === 'warning');
      assert.deepEqual(
        warnings.map(({ code }) => code),
        ['positions-pruned'],
      );
    });
  });
});
