/** Runs that program their hybrid: α of supernets on tasks, their mean, the hybrid fine-tuned with it; cut and resumed. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { programmedAlphas } from '../../../server/compute/search/programAlphas';
import { loadTaskData } from '../../../server/compute/tasks/taskData';
import type { FinishedEvent, RunEvent } from '../../../server/contract/events';
import type { Plan } from '../../../server/contract/plan';
import { checkConfig } from '../../../server/language/checkConfig';
import { reportHtml } from '../../../server/report/html';
import { buildReportModel } from '../../../server/report/model';
import { summaryLines } from '../../../server/report/terminalDrawings';
import { fakeReader } from '../../language/fakeReader';
import { inMemory } from '../tasks/loading';
import { onWasm, stepsOf } from './runChecks';
import { bits, Cut, RunBench, type RunHooks } from './runHarness';

/** The target is a task too: nothing is to be read. */
const config = (program = '', search = 'steps: 4', more = '') => `manticore: 1
components:
  gpt2: { family: gpt2, config: { n_embd: 8, n_layer: 2, n_head: 2, n_positions: 16 }, init: random }
  mamba: { family: mamba, config: { hidden_size: 8, num_hidden_layers: 2, state_size: 2 }, init: random }
hybrid: { blocks: 2 }
data: { train: { mad: { task: memorization, vocabulary: 9, length: 8, examples: 20, testExamples: 6 } } }
program:
  tasks:
    - { task: in-context-recall, vocabulary: 8, length: 12, examples: 20, testExamples: 6 }
    - { task: compression, vocabulary: 8, length: 8, examples: 20, testExamples: 6 }
  weights: [3, 1]
  width: 16
  steps: 6
  batch: 3
  checkpointEvery: 2
${program}search: { ${search}, batch: 3, alphaLearningRate: 0.3, checkpointEvery: 2 }
finetune: { steps: 3, checkpointEvery: 2 }
baselines: { components: false, uniform: true }
${more}`;

async function planOf(text: string): Promise<Plan> {
  const place = { name: 'program', base: '/base', reader: fakeReader({}) };
  const { plan, problems } = await checkConfig(text, place);
  assert.deepEqual(problems, []);
  return plan!;
}

async function hooksOf(plan: Plan): Promise<RunHooks> {
  const noTokenizer = () => Promise.reject(new Error('no tokenizer is asked for'));
  const load = (each: Plan) => loadTaskData(each.config, each.base, noTokenizer, inMemory());
  const own = new Map<Plan, Awaited<ReturnType<typeof load>>>();
  for (const subplan of plan.subplans!) own.set(subplan, await load(subplan));
  return { data: await load(plan), subplanData: (subplan) => own.get(subplan), weights: {} };
}

async function run(plan: Plan, cuts: readonly RunHooks[] = []) {
  const hooks = await hooksOf(plan);
  const bench = await RunBench.make(plan);
  try {
    for (const [index, cut] of cuts.entries()) {
      assert.equal(await bench.run({ ...hooks, ...cut }, index > 0), 'cut');
    }
    assert.deepEqual(await bench.run(hooks, cuts.length > 0), { status: 'done' });
    const events = await bench.events();
    return { events, finished: events.at(-1) as FinishedEvent, kept: bench.kept };
  } finally {
    await bench.remove();
  }
}

const dies = (stage: string, subject: string, step: number): RunHooks => ({
  onEvent: (event) => {
    const isThere = event.type === 'step' && event.stage === stage && event.subject === subject;
    if (isThere && event.step === step) throw new Cut();
  },
});
const diesAfter = (stage: string, subject: string): RunHooks => ({
  onEvent: (event) => {
    const isThere = event.type === 'checkpoint' && event.stage === stage;
    if (isThere && event.subject === subject && event.step === 6) throw new Cut();
  },
});

/** These logs begin with the first job's events. */
const reportOf = (events: readonly RunEvent[], plan: Plan) =>
  buildReportModel(
    [
      {
        ...{ type: 'started', seq: -1, time: '', id: 'program', plan: '' },
        components: plan.components,
        blocks: plan.blocks.length,
        engine: { name: 'wasm', device: '', tier: '', threads: 1, node: '' },
      } as RunEvent,
      ...events,
    ].map((event) => ({ ...event, seq: event.seq + 1 })),
    plan,
  );

const lastAlphas = (events: readonly RunEvent[], stage: string, subject: string) =>
  stepsOf(events, stage, subject).at(-1)!.alphas!;

