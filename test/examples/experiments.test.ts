/** The example configs: clean where they stand, and each a run that works. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isMap, parseDocument } from 'yaml';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import '@tensorflow/tfjs-backend-cpu';
import type { Engine } from '../../server/compute/engine/engine';
import { openWasm } from '../../server/compute/engine/wasm/openWasm';
import { ComponentFiles } from '../../server/compute/process/runServices';
import { loadTaskData, type TaskData } from '../../server/compute/tasks/taskData';
import { textTokenizerOf } from '../../server/compute/tasks/tokens';
import type { Plan } from '../../server/contract/plan';
import { checkConfig, type CheckedConfig } from '../../server/language/checkConfig';
import { applyOverrides } from '../../server/language/override';
import { MAD_TASKS } from '../../server/models/madTasks';
import { isTask } from '../../server/models/tasks';
import { createNodeModelReader } from '../../server/weights/nodeModelReader';
import { RunBench } from '../compute/search/runHarness';
import { inMemory } from '../compute/tasks/loading';

const configsIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.manticore.yaml'))
    .sort();

const folder = path.resolve('examples/experiments');
const experiments = configsIn(folder);
const paper = path.resolve('examples/paper');

async function check(file: string, overrides: readonly string[] = []): Promise<CheckedConfig> {
  const { text, problems } = applyOverrides(readFileSync(file, 'utf8'), overrides);
  assert.deepEqual(problems, []);
  const base = path.dirname(file);
  return checkConfig(text, { name: 'example', base, reader: createNodeModelReader() });
}

/** Whether the config has the section that an override changes. */
function hasSection(text: string, override: string): boolean {
  const [path] = override.split('=') as [string];
  return isMap(parseDocument(text).getIn(path.split('.').slice(0, -1)));
}

/** Short data in the place of the config's, of the same kind. */
function shortData(file: string, key: string, folder: string): string[] {
  const section: unknown = parseDocument(readFileSync(file, 'utf8')).getIn(key.split('.'));
  if (!isMap(section)) return [];
  if (section.has('text')) return [`${key}.text=${path.join(folder, 'text.txt')}`];
  const lines = path.join(folder, `${key}.jsonl`);
  const source = path.join(path.dirname(file), String(section.get('jsonl')));
  writeFileSync(lines, readFileSync(source, 'utf8').split('\n').slice(0, 4).join('\n'));
  return [`${key}.jsonl=${lines}`];
}

/** A run of a few seconds at most. */
const SHORT = ['search.steps=2', 'search.batch=2'];
const FEW = ['mad', 'lra'].flatMap((task) => [
  `data.train.${task}.examples=8`,
  `data.train.${task}.testExamples=4`,
]);
/** Data that short ones stand in for. */
const TEXTS = ['data.validation', 'data.test', 'hybrid.projectors.pretrain.data'];
const FEW_MORE = [
  'program.steps=2',
  'program.batch=2',
  'hybrid.projectors.pretrain.steps=2',
  'finetune.steps=2',
];

describe('the example experiments', () => {
  let engine: Engine;
  let short: string;
  before(async () => {
    short = await mkdtemp(path.join(tmpdir(), 'manticore-examples-'));
    const text = readFileSync(path.resolve('examples/data/valid.txt'), 'utf8');
    writeFileSync(path.join(short, 'text.txt'), text.slice(0, 2500));
    engine = await openWasm();
  });
  after(async () => {
    engine.dispose();
    await rm(short, { recursive: true });
  });

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

  it('of the paper lack models and data to fetch, and nothing else', async () => {
    const toFetch = new Set(['missing-file', 'not-cached']);
    const found = configsIn(paper);
    for (const name of found) {
      const { problems } = await check(path.join(paper, name));
      // What it takes is a GPU’s, and the one here may be no GPU.
      const others = problems.filter(({ code }) => !toFetch.has(code) && code !== 'memory');
      assert.deepEqual(others, [], name);
    }
    for (const part of ['finetune', 'lra', 'mad', 'program', 'projectors']) {
      assert.ok(
        found.some((name) => name.startsWith(`${part}${path.sep}`)),
        part,
      );
    }
  });

  for (const name of experiments) {
    it(`${name}: a short run of it ends well`, async () => {
      const text = readFileSync(path.join(folder, name), 'utf8');
      // A run that only pretrains projectors has no search to shorten.
      const few = [...(text.includes('steps: 0') ? [] : SHORT), ...FEW, ...FEW_MORE];
      const texts = TEXTS.flatMap((key) => shortData(path.join(folder, name), key, short));
      const used = [...few.filter((override) => hasSection(text, override)), ...texts];
      const { plan, problems } = await check(path.join(folder, name), used);
      assert.ok(plan, JSON.stringify(problems));
      const files = new ComponentFiles(plan);
      const bench = await RunBench.make(plan);
      try {
        const tokenizer = async () => textTokenizerOf(await files.tokenizer());
        const load = ({ config, base }: Plan) => loadTaskData(config, base, tokenizer, inMemory());
        const data = await load(plan);
        const { subplans = [] } = plan;
        const own = new Map<Plan, TaskData>();
        for (const each of subplans)
          own.set(each, isTask(each.config.data.train) ? await load(each) : data);
        const outcome = await bench.run({
          data,
          subplanData: (subplan) => own.get(subplan),
          weights: {},
        });
        assert.deepEqual(outcome, { status: 'done' });
        const finished = (await bench.events()).find((event) => event.type === 'finished')!;
        const subjects = finished.results.map(({ subject, split }) => `${subject} ${split}`);
        const split = plan.config.data.test === undefined ? 'validation' : 'test';
        // The tasks of a program are validated alone.
        for (const { subject, stage } of plan.jobs) {
          const on = stage === 'program' ? 'validation' : split;
          assert.ok(subjects.includes(`${subject} ${on}`));
        }
      } finally {
        await files.close();
        await bench.remove();
      }
    });
  }
});
