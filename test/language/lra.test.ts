/** Long Range Arena tasks as a config's data: what contradicts itself, what goes beside them, the plan. */
import assert from 'node:assert/strict';
import { classifierParameters } from '../../server/models/classifier';
import { LRA_TASKS, lraTable } from '../../server/models/lraTasks';
import { planText } from '../../server/language/planText';
import { expectProblem, fixed, problemsOf } from './marked';
import { quickDisk, type FakeDisk } from './fakeReader';
import { planOf } from './planOf';
import { taskConfig, type Parts } from './taskConfig';
import { labels } from './editor/scene';

const lraConfig = (task: string, parts?: Parts) => taskConfig('lra', task, parts);

/** A disk with a file of each release that the tests name, in `files`. */
const released: FakeDisk = {
  ...quickDisk,
  files: { 'files/new_aan_pairs.train.tsv': 1000, 'files/basic_train.tsv': 1000 },
};

const generated = LRA_TASKS.filter((task) => lraTable(task).isGenerated);

describe('a Long Range Arena task in a config', () => {
  for (const task of generated) {
    it(`${task}: nothing but its name is needed`, async () => {
      const long = {
        neox: ', max_position_embeddings: 16384',
        rest: 'engine: { memoryLimit: 1 TB }\n',
      };
      assert.deepEqual(await problemsOf(lraConfig(task, long)), []);
      assert.deepEqual(await problemsOf(lraConfig(`{ task: ${task} }`, long)), []);
    });
  }

  for (const task of ['text', 'retrieval', 'image'] as const) {
    it(`${task}: needs the release’s files`, async () => {
      const { message } = await expectProblem(lraConfig(`|${task}|`), 'task-needs-folder');
      assert.match(message, /folder: …/);
      // The folder that is named isn't there.
      await expectProblem(lraConfig(`{ task: ${task}, folder: |./files| }`), 'missing-file');
    });
  }

  it('a name that is nearly one, an unknown knob', async () => {
    const marked = lraConfig('|pathfinder|');
    assert.match(fixed(marked, await expectProblem(marked, 'wrong-value')), /lra: pathfinder\d+/);
    const knob = lraConfig('{ task: listops, |lenght|: 100, minLength: 10 }');
    assert.match(fixed(knob, await expectProblem(knob, 'unknown-key')), / length: 100/);
  });

  it('a knob of another task says whose it is; of files, that it has no effect', async () => {
    const { message } = await expectProblem(
      lraConfig('{ task: listops, |contour|: 6 }'),
      'no-effect',
    );
    assert.match(message, /`pathfinder32`/);
    await expectProblem(lraConfig('{ task: pathfinder32, |length|: 100 }'), 'no-effect');
    const files = lraConfig('{ task: listops, folder: files, |depth|: 5 }');
    await expectProblem(files, 'no-effect', released);
  });

  it('bounds that no tree meets', async () => {
    for (const knobs of ['depth: 3, arguments: 4, minLength: |500|', 'minLength: |3000|']) {
      const marked = lraConfig(`{ task: listops, ${knobs} }`);
      const problem = await expectProblem(marked, 'impossible-task');
      assert.deepEqual(await problemsOf(fixed(marked, problem)), []);
    }
  });

  it('more examples than memory is given; files of contours that no release has', async () => {
    await expectProblem(
      lraConfig('{ task: pathfinder128, examples: |9000000| }'),
      'impossible-task',
    );
    const marked = lraConfig('{ task: pathfinder32, folder: ./files, contour: |12| }');
    assert.match(fixed(marked, await expectProblem(marked, 'impossible-task')), /contour: 14/);
  });

  it('a context and splits of its own, no text or other task beside it', async () => {
    const context = lraConfig('listops', { data: '  context: |128|\n' });
    const problem = await expectProblem(context, 'task-context');
    assert.deepEqual(await problemsOf(fixed(context, problem)), []);
    await expectProblem(lraConfig('listops', { data: '  |validation|: 0.1\n' }), 'task-splits');
    await expectProblem(lraConfig('listops, |text|: a.txt'), 'data-source');
    const both = lraConfig('listops').replace('lra: listops', 'mad: compression, |lra|: listops');
    await expectProblem(both, 'data-source');
  });

  it('no pretrained component, no other vocabulary', async () => {
    const text = lraConfig('listops').replace(
      / {2}mamba:\n(.*\n){3}/,
      '  mamba: { |source|: ./mamba }\n',
    );
    await expectProblem(text, 'task-needs-scratch');
    const marked = lraConfig('listops', { neox: ', vocab_size: |16|' });
    const problem = await expectProblem(marked, 'task-vocabulary');
    assert.deepEqual(await problemsOf(fixed(marked, problem)), []);
  });

  it('no heads to mix', async () => {
    await expectProblem(lraConfig('listops', { hybrid: ', |head|: first' }), 'no-effect');
    await expectProblem(lraConfig('listops', { hybrid: ', |embeddings|: random' }), 'no-effect');
  });

  it('more positions than a component has', async () => {
    const text = lraConfig('{ task: listops, length: |32|, minLength: 5 }').replace(
      'family: gptNeox\n    config: { hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 32',
      'family: gpt2\n    config: { n_embd: 16, n_layer: 2, n_head: 2, n_positions: 16',
    );
    await expectProblem(text, 'context-above-positions');
  });
});

