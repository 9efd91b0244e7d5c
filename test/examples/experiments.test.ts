/** The example configs: clean where they stand, and each a run that works. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import '@tensorflow/tfjs-backend-cpu';
import type { Engine } from '../../server/compute/engine/engine';
import { openWasm } from '../../server/compute/engine/wasm/openWasm';
import { ComponentFiles } from '../../server/compute/process/runServices';
import { loadTaskData } from '../../server/compute/tasks/taskData';
import { checkConfig, type CheckedConfig } from '../../server/language/checkConfig';
import { applyOverrides } from '../../server/language/override';
import { MAD_TASKS } from '../../server/models/madTasks';
import { createNodeModelReader } from '../../server/weights/nodeModelReader';
import { RunBench } from '../compute/search/runHarness';

const folder = path.resolve('examples/experiments');
const experiments = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.manticore.yaml'))
  .sort();

async function check(file: string, overrides: readonly string[] = []): Promise<CheckedConfig> {
  const { text, problems } = applyOverrides(readFileSync(file, 'utf8'), overrides);
  assert.deepEqual(problems, []);
  const base = path.dirname(file);
  return checkConfig(text, { name: 'example', base, reader: createNodeModelReader() });
}

/** A run of a few seconds at most. */
const SHORT = ['search.steps=2', 'search.batch=2'];
const FEW = ['data.train.mad.examples=8', 'data.train.mad.testExamples=4'];

describe('the example experiments', () => {
  let engine: Engine;
  before(async () => {
    engine = await openWasm();
  });
  after(() => engine.dispose());

  it('have one for every MAD task', () => {
    const names = experiments.map((name) => path.basename(name, '.manticore.yaml'));
    for (const task of MAD_TASKS) assert.ok(names.includes(task), task);
  });

  it('and the quickstart are clean', async () => {
    const files = [path.resolve('examples/quickstart.manticore.yaml')];
    files.push(...experiments.map((name) => path.join(folder, name)));
    for (const file of files) {
      const { problems, plan } = await check(file);
      assert.deepEqual(problems, [], file);
      assert.ok(plan, file);
    }
  });

  for (const name of experiments) {
    it(`${name}: a short run of it ends well`, async () => {
      const { plan, problems } = await check(path.join(folder, name), [...SHORT, ...FEW]);
      assert.ok(plan, JSON.stringify(problems));
      const files = new ComponentFiles(plan);
      const bench = await RunBench.make(plan);
      try {
        const data = await loadTaskData(plan.config, plan.base, async () => {
          const { encode, special } = await files.tokenizer();
          return { encode, eos: special.eos };
        });
        const outcome = await bench.run({
          data,
          weights: {},
          buildModel: (live, seed, alone) => files.build(live, seed, alone),
        });
        assert.deepEqual(outcome, { status: 'done' });
        const finished = (await bench.events()).find((event) => event.type === 'finished')!;
        const subjects = finished.results.map(({ subject, split }) => `${subject} ${split}`);
        for (const { name: component } of plan.components) {
          assert.ok(subjects.includes(`${component} test`));
        }
        assert.ok(subjects.includes('hybrid test'));
      } finally {
        await files.close();
        await bench.remove();
      }
    });
  }
});
