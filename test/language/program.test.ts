/** `program` in a config: its problems, its plan, what the editor says of it. */
import assert from 'node:assert/strict';
import { checkConfig } from '../../server/language/checkConfig';
import { stageText } from '../../server/language/editor/planHover';
import { planText } from '../../server/language/planText';
import { FAMILY_NAMES, type FamilyName } from '../../server/models/architecture';
import { familyTable } from '../../server/models/families';
import { MAD_TASKS } from '../../server/models/madTasks';
import { smallConfig } from '../../server/models/smallModels';
import { stackSettings } from '../../server/models/stack';
import { labels } from './editor/scene';
import { fakeReader, quickDisk } from './fakeReader';
import { expectProblem, fixed, problemsOf, quickConfig } from './marked';
import { planOf } from './planOf';

const parts = (program: string, more: { search?: string; rest?: string; hybrid?: string } = {}) =>
  quickConfig({
    search: more.search ?? '  steps: 0',
    hybrid: more.hybrid ?? '  blocks: 2',
    rest: more.rest ?? `finetune: { steps: 10 }\nprogram: ${program}\n`,
  });
const TWO = 'tasks: [in-context-recall, memorization]';

describe('program', () => {
  it('is a job a task and seed before the fine-tuning, each with a supernet of its own', async () => {
    const plan = await planOf(
      parts(`{ ${TWO}, weights: [3, 1], steps: 40 }`, { search: '  steps: 0\n  seeds: [1, 2]' }),
    );
    assert.deepEqual(
      plan.jobs.map(({ stage, subject, seed, steps, subplan }) => [
        stage,
        subject,
        seed,
        steps,
        subplan,
      ]),
      [1, 2].flatMap((seed) => [
        ['program', 'in-context-recall', seed, 40, 0],
        ['program', 'memorization', seed, 40, 1],
        ['finetune', 'hybrid', seed, 10, undefined],
      ]),
    );
    assert.deepEqual(plan.config.program?.weights, [0.75, 0.25]);
    const [recall, memorization] = plan.subplans!;
    assert.deepEqual([recall!.vocabulary, recall!.context], [16, 127]);
    assert.deepEqual([memorization!.vocabulary, memorization!.context], [256, 32]);
    for (const { blocks, width, config, components, memory } of plan.subplans!) {
      assert.equal(blocks.length, plan.blocks.length);
      assert.equal(width, 64);
      assert.ok(components.every((component) => component.width === 64 && component.layers === 2));
      assert.deepEqual([config.hybrid.gate, config.hybrid.projectors.kind], ['none', 'none']);
      assert.deepEqual([config.search.steps, config.search.batch], [40, 16]);
      assert.equal(memory, plan.memory);
    }
    const [job] = plan.jobs;
    assert.equal(job!.tokens, 40 * 16 * 127);
    assert.equal(job!.parameters, recall!.parameters);
    assert.match(planText(plan), /mean of in-context-recall 75 %, memorization 25 %/);
  });

  it('compares with a search on the target where that has steps', async () => {
    const rest = `finetune: { steps: 10 }\nprogram: { ${TWO} }\n`;
    const plan = await planOf(parts('', { search: '  steps: 30', rest }));
    assert.deepEqual(
      plan.jobs.map(({ stage, subject, steps }) => `${stage} ${subject} ${steps}`),
      [
        'program in-context-recall 300',
        'program memorization 300',
        'search hybrid 30',
        'finetune hybrid 10',
        'baseline searched 10',
      ],
    );
  });

  it('has its pins and prunings in every supernet', async () => {
    const hybrid = '  blocks: 2\n  mixture: { 1: { pin: neox } }';
    const plan = await planOf(parts(`{ ${TWO} }`, { hybrid }));
    for (const { blocks } of plan.subplans!) {
      assert.deepEqual(
        blocks.map(({ pinned }) => pinned),
        plan.blocks.map(({ pinned }) => pinned),
      );
    }
  });

  it('peaks where the largest of its jobs does', async () => {
    const small = await planOf(parts(`{ ${TWO} }`));
    const large = await planOf(parts(`{ ${TWO}, width: 512, batch: 128 }`));
    assert.ok(large.memory.peak > 2 * small.memory.peak);
    assert.equal(large.parameters, small.parameters);
  });

  it('a task of weight 0 is left out, one that comes twice is numbered', async () => {
    const tasks =
      'tasks: [compression, { task: memorization, vocabulary: 64 }, memorization, memorization]';
    const { jobs } = await planOf(parts(`{ ${tasks}, weights: [0, 1, 2, 1] }`));
    assert.deepEqual(
      jobs.slice(0, 3).map(({ subject }) => subject),
      ['memorization', 'memorization-2', 'memorization-3'],
    );
  });

  it('weights that are no weights of its tasks', async () => {
    for (const weights of ['[1]', '[1, 2, 3]', '[0, 0]']) {
      const marked = parts(`{ ${TWO}, weights: |${weights}| }`);
      const problem = await expectProblem(marked, 'program-weights');
      assert.deepEqual(await problemsOf(fixed(marked, problem)), []);
    }
    await expectProblem(parts(`{ ${TWO}, weights: [1, |-1|] }`), 'wrong-value');
  });

  it('tasks and knobs that there are not', async () => {
    const marked = parts('{ tasks: [|memorisation|] }');
    assert.match(fixed(marked, await expectProblem(marked, 'wrong-value')), /\[memorization\]/);
    await expectProblem(parts('{ tasks: |[]| }'), 'wrong-value');
    await expectProblem(
      parts('{ tasks: [{ task: memorization, length: |5| }] }'),
      'impossible-task',
    );
    await expectProblem(parts('{ tasks: [{ task: memorization, |copy|: 5 }] }'), 'no-effect');
  });

  it('a width without whole heads', async () => {
    const marked = parts(`{ ${TWO}, width: |60| }`);
    const problem = await expectProblem(marked, 'program-width');
    assert.match(fixed(marked, problem), /width: 64/);
    assert.deepEqual(await problemsOf(fixed(marked, problem)), []);
  });

  it('needs a fine-tuning from the pretrained weights', async () => {
    const marked = parts('', { rest: `|program|: { ${TWO} }\n` });
    const problem = await expectProblem(marked, 'program-needs-finetune');
    assert.deepEqual(await problemsOf(fixed(marked, problem)), []);
    const kept = parts('', {
      rest: `finetune: { steps: 10, weights: |keep| }\nprogram: { ${TWO} }\n`,
    });
    assert.deepEqual(await problemsOf(fixed(kept, await expectProblem(kept, 'program-keeps'))), []);
  });

  it('needs something to search', async () => {
    const fixedAlphas = parts(`{ ${TWO} }`, { search: '  steps: 0\n  algorithm: |fixed|' });
    const problem = await expectProblem(fixedAlphas, 'program-fixed');
    assert.deepEqual(await problemsOf(fixed(fixedAlphas, problem)), []);
    const hybrid = '  blocks: 2\n  mixture: { all: { pin: neox } }';
    const rest = `finetune: { steps: 10 }\n|program|: { ${TWO} }\n`;
    await expectProblem(parts('', { hybrid, rest }), 'program-nothing');
  });

  it('bilevel keeps examples of each task for α', async () => {
    const search = '  steps: 0\n  schedule: bilevel';
    await expectProblem(
      parts('{ tasks: [|{ task: memorization, examples: 8 }|] }', { search }),
      'too-few-examples',
    );
  });

  it('is swept over like any key', async () => {
    const text = `${parts(`{ ${TWO} }`)}sweep:\n  program.weights: [[1, 0], [0, 1], [1, 1]]\n`;
    const { problems, sweep } = await checkConfig(text, {
      ...{ name: 'test', base: '/base', reader: fakeReader(quickDisk), everyCell: true },
    });
    assert.deepEqual(problems, []);
    const tokens = sweep!.cells.map(({ cost }) => cost!.tokens);
    assert.equal(tokens.length, 3);
    assert.ok(tokens[2]! > tokens[0]! && tokens[0]! > tokens[1]!);
  });

  it('is completed, and its jobs stand in its hover', async () => {
    const tasks = await labels(parts('{ tasks: [|] }'));
    assert.ok(MAD_TASKS.every((task) => tasks.includes(task)));
    const keys = await labels(parts('{ tasks: [memorization], | }'));
    assert.ok(['weights', 'width', 'layers', 'steps'].every((key) => keys.includes(key)));
    const knobs = await labels(parts('{ tasks: [{ task: memorization, | }] }'));
    assert.ok(knobs.includes('length') && !knobs.includes('copy'));
    const checked = await checkConfig(parts(`{ ${TWO} }`), {
      ...{ name: 'test', base: '/base', reader: fakeReader(quickDisk) },
    });
    assert.match(stageText(checked, 'program')!, /in-context-recall/);
  });
});

