/** Runs that learn the class of sequences, from their configs: search, fine-tuning, baselines; cut and resumed to the bit. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import '@tensorflow/tfjs-backend-cpu';
import type { Engine } from '../../../server/compute/engine/engine';
import { openWasm } from '../../../server/compute/engine/wasm/openWasm';
import { ComponentFiles } from '../../../server/compute/process/runServices';
import { loadTaskData } from '../../../server/compute/tasks/taskData';
import type { Plan } from '../../../server/contract/plan';
import { checkConfig } from '../../../server/language/checkConfig';
import { createNodeModelReader } from '../../../server/weights/nodeModelReader';
import { inMemory } from '../tasks/loading';
import { writeFiles } from '../tasks/lra/scene';
import { bits, Cut, RunBench, type RunHooks } from './runHarness';

const TASKS = {
  listops: 'task: listops, length: 24, minLength: 3, depth: 3, examples: 20, testExamples: 6',
  retrieval: 'task: retrieval, folder: files, length: 12',
};

async function planOf(task: keyof typeof TASKS, base: string, schedule: string): Promise<Plan> {
  const text = `manticore: 1
components:
  neox:
    family: gptNeox
    config: { hidden_size: 8, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 16, max_position_embeddings: 24, rotary_pct: 1 }
    init: random
  mamba: { family: mamba, config: { hidden_size: 8, num_hidden_layers: 2, state_size: 2 }, init: random }
hybrid: { blocks: 2 }
data:
  train: { lra: { ${TASKS[task]} } }
search: { steps: 6, batch: 3, learningRate: 3e-3, evalEvery: 3, checkpointEvery: 2, schedule: ${schedule} }
finetune: { steps: 3, alphas: argmax, checkpointEvery: 2 }
baselines:
  uniform: true
  stacks:
    former: { stack: [hyena, attention], config: { hidden_size: 12, num_attention_heads: 2, emb_dim: 3, filter_order: 4 } }
`;
  const reader = createNodeModelReader();
  const { plan, problems } = await checkConfig(text, { name: 'lra', base, reader });
  assert.deepEqual(problems, []);
  return plan!;
}

/** What a run of the plan needs beside its folder. */
async function hooksOf(plan: Plan): Promise<RunHooks> {
  const files = new ComponentFiles(plan);
  const noTokenizer = () => Promise.reject(new Error('no tokenizer is asked for'));
  const data = await loadTaskData(plan.config, plan.base, noTokenizer, inMemory());
  return { data, weights: {}, buildModel: (live, seed, alone) => files.build(live, seed, alone) };
}

describe('a run that learns the class of sequences', () => {
  let engine: Engine;
  let base: string;
  before(async () => {
    engine = await openWasm();
    base = await mkdtemp(path.join(tmpdir(), 'lra-runs-'));
    const pairs = (count: number) =>
      Array.from(
        { length: count },
        (_, n) => `${n % 2}\ta${n}\tb${n}\t${'abcde'.repeat((n % 4) + 1)}\t${n} and more\n`,
      ).join('');
    await writeFiles(base, {
      'files/new_aan_pairs.train.tsv': pairs(20),
      'files/new_aan_pairs.eval.tsv': pairs(5),
      'files/new_aan_pairs.test.tsv': pairs(6),
    });
  });
  after(async () => {
    engine.dispose();
    await rm(base, { recursive: true });
  });

  for (const task of ['listops', 'retrieval'] as const) {
    it(`${task}: cut after a checkpoint, it ends as an uncut one does, to the bit`, async () => {
      const plan = await planOf(task, base, 'bilevel');
      const hooks = await hooksOf(plan);
      const whole = await RunBench.make(plan);
      assert.deepEqual(await whole.run(hooks), { status: 'done' });
      const events = await whole.events();

      const cut = await RunBench.make(plan);
      const died = await cut.run({
        ...hooks,
        onEvent: (event) => {
          if (event.type === 'step' && event.stage === 'search' && event.step === 5)
            throw new Cut();
        },
      });
      assert.equal(died, 'cut');
      // The files are read, or the examples generated, again.
      assert.deepEqual(await cut.run(await hooksOf(plan), true), { status: 'done' });
      assert.deepEqual(bits(await cut.events()), bits(events));
      assert.ok(!(await cut.events()).some(({ type }) => type === 'warning'));

      const finished = events.find((event) => event.type === 'finished')!;
      const tests = finished.results.filter(({ split }) => split === 'test');
      assert.deepEqual(
        tests.map(({ subject }) => subject),
        ['hybrid', 'hybrid', 'uniform', 'neox', 'mamba', 'former'],
      );
      for (const { accuracy, loss } of tests) {
        // Of six examples.
        assert.ok(Number.isInteger(Math.round(1e9 * accuracy! * 6) / 1e9) && Number.isFinite(loss));
      }
      const search = finished.results.find(({ stage }) => stage === 'search')!;
      // `bilevel`: θ has every other step.
      assert.equal(search.tokens, 3 * 3 * plan.context * (task === 'retrieval' ? 2 : 1));
      await whole.remove();
      await cut.remove();
    });
  }
});
