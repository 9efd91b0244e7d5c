import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { FinishedEvent, RunEvent, StepEvent } from '../../../server/contract/events';
import { EngineError } from '../../../server/compute/engine/errors';
import { openEngine, type Engine } from '../../../server/compute/engine/engine';
import { planCosts } from '../../../server/compute/search/hybridModel';
import type { RunOutcome } from '../../../server/compute/search/runJobs';
import {
  atSearchStep,
  buildTiny,
  RunBench,
  runPlan,
  someData,
  type RunHooks,
  type RunSettings,
} from './runHarness';

interface Ran {
  readonly outcome: RunOutcome | 'cut';
  readonly events: readonly RunEvent[];
  readonly bench: RunBench;
}

const benches: RunBench[] = [];

async function ran(settings: RunSettings, hooks: RunHooks = {}): Promise<Ran> {
  const bench = await RunBench.make(runPlan(settings));
  benches.push(bench);
  const outcome = await bench.run(hooks);
  return { outcome, events: await bench.events(), bench };
}

async function done(settings: RunSettings, hooks: RunHooks = {}) {
  const { outcome, events, bench } = await ran(settings, hooks);
  assert.deepEqual(outcome, { status: 'done' });
  const finished = events.at(-1);
  assert.ok(finished?.type === 'finished' && finished.status === 'done');
  return { events, finished, bench };
}

const stepsOf = (events: readonly RunEvent[], stage: string, subject = 'hybrid'): StepEvent[] =>
  events.filter(
    (event) => event.type === 'step' && event.stage === stage && event.subject === subject,
  ) as StepEvent[];
function lastStep(events: readonly RunEvent[]): StepEvent {
  const last = stepsOf(events, 'search').at(-1);
  assert.ok(last);
  return last;
}
const resultsOf = (finished: FinishedEvent) =>
  finished.results.map(({ subject, stage, seed, updates, tokens }) => [
    `${stage} ${subject} ${seed}`,
    updates,
    tokens,
  ]);