describe('a small model', () => {
  const read = (family: FamilyName, config: Record<string, unknown>) => {
    const { value, problems } = familyTable(family).read(config);
    assert.deepEqual(problems, []);
    return value!;
  };
  /** As a model of its family comes: with sizes that a small one has not. */
  const ORIGINALS: Readonly<Record<FamilyName, Record<string, unknown>>> = {
    gpt2: { n_embd: 96, n_layer: 4, n_head: 3 },
    gptNeo: {
      ...{ hidden_size: 96, num_layers: 4, num_heads: 3 },
      attention_types: [[['global', 'local'], 2]],
    },
    gptNeox: {
      ...{ hidden_size: 96, num_hidden_layers: 4, num_attention_heads: 3 },
      intermediate_size: 200,
    },
    llama: {
      ...{ hidden_size: 96, num_hidden_layers: 4, num_attention_heads: 3 },
      intermediate_size: 200,
    },
    mamba: { hidden_size: 96, num_hidden_layers: 4 },
    mamba2: { hidden_size: 96, num_hidden_layers: 4, num_heads: 3, head_dim: 64, n_groups: 1 },
    stack: {
      ...{ hidden_size: 96, num_attention_heads: 3 },
      layer_types: ['mamba', 'attention', 'hyena', 'mlp', 'swiglu'],
    },
  };

  for (const family of FAMILY_NAMES) {
    it(`of ${family} has the width and layers that are asked for, and no dropout`, () => {
      const original = read(family, ORIGINALS[family]);
      for (const [width, layers] of [
        [16, 1],
        [48, 3],
        [128, 6],
      ] as const) {
        const size = { width, layers, vocabulary: 11, context: 20 };
        const small = read(family, smallConfig(original, size));
        assert.deepEqual([small.family, small.width], [family, width]);
        assert.equal(small.layers, family === 'stack' ? original.layers : layers);
        assert.equal(small.vocabularyRows, 11);
        assert.ok((small.maxPositions ?? 20) >= 20);
        const rates = Object.values(familyTable(family).dropout(small));
        assert.ok(rates.every((rate) => rate === 0));
      }
    });
  }

  it('of a stack keeps its list of layers', () => {
    const original = read('stack', ORIGINALS.stack);
    const small = smallConfig(original, { width: 16, layers: 9, vocabulary: 5, context: 8 });
    assert.deepEqual(
      stackSettings(read('stack', small)).layerTypes,
      stackSettings(original).layerTypes,
    );
  });
});
