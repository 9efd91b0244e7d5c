/** A grid over a config: its keys and lists, and every cell checked as the config that it is. */
import assert from 'node:assert/strict';
import { checkConfig } from '../../server/language/checkConfig';
import { readDocument } from '../../server/language/configDocument';
import { axesOf, cellName, cellText, settingsOf } from '../../server/language/sweep';
import { fakeReader, quickDisk } from './fakeReader';
import { expectProblem, fixed, problemsOf, quickConfig, unmark } from './marked';

const place = { name: 'test', base: '/base', reader: fakeReader(quickDisk) };
const swept = (sweep: string, search = '  steps: 30') =>
  quickConfig({ search, rest: `sweep:\n${sweep}` });

describe('a sweep', () => {
  it('is the product of its lists, in the order of the text, the first key slowest', async () => {
    const text = swept('  search.learningRate: [1e-4, 1e-3]\n  search.seed: [1, 2, 3]\n');
    const { sweep, problems, plan } = await checkConfig(text, place);
    assert.deepEqual(problems, []);
    assert.equal(plan?.config.search.learningRate, 1e-4);
    assert.deepEqual(
      sweep?.cells.map(({ settings }) => cellName(settings)),
      [1e-4, 1e-3].flatMap((rate) =>
        [1, 2, 3].map(
          (seed) => `search.learningRate=${rate === 1e-4 ? '1e-4' : '0.001'}, search.seed=${seed}`,
        ),
      ),
    );
    assert.ok(sweep.cells.every(({ cost }) => cost !== undefined && cost.trainingFlops > 0));
  });

  it('makes of each cell the config that its overrides make, comments kept', async () => {
    const text = swept(
      '  search.steps: [20, 40] # short, long\n  finetune: [false, { steps: 4 }]\n  engine.threads: [1]\n',
      '  steps: 30 # many\n  batch: 2',
    );
    const document = readDocument(text);
    const axes = axesOf(document);
    const { sweep } = await checkConfig(text, place);
    for (const cell of [0, 1, 2, 3]) {
      const made = cellText(document, settingsOf(axes, cell));
      assert.ok('text' in made);
      assert.match(made.text, /steps: (20|40) # many/);
      assert.doesNotMatch(made.text, /sweep/);
      // Checked in its place in the sweep's own text, a cell comes to the plan of its own text.
      const alone = await checkConfig(made.text, place);
      assert.deepEqual(alone.problems, []);
      const plan = alone.plan!;
      assert.equal(plan.config.finetune === false, cell % 2 === 0);
      const cost = sweep?.cells[cell]?.cost;
      assert.ok(cost);
      assert.equal(cost.parameters, plan.parameters);
      assert.equal(
        cost.tokens,
        plan.jobs.reduce((sum, { tokens }) => sum + tokens, 0),
      );
    }
  });

  it('may give what the config lacks without it', async () => {
    const sweep =
      '  hybrid.mixture.all.pin: [neox, { neox: 0.5, mamba: 0.5 }, mamba]\n  search.steps: [5, 6]\n';
    assert.deepEqual(await problemsOf(swept(sweep, '  algorithm: fixed')), []);
  });
});

describe('problems of a sweep', () => {
  it('an unknown key, with the one that was meant', async () => {
    const marked = swept('  |search.learningrate|: [1e-4]\n');
    const problem = await expectProblem(marked, 'unknown-key');
    assert.match(fixed(marked, problem), /search\.learningRate: \[1e-4\]/);
    assert.deepEqual(await problemsOf(fixed(marked, problem)), []);
    await expectProblem(swept('  |sweep.search.seed|: [1]\n'), 'not-sweepable');
    await expectProblem(swept('  |manticore|: [1]\n'), 'not-sweepable');
  });

  it('no list, an empty one, the same value twice', async () => {
    const marked = swept('  search.seed: |3|\n');
    assert.match(fixed(marked, await expectProblem(marked, 'sweep-list')), /seed: \[3\]/);
    await expectProblem(swept('  search.seed: |[]|\n'), 'sweep-empty');
    await expectProblem(swept('  search.learningRate: [1e-3, |0.001|]\n'), 'sweep-duplicate');
    await expectProblem(quickConfig({ rest: '|sweep|: {}' }), 'sweep-empty');
    await expectProblem(quickConfig({ rest: '|sweep|:' }), 'sweep-empty');
  });

  it('a key within another', async () => {
    await expectProblem(
      swept('  finetune: [false]\n  |finetune.steps|: [4, 5]\n'),
      'sweep-overlap',
    );
  });

  it('too many cells', async () => {
    const seeds = Array.from({ length: 101 }, (_, seed) => seed).join(', ');
    const rates = Array.from({ length: 10 }, (_, rate) => `${rate + 1}e-4`).join(', ');
    const marked = quickConfig({
      rest: `|sweep|:\n  search.learningRate: [${rates}]\n  search.seed: [${seeds}]\n`,
    });
    assert.match((await expectProblem(marked, 'sweep-too-large')).message, /10 × 101 = 1010/);
  });

  it('a value that the schema refuses stands at itself', async () => {
    const marked = swept('  search.learningRate: [1e-4, |-1|]\n  search.seed: [1, 2]\n');
    const problem = await expectProblem(marked, 'wrong-value');
    assert.doesNotMatch(problem.message, /In the cell/);
    const algorithm = swept('  search.algorithm: [darts, |geaa|]\n');
    const wrong = await expectProblem(algorithm, 'wrong-value');
    assert.deepEqual(await problemsOf(fixed(algorithm, wrong)), []);
  });

  it('a value that only some cells refuse names one of them', async () => {
    const marked = swept(
      '  search.algorithm: [fixed, darts]\n  hybrid.mixture: [|{ 1: { pin: neox } }|, { all: { pin: neox } }]\n'.replaceAll(
        '|',
        '',
      ),
    );
    const problems = await problemsOf(marked);
    const errors = problems.filter(({ severity }) => severity === 'error');
    assert.deepEqual(
      errors.map(({ code }) => code),
      ['fixed-without-alphas'],
    );
    assert.match(errors[0]!.message, /In the cell `search\.algorithm=fixed, hybrid\.mixture=\{ 1/);
  });

  it('an error of the config itself that only some values make stands at them', async () => {
    const { text, start } = unmark(
      quickConfig({
        hybrid: '  blocks: 2\n  mixture: { 2: { pin: neox } }',
        rest: 'sweep:\n  hybrid.blocks: [|1|, 2, 3]\n',
      }),
    );
    const problems = await problemsOf(text);
    assert.deepEqual(
      problems.map(({ code, span }) => [code, span.start]),
      [['block-above-count', start]],
    );
  });

  it('one that every cell has is said once, where it is', async () => {
    await expectProblem(
      quickConfig({
        data: '  train: { text: |none.txt| }\n  validation: { text: valid.txt }\n  context: 16',
        rest: 'sweep:\n  search.seed: [1, 2, 3]\n',
      }),
      'missing-file',
    );
  });

  it('a text that is no whole YAML has those of the text', async () => {
    const problems = await problemsOf(swept('  search.seed: [1, 2\n'));
    assert.ok(problems.some(({ code }) => code === 'yaml-syntax'));
  });
});