describe('runs', () => {
  let engine: Engine;
  before(async () => (engine = await openEngine('wasm', { threads: 1 })));
  after(() => engine.dispose());
  afterEach(async () => {
    for (const bench of benches.splice(0)) await bench.remove();
  });

  it('tell every step, with α on the simplex, and evaluate and checkpoint as often as asked', async () => {
    const { events } = await done({});
    const steps = stepsOf(events, 'search');
    assert.deepEqual(
      steps.map(({ step, steps: of }) => `${step}/${of}`),
      ['1/6', '2/6', '3/6', '4/6', '5/6', '6/6'],
    );
    for (const { alphas, loss, tokensPerSecond, etaSeconds } of steps) {
      assert.ok(loss > 0 && tokensPerSecond > 0 && etaSeconds >= 0);
      for (const row of alphas!) assert.ok(Math.abs(row[0]! + row[1]! - 1) < 1e-12);
    }
    assert.equal(lastStep(events).etaSeconds, 0);
    const at = (type: string) =>
      events.flatMap((event) => (event.type === type && 'step' in event ? [event.step] : []));
    assert.deepEqual(at('evaluation'), [3, 6]);
    // Before the first step, every second one, and after the job.
    assert.deepEqual(at('checkpoint'), [0, 2, 4, 6]);
  });

  it('learn: the last losses are below the first', async () => {
    const { events } = await done({ search: { steps: 40, learningRate: 0.02, evalEvery: 40 } });
    const losses = stepsOf(events, 'search').map(({ loss }) => loss);
    const mean = (some: number[]) => some.reduce((sum, loss) => sum + loss, 0) / some.length;
    assert.ok(mean(losses.slice(-8)) < mean(losses.slice(0, 8)) - 0.1, losses.join(' '));
  });

  it('move a only in its turn, and θ only in its own', async () => {
    const { events, finished } = await done({ search: { schedule: 'alternating' } });
    const alphas = stepsOf(events, 'search').map((event) => JSON.stringify(event.alphas));
    assert.equal(
      alphas[0],
      JSON.stringify([
        [0.5, 0.5],
        [0.5, 0.5],
      ]),
    );
    assert.notEqual(alphas[1], alphas[0]);
    assert.equal(alphas[2], alphas[1]);
    assert.notEqual(alphas[3], alphas[2]);
    assert.deepEqual(resultsOf(finished), [['search hybrid 1', 3, 30]]);
  });

  it('keep α as given with fixed', async () => {
    const { finished } = await done({ search: { algorithm: 'fixed' } });
    assert.deepEqual(finished.alphas, [
      [0.5, 0.5],
      [0.5, 0.5],
    ]);
    assert.deepEqual(resultsOf(finished), [['search hybrid 1', 6, 60]]);
  });

  it('repeat the whole for every seed, and tell mean and spread', async () => {
    const { finished, bench } = await done({
      search: { algorithm: 'gaea', seeds: [1, 2] },
      finetune: {},
    });
    assert.equal(finished.perSeed.length, 2);
    assert.notDeepEqual(finished.perSeed[0], finished.perSeed[1]);
    finished.alphas.flat().forEach((alpha, at) => {
      const [first, second] = finished.perSeed.map((table) => table.flat()[at]!);
      assert.ok(Math.abs(alpha - (first! + second!) / 2) < 1e-12);
    });
    const { component, meanAlpha } = finished.selection;
    assert.equal(component, meanAlpha['neox']! >= meanAlpha['mamba']! ? 'neox' : 'mamba');
    assert.deepEqual(
      bench.kept.map(({ seed }) => seed),
      [1, 2],
    );
  });

  it('train a single component: pretraining is a run like any other', async () => {
    const { finished, events } = await done({
      hybrid: { components: [{ name: 'only', family: 'gpt2', layers: 3, width: 4 }] },
    });
    assert.deepEqual(finished.alphas, [[1], [1]]);
    assert.deepEqual(finished.selection, { component: 'only', meanAlpha: { only: 1 } });
    const losses = stepsOf(events, 'search').map(({ loss }) => loss);
    assert.ok(losses.every(Number.isFinite) && new Set(losses).size === losses.length);
  });

  it('report on test data where given, beside validation', async () => {
    const data = { ...someData(), test: someData().validation.subarray(0, 9) };
    const { finished } = await done({}, { data });
    const [validation, test] = finished.results;
    assert.deepEqual([validation!.split, test!.split], ['validation', 'test']);
    assert.notEqual(validation!.loss, test!.loss);
    assert.ok(Math.abs(test!.perplexity - Math.exp(test!.loss)) < 1e-9);
    assert.ok(test!.accuracy! >= 0 && test!.accuracy! <= 1);
  });

  it('begin from α that was pinned and pruned in the config, and never move it', async () => {
    const { events, finished } = await done({
      hybrid: { prune: { 0: [1] } },
      pinned: { 1: [0.25, 0.75] },
    });
    for (const { alphas } of stepsOf(events, 'search')) {
      assert.deepEqual(alphas, [
        [1, 0],
        [0.25, 0.75],
      ]);
    }
    assert.equal(finished.selection.component, 'neox');
  });

  describe('fine-tuning', () => {
    it('rewinds to the pretrained weights, with α frozen as found', async () => {
      const { events, finished, bench } = await done({ finetune: {} });
      const found = lastStep(events).alphas;
      for (const { alphas } of stepsOf(events, 'finetune')) assert.deepEqual(alphas, found);
      assert.deepEqual(resultsOf(finished), [
        ['search hybrid 1', 6, 60],
        ['finetune hybrid 1', 4, 40],
      ]);
      assert.deepEqual(bench.kept, [{ seed: 1, alphas: found }]);
    });

    it('keeps the searched weights where asked: their updates count', async () => {
      const { events, finished } = await done({ finetune: { weights: 'keep' } });
      assert.deepEqual(resultsOf(finished).at(-1), ['finetune hybrid 1', 10, 100]);
      const rewound = stepsOf((await done({ finetune: {} })).events, 'finetune')[0]!;
      assert.notEqual(stepsOf(events, 'finetune')[0]!.loss, rewound.loss);
    });

    for (const weights of ['rewind', 'keep'] as const) {
      it(`argmax, ${weights}: what α drops is neither trained nor counted`, async () => {
        const live: boolean[][][] = [];
        const settings: RunSettings = { finetune: { alphas: 'argmax', weights } };
        const plan = runPlan(settings);
        const { finished, events } = await done(settings, {
          buildModel: (table, seed) => {
            live.push(table.map((row) => [...row]));
            return buildTiny(plan, table, seed);
          },
        });
        const { alphas } = stepsOf(events, 'finetune')[0]!;
        for (const row of alphas!) assert.deepEqual([...row].sort(), [0, 1]);
        const [searched, tuned] = finished.results;
        assert.ok(tuned!.parameters < searched!.parameters);
        assert.ok(tuned!.flopsPerToken < searched!.flopsPerToken);
        assert.equal(tuned!.parameters, planCosts(plan).parameters(alphas!));
        assert.equal(live.length, weights === 'rewind' ? 2 : 1);
        if (weights === 'rewind') {
          assert.deepEqual(
            live[1],
            alphas!.map((row) => row.map((alpha) => alpha > 0)),
          );
        }
      });
    }
  });

  describe('baselines', () => {
    const baselines = { components: true, match: 'steps', uniform: true } as const;

    it('see the updates and tokens that the reported weights saw, on the same batches', async () => {
      const { finished } = await done({ finetune: { accumulate: 2 }, baselines });
      assert.deepEqual(resultsOf(finished).slice(1), [
        ['finetune hybrid 1', 4, 80],
        ['baseline uniform 1', 4, 80],
        ['baseline neox 1', 4, 80],
        ['baseline mamba 1', 4, 80],
      ]);
      const kept = await done({
        search: { schedule: 'alternating' },
        finetune: { weights: 'keep', accumulate: 2 },
        baselines,
      });
      // 3 updates of θ in the search at 10 tokens, 4 in the fine-tuning at 20.
      assert.deepEqual(
        resultsOf(kept.finished)
          .slice(1)
          .map(([, updates, tokens]) => [updates, tokens]),
        Array(4).fill([7, 110]),
      );
    });

    it('train a component exactly as a hybrid whose α is pinned to it', async () => {
      const alone = await done({ finetune: {}, baselines });
      const pinned = await done({
        pinned: { 0: [0, 1], 1: [0, 1] },
        finetune: {},
      });
      assert.deepEqual(
        stepsOf(alone.events, 'baseline', 'mamba').map(({ loss }) => loss),
        stepsOf(pinned.events, 'finetune').map(({ loss }) => loss),
      );
    });

    it('cover a component that the hybrid has pruned in places', async () => {
      const { finished } = await done({ hybrid: { prune: { 1: [1] } }, finetune: {}, baselines });
      const whole = await done({ finetune: {}, baselines });
      const mamba = (event: FinishedEvent) =>
        event.results.find(({ subject }) => subject === 'mamba')!;
      assert.equal(mamba(finished).loss, mamba(whole.finished).loss);
      assert.equal(mamba(finished).parameters, mamba(whole.finished).parameters);
    });

    it('flops: a component gets as many updates as cost what the hybrid did', async () => {
      const settings: RunSettings = { finetune: {}, baselines: { ...baselines, match: 'flops' } };
      const { finished } = await done(settings);
      const [hybrid, uniform, ...components] = finished.results.slice(1);
      assert.equal(uniform!.updates, hybrid!.updates);
      for (const { updates, flopsPerToken } of components) {
        assert.equal(updates, Math.round((4 * hybrid!.flopsPerToken) / flopsPerToken));
        assert.ok(updates > 4);
      }
    });
  });

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
      assert.ok(bytes[1]! < bytes[0]!, 'pruned parameters leave memory');
      assert.equal(bytes[2], bytes[0], 'and come back');
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

  describe('failures', () => {
    const failure = async (settings: RunSettings, hooks: RunHooks) => {
      const { numTensors } = tf.memory();
      const { outcome, events, bench } = await ran(settings, hooks);
      assert.ok(outcome !== 'cut' && outcome.status === 'failed');
      const last = events.at(-1);
      assert.ok(last?.type === 'failed');
      assert.equal(last.code, outcome.failure.code);
      assert.ok(last.hint.length > 10);
      assert.equal(tf.memory().numTensors, numTensors, 'tensors are freed');
      return { code: last.code, message: last.message, bench };
    };

    it('a loss that is no number ends the run; the last checkpoint resumes', async () => {
      const settings: RunSettings = {};
      const plan = runPlan(settings);
      let broken = true;
      const { code, bench } = await failure(settings, {
        buildModel: async (live, seed) => {
          const model = await buildTiny(plan, live, seed);
          let losses = 0;
          return {
            ...model,
            lossSum: (batch, rows, context) => {
              const loss = model.lossSum(batch, rows, context);
              return broken && ++losses === 4 ? tf.mul(loss, NaN) : loss;
            },
          };
        },
      });
      assert.equal(code, 'loss-not-finite');
      broken = false;
      assert.deepEqual(await bench.run({}, true), { status: 'done' });
    });

    it('a learning rate beyond all reason ends as loss or gradient not finite', async () => {
      const { code } = await failure(
        { search: { learningRate: 1e38, warmup: 0, weightDecay: 0, steps: 20 } },
        {},
      );
      assert.match(code, /^(loss|gradient)-not-finite$/);
    });

    it('a full disk ends the run with the last checkpoint whole', async () => {
      const { code, bench } = await failure(
        {},
        {
          onCheckpoint: (tick) => {
            if (tick === 4) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
          },
        },
      );
      assert.equal(code, 'disk-full');
      assert.deepEqual(await bench.run({}, true), { status: 'done' });
      const steps = stepsOf(await bench.events(), 'search').map(({ step }) => step);
      assert.deepEqual(steps, [1, 2, 3, 4, 5, 6]);
    });

    it('no memory left keeps the engine’s own words', async () => {
      const { code, message } = await failure(
        {},
        {
          buildModel: () =>
            Promise.reject(
              new EngineError('out-of-memory', 'wasm: no room', 'Take a smaller batch.'),
            ),
        },
      );
      assert.equal(code, 'out-of-memory');
      assert.equal(message, 'wasm: no room');
    });

    it('too little text is said before the first step', async () => {
      const tiny = Int32Array.from([1, 2, 3]);
      const { code } = await failure(
        {},
        {
          data: {
            train: tiny,
            searchTrain: tiny,
            heldOut: undefined,
            validation: tiny,
            test: undefined,
          },
        },
      );
      assert.equal(code, 'not-enough-text');
    });
  });
});
