/** MAD tasks as a config's data: what contradicts itself, what goes beside it, the plan. */
import assert from 'node:assert/strict';
import { MAD_TASKS } from '../../server/models/madTasks';
import { expectProblem, fixed, problemsOf } from './marked';
import { planOf } from './planOf';
import { taskConfig, type Parts } from './taskConfig';
import { labels } from './editor/scene';

const madConfig = (task: string, parts?: Parts) => taskConfig('mad', task, parts);
const knobs = (text: string) => madConfig(`{ task: in-context-recall, ${text} }`);

describe('a MAD task in a config', () => {
  for (const task of MAD_TASKS) {
    it(`${task}: nothing but its name is needed`, async () => {
      assert.deepEqual(await problemsOf(madConfig(task)), []);
      assert.deepEqual(await problemsOf(madConfig(`{ task: ${task} }`)), []);
    });
  }

  it('a name that is nearly one', async () => {
    const marked = madConfig('|memorisation|');
    const problem = await expectProblem(marked, 'wrong-value');
    assert.match(fixed(marked, problem), /mad: memorization/);
    await expectProblem(madConfig('{ task: |copying| }'), 'wrong-value');
  });

  it('an unknown knob', async () => {
    const marked = knobs('|vocabulry|: 32');
    const problem = await expectProblem(marked, 'unknown-key');
    assert.deepEqual(await problemsOf(fixed(marked, problem)), []);
  });

  it('a knob of another task says whose it is', async () => {
    const { message } = await expectProblem(knobs('|copy|: 4'), 'no-effect');
    assert.match(message, /`selective-copying`/);
  });

  const impossible: readonly (readonly [marked: string, mends: boolean])[] = [
    ['{ task: in-context-recall, queries: single, vocabulary: |2| }', true],
    ['{ task: noisy-in-context-recall, vocabulary: |17| }', true],
    ['{ task: fuzzy-in-context-recall, vocabulary: |6| }', true],
    ['{ task: memorization, vocabulary: |2| }', true],
    ['{ task: selective-copying, vocabulary: |3| }', true],
    ['{ task: in-context-recall, length: |2| }', true],
    ['{ task: in-context-recall, length: |33| }', true],
    ['{ task: fuzzy-in-context-recall, length: |10| }', true],
    ['{ task: memorization, length: |5| }', true],
    ['{ task: selective-copying, length: |33| }', true],
    ['{ task: compression, noise: |0.2| }', true],
  ];
  for (const [task, mends] of impossible) {
    it(`no examples: ${task.replaceAll('|', '')}`, async () => {
      const marked = madConfig(task);
      const problem = await expectProblem(marked, 'impossible-task');
      if (mends) assert.deepEqual(await problemsOf(fixed(marked, problem)), []);
    });
  }

  it('a share that is none says what shares are', async () => {
    const marked = madConfig('{ task: noisy-in-context-recall, noise: |2| }');
    const { message } = await expectProblem(marked, 'wrong-value');
    assert.equal(message, '`noise` must be a number, 0 or more and below 1; this is `2`.');
  });

  it('more examples than memory is given', async () => {
    await expectProblem(knobs('examples: |90000000|'), 'impossible-task');
  });

  it('a context of its own, which may be written', async () => {
    const marked = madConfig('in-context-recall', { data: '  context: |128|\n' });
    const problem = await expectProblem(marked, 'task-context');
    assert.match(fixed(marked, problem), /context: 127/);
    assert.deepEqual(await problemsOf(fixed(marked, problem)), []);
  });

  it('splits of its own', async () => {
    for (const [split, value] of [
      ['validation', '0.1'],
      ['test', '{ text: train.txt }'],
    ] as const) {
      const data = `  |${split}|: ${value}\n`;
      await expectProblem(madConfig('compression', { data }), 'task-splits');
    }
  });

  it('no text beside it', async () => {
    const text = madConfig('compression').replace(
      'mad: compression',
      '|text|: train.txt, mad: compression',
    );
    await expectProblem(text, 'data-source');
  });

  it('no pretrained component, no tokenizer', async () => {
    const text = madConfig('compression').replace(
      / {2}mamba:\n(.*\n){3}/,
      '  mamba: { |source|: ./mamba }\n',
    );
    await expectProblem(text, 'task-needs-scratch');
    await expectProblem(madConfig('compression', { hybrid: ', |tokenizer|: neox' }), 'no-effect');
  });

  it('a `vocab_size` that is another', async () => {
    const marked = madConfig('memorization', { neox: ', vocab_size: |16|' });
    const problem = await expectProblem(marked, 'task-vocabulary');
    assert.deepEqual(await problemsOf(fixed(marked, problem)), []);
  });

  it('more positions than a component has', async () => {
    const text = madConfig('{ task: memorization, length: |32| }').replace(
      'family: gptNeox\n    config: { hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 32',
      'family: gpt2\n    config: { n_embd: 16, n_layer: 2, n_head: 2, n_positions: 16',
    );
    await expectProblem(text, 'context-above-positions');
  });

  it('too few examples to hold some out', async () => {
    const text = madConfig('{ task: compression, examples: 5 }');
    const bilevel = text.replace('{ steps: 4 }', '{ steps: 4, schedule: |bilevel| }');
    await expectProblem(bilevel, 'too-few-examples');
  });

  it('a text still needs its context', async () => {
    const text = madConfig('compression').replace('mad: compression', 'text: train.txt');
    const problems = await problemsOf(text);
    assert.ok(
      problems.some(({ code, message }) => code === 'missing-key' && /`context`/.test(message)),
    );
  });
});

