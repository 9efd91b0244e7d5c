/** The jobs of a plan: what is trained, for how long, under which budget. */
import assert from 'node:assert/strict';
import type { PlanJob } from '../../server/contract/plan';
import { quickConfig } from './marked';
import { planOf } from './planOf';

describe('jobs', () => {
  const summary = (jobs: readonly PlanJob[]) =>
    jobs.map(({ stage, subject, seed, steps, weightUpdates, alphaUpdates, tokens }) => [
      stage,
      subject,
      seed,
      steps,
      weightUpdates,
      alphaUpdates,
      tokens,
    ]);
  const jobs = async (search: string, rest: string, hybrid = '  blocks: 2') =>
    (await planOf(quickConfig({ search: `  batch: 4\n${search}`, rest, hybrid }))).jobs;

  it('come in order, for every seed', async () => {
    const found = await jobs(
      '  steps: 10\n  seeds: [3, 5]',
      'finetune: { steps: 6 }\nbaselines: { uniform: true }',
    );
    assert.deepEqual(
      found.map(({ stage, subject, seed }) => [stage, subject, seed]),
      [3, 5].flatMap((seed) => [
        ['search', 'hybrid', seed],
        ['finetune', 'hybrid', seed],
        ['baseline', 'uniform', seed],
        ['baseline', 'neox', seed],
        ['baseline', 'mamba', seed],
      ]),
    );
  });

  it('simultaneous: every step updates both', async () => {
    assert.deepEqual(summary(await jobs('  steps: 10', '')), [
      ['search', 'hybrid', 1, 10, 10, 10, 10 * 4 * 16],
    ]);
  });

  it('alternating: half and half, θ first; its baseline gets θ’s half', async () => {
    assert.deepEqual(
      summary(await jobs('  steps: 11\n  schedule: alternating', 'baselines: true')),
      [
        ['search', 'hybrid', 1, 11, 6, 5, 6 * 64],
        ['baseline', 'neox', 1, 6, 6, 0, 6 * 64],
        ['baseline', 'mamba', 1, 6, 6, 0, 6 * 64],
      ],
    );
  });

  it('fixed: θ alone', async () => {
    const pins = '  blocks: 1\n  mixture: { 1: { pin: { neox: 0.5, mamba: 0.5 } } }';
    assert.deepEqual(summary(await jobs('  steps: 10\n  algorithm: fixed', '', pins)), [
      ['search', 'hybrid', 1, 10, 10, 0, 640],
    ]);
  });

  it('rewound: the baseline gets the fine-tuning’s budget; kept: the search’s too', async () => {
    const budget = async (weights: string) => {
      const found = await jobs(
        '  steps: 10\n  schedule: alternating',
        `finetune: { steps: 6, batch: 2, weights: ${weights} }\nbaselines: true`,
      );
      return found.at(-1)!;
    };
    const rewound = await budget('rewind');
    assert.deepEqual(rewound.phases, [{ settings: 'finetune', steps: 6, tokens: 6 * 32 }]);
    const kept = await budget('keep');
    assert.deepEqual(kept.phases, [
      { settings: 'search', steps: 5, tokens: 5 * 64 },
      { settings: 'finetune', steps: 6, tokens: 6 * 32 },
    ]);
    assert.equal(kept.weightUpdates, 11);
    assert.equal(kept.tokens, 5 * 64 + 6 * 32);
  });

  it('matched by FLOPs: as many steps as cost what the hybrid’s did', async () => {
    const plan = await planOf(
      quickConfig({ rest: 'finetune: { steps: 100 }\nbaselines: { match: flops }' }),
    );
    for (const { name, flopsPerToken } of plan.components) {
      const job = plan.jobs.find(({ subject }) => subject === name)!;
      const spent = job.weightUpdates * flopsPerToken;
      assert.ok(Math.abs(spent - 100 * plan.flopsPerToken) <= flopsPerToken / 2, name);
      assert.ok(job.weightUpdates > 100);
    }
  });

  it('a discretised fine-tuning costs at most the dearest choice', async () => {
    const plan = await planOf(
      quickConfig({
        hybrid: '  blocks: 2\n  gate: none',
        rest: 'finetune: { steps: 5, alphas: argmax }',
      }),
    );
    const [search, tuned] = plan.jobs;
    assert.ok(tuned!.flopsPerToken < search!.flopsPerToken);
    for (const row of [0, 1]) {
      const pins = `  blocks: 2\n  gate: none\n  mixture: { 1: { pin: ${['neox', 'mamba'][row]!} }, 2: { pin: mamba } }`;
      assert.ok(
        (await planOf(quickConfig({ hybrid: pins }))).flopsPerToken <= tuned!.flopsPerToken,
      );
    }
    const cut = await planOf(
      quickConfig({
        hybrid: '  blocks: 2\n  gate: none',
        rest: 'finetune: { steps: 5, alphas: { threshold: 0.4 } }',
      }),
    );
    assert.equal(cut.jobs[1]!.flopsPerToken, cut.jobs[0]!.flopsPerToken, 'all may stay');
  });

  it('defaults: the fine-tuning’s come from the search, a tenth of the steps, gaea’s rate', async () => {
    const plan = await planOf(
      quickConfig({
        search: '  steps: 300\n  algorithm: gaea\n  learningRate: 3e-4\n  clip: 0.5',
        rest: 'finetune: { steps: 40, clip: 2 }',
      }),
    );
    const { search, finetune } = plan.config;
    assert.ok(finetune);
    assert.deepEqual(
      [search.evalEvery, search.checkpointEvery, search.alphaLearningRate, search.seeds],
      [30, 30, 0.1, [1]],
    );
    assert.deepEqual(
      [finetune.learningRate, finetune.clip, finetune.evalEvery, finetune.weights, finetune.alphas],
      [3e-4, 2, 4, 'rewind', 'soft'],
    );
    assert.equal((await planOf(quickConfig())).config.search.alphaLearningRate, 0.01);
  });
});