describe('programmed α', () => {
  const row = fc
    .array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 })
    .filter((values) => values.some((value) => value > 1e-3))
    .map((values) => {
      const sum = values.reduce((total, value) => total + value, 0);
      return values.map((value) => value / sum);
    });
  const task = fc.record({
    weight: fc.double({ min: 1e-3, max: 100, noNaN: true }),
    alphas: fc.array(row, { minLength: 2, maxLength: 2 }),
  });
  const tasks = fc.array(task, { minLength: 1, maxLength: 6 });

  it('are on the simplex, within what the tasks found', () => {
    fc.assert(
      fc.property(tasks, (all) => {
        programmedAlphas(all).forEach((values, block) => {
          assert.ok(Math.abs(values.reduce((sum, value) => sum + value, 0) - 1) < 1e-12);
          values.forEach((value, m) => {
            const found = all.map(({ alphas }) => alphas[block]![m]!);
            assert.ok(value >= Math.min(...found) - 1e-12 && value <= Math.max(...found) + 1e-12);
          });
        });
      }),
    );
  });

  it('depend on the proportions of the weights alone', () => {
    fc.assert(
      fc.property(tasks, fc.double({ min: 1e-3, max: 1e3, noNaN: true }), (all, scale) => {
        const scaled = all.map((each) => ({ ...each, weight: scale * each.weight }));
        const [plain, other] = [programmedAlphas(all).flat(), programmedAlphas(scaled).flat()];
        plain.forEach((value, at) => assert.ok(Math.abs(value - other[at]!) < 1e-12));
      }),
    );
  });

  it('stay exactly 1 where every task gives a block to one component', () => {
    fc.assert(
      fc.property(fc.array(task, { minLength: 1, maxLength: 6 }), (all) => {
        const oneHot = all.map(({ weight }) => ({ weight, alphas: [[0, 1, 0]] }));
        assert.deepEqual(programmedAlphas(oneHot), [[0, 1, 0]]);
      }),
    );
  });
});