describe('the plan of a MAD task', () => {
  it('has the task’s vocabulary and positions, and no tokenizer', async () => {
    const plan = await planOf(madConfig('noisy-in-context-recall'));
    assert.deepEqual(
      [plan.vocabulary, plan.context, plan.tokenizer, plan.autoEncoder],
      [32, 127, undefined, undefined],
    );
    for (const component of plan.components) {
      assert.equal(component.config['vocab_size'], 32);
      assert.equal(component.tokenizerPath, undefined);
    }
    assert.equal(plan.jobs[0]!.tokens, 4 * 8 * 127);
  });

  it('of compression counts the decoder of each component', async () => {
    const same = { vocabulary: 16, length: 32, examples: 20 };
    const text = (task: string) =>
      madConfig(
        `{ task: ${task}, ${Object.entries(same)
          .map((pair) => pair.join(': '))
          .join(', ')} }`,
        {
          rest: 'baselines: true\n',
        },
      );
    const compression = await planOf(text('compression'));
    const other = await planOf(text('memorization'));
    assert.equal(compression.autoEncoder, true);
    const d = 16;
    const decoder = 2 * (d * d + d) + 3 * 2 * d;
    assert.equal(compression.parameters - other.parameters, 2 * decoder);
    assert.equal(compression.flopsPerToken - other.flopsPerToken, 2 * 2 * 2 * d * d);
    compression.components.forEach((component, m) => {
      const before = other.components[m]!;
      assert.equal(component.parameters - before.parameters, decoder);
      assert.equal(component.flopsPerToken - before.flopsPerToken, 2 * 2 * d * d);
    });
    const own = compression.tensors.filter(({ name }) => name.includes('/decoder.'));
    assert.equal(own.length, 2 * 10);
    assert.ok(own.every(({ place }) => place === 'head'));
    assert.ok(compression.memory.peak > other.memory.peak);
  });
});

describe('completion of a MAD task', () => {
  it('offers the tasks, then the knobs of the one that is written', async () => {
    assert.deepEqual(await labels('data:\n  train:\n    mad: |\n'), [...MAD_TASKS]);
    const offered = await labels(
      'data:\n  train:\n    mad:\n      task: selective-copying\n      |\n',
    );
    assert.ok(offered.includes('copy') && offered.includes('vocabulary'));
    assert.ok(!offered.includes('noise') && !offered.includes('keyMotif'));
  });

  it('offers no splits and no context beside one', async () => {
    const offered = await labels('data:\n  train: { mad: compression }\n  |\n');
    assert.ok(!['validation', 'test', 'context'].some((key) => offered.includes(key)));
  });
});