describe('the plan of a Long Range Arena task', () => {
  const d = 16;

  it('has the task’s vocabulary and positions, and one head, which is no component’s', async () => {
    const plan = await planOf(lraConfig('{ task: listops, length: 64, minLength: 10 }'));
    assert.deepEqual(
      [plan.vocabulary, plan.context, plan.tokenizer, plan.classifier],
      [18, 64, undefined, { classes: 10, sequences: 1 }],
    );
    const own = plan.tensors.filter(({ place }) => place === 'head');
    assert.deepEqual(
      own.map(({ name, shape, component }) => [name, shape, component]),
      [['head/weight', [10, d], undefined]],
    );
    assert.equal(plan.jobs[0]!.tokens, 4 * 8 * 64);
    assert.match(planText(plan), /task listops: 96000 .* a head for sequences of 10 classes/);
  });

  it('counts what the same components have, without their heads', async () => {
    const rest = 'baselines: true\n';
    const classifying = await planOf(
      lraConfig('{ task: listops, length: 128, minLength: 10 }', { rest }),
    );
    const predicting = await planOf(
      lraConfig('listops', { rest }).replace(
        'lra: listops',
        'mad: { task: selective-copying, vocabulary: 18, length: 128, examples: 100 }',
      ),
    );
    // NeoX has a head of its own; Mamba's is its table of embeddings.
    const head = classifierParameters(classifying.classifier!, d);
    assert.equal(head, 10 * d);
    assert.equal(classifying.parameters, predicting.parameters - 18 * d + head);
    const flops = 2 * (2 * 18 * d) - (2 * 10 * d) / 128;
    assert.equal(classifying.flopsPerToken, predicting.flopsPerToken - flops);
    const [neox, mamba] = classifying.components.map(({ parameters }, m) => [
      parameters,
      predicting.components[m]!.parameters,
    ]);
    assert.equal(neox![0], neox![1]! - 18 * d + head);
    assert.equal(mamba![0], mamba![1]! + head);
    assert.ok(classifying.memory.peak < predicting.memory.peak);
  });

  it('of a pair counts the tokens of both sequences', async () => {
    const plan = await planOf(
      lraConfig('{ task: retrieval, folder: files, length: 100 }'),
      released,
    );
    assert.equal(plan.jobs[0]!.tokens, 4 * 8 * 2 * 100);
    const layers = [4 * d * (4 * d) + 4 * d, 4 * d * (2 * d) + 2 * d, 2 * d * 2 + 2];
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    const own = plan.tensors.filter(({ component }) => component === undefined);
    assert.equal(sum(own.map(({ shape }) => shape.reduce((a, b) => a * b, 1))), sum(layers));
  });

  it('of Path-X tells what its 16,384 positions need', async () => {
    const plan = await planOf(
      lraConfig('pathfinder128', { rest: 'engine: { memoryLimit: 1 TB }\n' }),
    );
    assert.equal(plan.context, 16_384);
    assert.ok(plan.memory.peak > 8 * 16_384 * 4 * 16);
    assert.ok(plan.memory.otherPeak < plan.memory.peak);
  });
});

describe('completion of a Long Range Arena task', () => {
  it('offers the tasks, then the knobs of the one that is written', async () => {
    assert.deepEqual(await labels('data:\n  train:\n    lra: |\n'), [...LRA_TASKS]);
    const offered = await labels('data:\n  train:\n    lra:\n      task: listops\n      |\n');
    assert.ok(offered.includes('minLength') && offered.includes('folder'));
    assert.ok(!offered.includes('contour'));
  });

  it('offers no splits and no context beside one', async () => {
    const offered = await labels('data:\n  train: { lra: listops }\n  |\n');
    assert.ok(!['validation', 'test', 'context'].some((key) => offered.includes(key)));
  });
});
