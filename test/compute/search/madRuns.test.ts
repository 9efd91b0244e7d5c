/** Runs of every MAD task from its config: search, fine-tuning, baselines; cut and resumed to the bit. */
import assert from 'node:assert/strict';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import '@tensorflow/tfjs-backend-cpu';
import type { Engine } from '../../../server/compute/engine/engine';
import { openWasm } from '../../../server/compute/engine/wasm/openWasm';
import { ComponentFiles } from '../../../server/compute/process/runServices';
import type { ExampleSet } from '../../../server/compute/tasks/examples';
import { loadTaskData } from '../../../server/compute/tasks/taskData';
import type { Plan } from '../../../server/contract/plan';
import { checkConfig } from '../../../server/language/checkConfig';
import { MAD_TASKS } from '../../../server/models/madTasks';
import { fakeReader } from '../../language/fakeReader';
import { inMemory } from '../tasks/loading';
import { bits, Cut, RunBench, type RunHooks } from './runHarness';

const KNOBS: Readonly<Record<(typeof MAD_TASKS)[number], string>> = {
  'in-context-recall': 'vocabulary: 8, length: 12',
  'noisy-in-context-recall': 'vocabulary: 8, noiseVocabulary: 2, length: 12',
  'fuzzy-in-context-recall': 'vocabulary: 9, length: 12, keyMotif: 2, valueMotif: 2',
  memorization: 'vocabulary: 9, length: 8',
  compression: 'vocabulary: 8, length: 8',
  'selective-copying': 'vocabulary: 8, length: 14, copy: 4',
};

async function planOf(task: keyof typeof KNOBS, schedule = 'simultaneous'): Promise<Plan> {
  const text = `manticore: 1
components:
  gpt2: { family: gpt2, config: { n_embd: 8, n_layer: 2, n_head: 2, n_positions: 16 }, init: random }
  neo:
    family: gptNeo
    config:
      hidden_size: 8
      num_layers: 2
      num_heads: 2
      max_position_embeddings: 16
      window_size: 4
      attention_types: [[[global, local], 1]]
    init: random
  neox:
    family: gptNeox
    config: { hidden_size: 8, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 16, max_position_embeddings: 16, rotary_pct: 1 }
    init: random
  mamba: { family: mamba, config: { hidden_size: 8, num_hidden_layers: 2, state_size: 2 }, init: random }
hybrid: { blocks: 2, gate: none }
data:
  train: { mad: { task: ${task}, ${KNOBS[task]}, examples: 20, testExamples: 6 } }
search: { steps: 6, batch: 3, learningRate: 3e-3, evalEvery: 3, checkpointEvery: 2, schedule: ${schedule} }
finetune: { steps: 3, alphas: argmax, checkpointEvery: 2 }
baselines:
  uniform: true
  stacks:
    former: { stack: [hyena, attention], config: { hidden_size: 12, num_attention_heads: 2, emb_dim: 3, filter_order: 4 } }
`;
  const { plan, problems } = await checkConfig(text, {
    name: 'mad',
    base: '/base',
    reader: fakeReader({}),
  });
  assert.deepEqual(problems, []);
  return plan!;
}

/** What a run of the plan needs beside its folder. */
async function hooksOf(plan: Plan): Promise<RunHooks> {
  const files = new ComponentFiles(plan);
  const noTokenizer = () => Promise.reject(new Error('no tokenizer is asked for'));
  const data = await loadTaskData(plan.config, plan.base, noTokenizer, inMemory());
  return {
    data,
    weights: {},
    buildModel: (live, seed, start) => files.build(live, seed, start),
  };
}

describe('a run of a MAD task', () => {
  let engine: Engine;
  before(async () => {
    engine = await openWasm();
  });
  after(() => engine.dispose());

  for (const task of MAD_TASKS) {
    it(`${task}: cut after a checkpoint, it ends as an uncut one does, to the bit`, async () => {
      const plan = await planOf(task);
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
      assert.deepEqual(await cut.run(hooks, true), { status: 'done' });
      assert.deepEqual(bits(await cut.events()), bits(events));

      const finished = events.find((event) => event.type === 'finished')!;
      const splits = finished.results.map(({ split }) => split);
      assert.ok(splits.includes('validation') && splits.includes('test'));
      for (const { accuracy, loss } of finished.results) {
        assert.ok(accuracy !== undefined && accuracy >= 0 && accuracy <= 1);
        assert.ok(Number.isFinite(loss));
      }
      // Positions that θ read, scored or not.
      const search = finished.results.find(({ stage }) => stage === 'search')!;
      assert.equal(search.tokens, 6 * 3 * plan.context);
      await whole.remove();
      await cut.remove();
    });
  }

  it('bilevel: α learns on examples that the weights have not seen', async () => {
    const plan = await planOf('memorization', 'bilevel');
    const hooks = await hooksOf(plan);
    const [train, searchTrain, heldOut] = [
      hooks.data!.train,
      hooks.data!.searchTrain,
      hooks.data!.heldOut,
    ] as ExampleSet[];
    assert.deepEqual([searchTrain!.count, heldOut!.count, train!.count], [18, 2, 20]);
    assert.deepEqual([...searchTrain!.ids, ...heldOut!.ids], [...train!.ids]);
    const bench = await RunBench.make(plan);
    assert.deepEqual(await bench.run(hooks), { status: 'done' });
    await bench.remove();
  });
});