describe('a run that programs its hybrid', () => {
  onWasm();

  it('fine-tunes with the weighted mean of its tasks’ α, beside searched and uniform α', async () => {
    const plan = await planOf(config());
    const { events, finished, kept } = await run(plan);
    const [recall, compression] = ['in-context-recall', 'compression'].map((subject) =>
      lastAlphas(events, 'program', subject),
    );
    const expected = programmedAlphas([
      { weight: 0.75, alphas: recall! },
      { weight: 0.25, alphas: compression! },
    ]);
    assert.notDeepEqual(recall, compression);
    assert.deepEqual(lastAlphas(events, 'finetune', 'hybrid'), expected);
    assert.deepEqual(finished.alphas, expected);
    assert.deepEqual(kept, [{ seed: 1, alphas: expected }]);
    assert.deepEqual(finished.program, [
      { task: 'in-context-recall', weight: 0.75, alphas: recall },
      { task: 'compression', weight: 0.25, alphas: compression },
    ]);
    assert.deepEqual(finished.searched, lastAlphas(events, 'search', 'hybrid'));
    const seen = finished.results
      .filter(({ split }) => split === 'validation')
      .map(({ stage, subject, updates, tokens }) => [stage, subject, updates, tokens]);
    assert.deepEqual(seen, [
      ['program', 'in-context-recall', 6, 6 * 3 * 11],
      ['program', 'compression', 6, 6 * 3 * 8],
      ['search', 'hybrid', 4, 4 * 3 * 8],
      ['finetune', 'hybrid', 3, 3 * 3 * 8],
      ['baseline', 'searched', 3, 3 * 3 * 8],
      ['baseline', 'uniform', 3, 3 * 3 * 8],
    ]);
    // A baseline with searched α is not the one with uniform or programmed α.
    const losses = finished.results
      .filter(({ stage, split }) => split === 'test' && /finetune|baseline/.test(stage))
      .map(({ loss }) => loss);
    assert.equal(new Set(losses).size, 3);

    const model = reportOf(events, plan);
    assert.deepEqual(
      model.program!.tasks.map(({ task: name }) => name),
      plan.subplans!.map(({ name }) => name),
    );
    assert.ok(model.results.summary.every(({ stage }) => stage !== 'program'));
    const moved = model.program!.movements.map(
      ({ stage, subject, paths }) => `${stage} ${subject} ${paths[0]!.recorded}`,
    );
    const steps = (name: string) => stepsOf(events, 'program', name).length;
    assert.deepEqual(moved, [
      ...plan.subplans!.map(({ name }) => `program ${name} ${steps(name)}`),
      'search hybrid 4',
    ]);
    const html = reportHtml(model);
    const drawn = /How the weights moved.*?<\/section>/s.exec(html)![0];
    for (const { name } of plan.subplans!) assert.ok(drawn.includes(`<bdi>${name}</bdi>`));
    assert.equal(drawn.match(/<svg [^>]*aria-label="Block /g)!.length, 3 * plan.blocks.length);
    for (const words of ['Programming', 'programmed hybrid', 'searched hybrid', 'compression']) {
      assert.match(html, new RegExp(words));
    }
    const terminal = summaryLines(model, 120, (text) => text).join('\n');
    assert.match(terminal, /programmed hybrid/);
    assert.match(terminal, /searched hybrid/);
    assert.match(terminal, /Programming read 342 tokens of 2 synthetic tasks/);
    // Its supernets' tokens are budgeted, each task by itself.
    assert.deepEqual(
      model.budgets.rows.filter(({ stage }) => stage === 'program').map(({ tokens }) => tokens),
      [198, 144],
    );
  });

  it('goes on to the bit after cuts within a task, between tasks, and before the fine-tuning', async () => {
    const plan = await planOf(config('', 'steps: 0, algorithm: dash'));
    const whole = await run(plan);
    assert.equal(whole.finished.searched, undefined);
    const cuts = [
      dies('program', 'in-context-recall', 5),
      diesAfter('program', 'in-context-recall'),
      dies('program', 'compression', 4),
      diesAfter('program', 'compression'),
      dies('finetune', 'hybrid', 3),
      dies('baseline', 'uniform', 2),
    ];
    const mended = await run(plan, cuts);
    assert.deepEqual(bits(mended.events), bits(whole.events));
  });

  it('keeps what the config pins and prunes, in every task and in the mean', async () => {
    const pinned = config('', 'steps: 0').replace(
      'hybrid: { blocks: 2 }',
      'hybrid: { blocks: 2, mixture: { 1: { pin: mamba } } }',
    );
    const { finished } = await run(await planOf(pinned));
    for (const { alphas } of finished.program!) assert.deepEqual(alphas[0], [0, 1]);
    assert.deepEqual(finished.alphas[0], [0, 1]);
    assert.ok(finished.alphas[1]!.every((alpha) => alpha > 0 && alpha < 1));
  });

  it('is pinned, pruned and stopped in a task as in a search', async () => {
    const plan = await planOf(config('', 'steps: 0'));
    const hooks = await hooksOf(plan);
    const bench = await RunBench.make(plan);
    const replies: unknown[] = [];
    const at = (
      subject: string,
      step: number,
      requests: Parameters<Parameters<NonNullable<RunHooks['onEvent']>>[1]['push']>[0][],
    ): RunHooks => ({
      onEvent: (event, controls) => {
        if (event.type !== 'step' || event.subject !== subject || event.step !== step) return;
        for (const request of requests) {
          void controls.push(request).then((reply) => replies.push(reply));
        }
      },
    });
    const stopped = await bench.run({
      ...hooks,
      ...at('in-context-recall', 3, [
        { action: 'prune', block: 2, component: 'gpt2' },
        { action: 'stop', checkpoint: true },
      ]),
    });
    assert.deepEqual(stopped, { status: 'stopped' });
    assert.deepEqual(replies, [
      { ok: true, step: 3 },
      { ok: true, step: 3 },
    ]);
    const half = (await bench.events()).at(-1) as FinishedEvent;
    assert.deepEqual(
      half.program!.map(({ task: name }) => name),
      ['in-context-recall'],
    );
    assert.deepEqual(half.alphas[1], [0, 1]);
    const report = reportOf(await bench.events(), plan);
    assert.equal(report.program!.tasks.length, 1);
    assert.match(reportHtml(report), /<title>step 3: pruned gpt2 from block 2<\/title>/);
    assert.deepEqual(await bench.run(hooks, true), { status: 'done' });
    const finished = (await bench.events()).at(-1) as FinishedEvent;
    assert.deepEqual(finished.program![0]!.alphas[1], [0, 1]);
    // The other task is not pruned, and brings its share of the component back.
    const [, second] = finished.program!;
    assert.ok(Math.abs(finished.alphas[1]![0]! - 0.25 * second!.alphas[1]![0]!) < 1e-12);
    await bench.remove();
  });
});
