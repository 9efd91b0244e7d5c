/** Checks that need no model: what contradicts itself, or has no effect. */
import assert from 'node:assert/strict';
import { expectProblem, fixed, problemsOf, quickConfig, unmark } from './marked';

const mixture = (entries: string) => quickConfig({ hybrid: `  blocks: 2\n  mixture:\n${entries}` });

describe('components', () => {
  it('a component needs one origin', async () => {
    const two = '  neox: { source: ./neox }\n';
    await expectProblem(quickConfig({ components: `${two}  |mamba|: {}` }), 'component-origin');
    await expectProblem(
      quickConfig({ components: `${two}  mamba: { source: ./mamba, |init|: random }` }),
      'component-origin',
    );
  });

  it('from scratch without init: one edit adds it, in either style', async () => {
    for (const component of [
      '  |mamba|:\n    family: mamba\n    config: { hidden_size: 8, num_hidden_layers: 2 }',
      '  |mamba|: { family: mamba, config: { hidden_size: 8, num_hidden_layers: 2 } }',
    ]) {
      const marked = quickConfig({ components: `  neox: { source: ./neox }\n${component}` });
      const problem = await expectProblem(marked, 'component-origin');
      assert.deepEqual(await problemsOf(fixed(marked, problem)), []);
    }
  });

  it('the names of a run’s other subjects are taken', async () => {
    for (const name of ['hybrid', 'uniform']) {
      const components = `  neox: { source: ./neox }\n  |${name}|: { source: ./mamba }`;
      await expectProblem(quickConfig({ components }), 'component-name');
    }
  });

  it('none at all', async () => {
    await expectProblem(
      quickConfig().replace(/components:\n.*\n.*\n/, '|components|: {}\n'),
      'no-components',
    );
  });

  it('names of Object’s own properties are names like any other', async () => {
    const text = quickConfig({
      components: '  constructor: { source: ./neox }\n  toString: { source: ./mamba }',
      hybrid:
        '  blocks: 3\n  mixture: { 1: { pin: { constructor: 1 } }, 2: { prune: [toString] } }',
    });
    assert.deepEqual(await problemsOf(text), []);
    await expectProblem(
      text.replace('{ constructor: 1 }', '{ |valueOf|: 1 }'),
      'unknown-component',
    );
  });
});

describe('the final learning rate', () => {
  it('is at most the peak, the search’s or the fine-tuning’s own', async () => {
    const search = '  steps: 30\n  learningRate: 1e-3\n  finalLearningRate: |2e-3|';
    const problem = await expectProblem(quickConfig({ search }), 'final-rate-above-peak');
    assert.deepEqual(await problemsOf(fixed(quickConfig({ search }), problem)), []);
    await expectProblem(
      quickConfig({
        search: '  steps: 30\n  learningRate: 1e-3\n  finalLearningRate: 1e-4',
        rest: 'finetune: { steps: 4, learningRate: |1e-5| }',
      }),
      'final-rate-above-peak',
    );
  });

  it('says nothing where the rate stays at its peak', async () => {
    await expectProblem(
      quickConfig({ search: '  steps: 30\n  decay: none\n  |finalLearningRate|: 1e-6' }),
      'no-effect',
    );
  });
});

describe('the mixture', () => {
  it('a pin that sums to 1 is silent, and within 1e-6', async () => {
    assert.deepEqual(await problemsOf(mixture('    1: { pin: { neox: 0.7, mamba: 0.3 } }')), []);
    assert.deepEqual(
      await problemsOf(mixture('    1: { pin: { neox: 0.7, mamba: 0.3000009 } }')),
      [],
    );
    await expectProblem(mixture('    1: { pin: |{ neox: 0.7, mamba: 0.300002 }| }'), 'pin-sum');
  });

  it('a pin that doesn’t is normalised by one edit', async () => {
    const marked = mixture('    1: { pin: |{ neox: 2, mamba: 1 }| }');
    const problem = await expectProblem(marked, 'pin-sum');
    assert.match(problem.message, /sum to 3/);
    assert.match(fixed(marked, problem), /neox: 0\.666667, mamba: 0\.333333/);
    assert.deepEqual(await problemsOf(fixed(marked, problem)), []);
  });

  it('a pin of nothing has no such edit', async () => {
    assert.equal(
      (await expectProblem(mixture('    1: { pin: |{ neox: 0 }| }'), 'pin-sum')).fixes,
      undefined,
    );
  });

  it('names are known', async () => {
    const marked = mixture('    1: { pin: |noex| }');
    assert.match(fixed(marked, await expectProblem(marked, 'unknown-component')), /pin: neox/);
    await expectProblem(mixture('    1: { prune: [|mabma|] }'), 'unknown-component');
    await expectProblem(
      mixture('    1: { init: { neox: 0.5, |other|: 0.5 } }'),
      'unknown-component',
    );
    await expectProblem(
      quickConfig({ hybrid: '  blocks: 2\n  tokenizer: |neoks|' }),
      'unknown-component',
    );
  });

  it('`all` is checked once, and said to be without effect where every block has an entry', async () => {
    const problem = await expectProblem(
      mixture('    2: {}\n    all: { pin: |{ neox: 2, mamba: 1 }| }'),
      'pin-sum',
    );
    assert.match(problem.message, /sum to 3/);
    const marked = mixture('    2: {}\n    all: { prune: |[neox, mamba]| }');
    assert.match((await expectProblem(marked, 'last-component')).message, /of every block/);
    await expectProblem(
      mixture('    1: { pin: neox }\n    2: {}\n    |all|: { pin: mamba }'),
      'no-effect',
    );
  });

  it('`all` gives `fixed` the α of the blocks without an entry of their own', async () => {
    const hybrid = (mix: string) => `  blocks: 3\n  mixture: ${mix}`;
    const search = '  steps: 30\n  algorithm: fixed';
    const config = (mix: string) => quickConfig({ hybrid: hybrid(mix), search });
    assert.deepEqual(await problemsOf(config('{ 2: { pin: mamba }, all: { pin: neox } }')), []);
    await expectProblem(
      config('{ 2: {}, all: { pin: neox } }').replace(' fixed', ' |fixed|'),
      'fixed-without-alphas',
    );
  });

  it('a block above N', async () => {
    await expectProblem(mixture('    |3|: { pin: neox }'), 'block-above-count');
  });

  it('the last component stays', async () => {
    await expectProblem(mixture('    1: { prune: |[neox, mamba]| }'), 'last-component');
  });

  it('pinned and pruned at once', async () => {
    await expectProblem(mixture('    1: { pin: |neox|, prune: [neox] }'), 'pinned-and-pruned');
    await expectProblem(
      mixture('    1: { prune: [neox], init: { |neox|: 0.5, mamba: 0.5 } }'),
      'pinned-and-pruned',
    );
    assert.deepEqual(await problemsOf(mixture('    1: { pin: neox, prune: [mamba] }')), []);
  });

  it('a search never leaves 0', async () => {
    await expectProblem(mixture('    1: { init: { neox: 1, mamba: |0| } }'), 'init-zero');
    await expectProblem(mixture('    1: { init: |{ neox: 1 }| }'), 'init-zero');
  });

  it('what is pruned twice, or begun and pinned', async () => {
    await expectProblem(mixture('    1: { prune: [neox, |neox|] }'), 'pruned-twice');
    await expectProblem(
      mixture('    1: { pin: neox, |init|: { neox: 0.5, mamba: 0.5 } }'),
      'no-effect',
    );
  });
});

describe('search, stages and data', () => {
  for (const [name, marked, code] of [
    [
      'seed and seeds',
      quickConfig({ search: '  steps: 3\n  seed: 1\n  |seeds|: [2, 3]' }),
      'seed-and-seeds',
    ],
    ['a seed twice', quickConfig({ search: '  steps: 3\n  seeds: [2, |2|]' }), 'same-seed'],
    [
      'fixed without α',
      quickConfig({ search: '  steps: 3\n  algorithm: |fixed|' }),
      'fixed-without-alphas',
    ],
    [
      'a temperature without dash',
      quickConfig({ search: '  steps: 3\n  |temperature|: 2' }),
      'no-effect',
    ],
    [
      'a held-out part without bilevel',
      quickConfig({ search: '  steps: 3\n  |heldOut|: 0.2' }),
      'no-effect',
    ],
    [
      'projectors without a gate',
      quickConfig({ hybrid: '  blocks: 2\n  gate: none\n  |projectors|: { kind: mlp }' }),
      'no-effect',
    ],
    [
      'a threshold that could drop all',
      quickConfig({ rest: 'finetune: { steps: 3, alphas: { threshold: |0.6| } }' }),
      'threshold-high',
    ],
    [
      'no baselines asked for',
      quickConfig({ rest: '|baselines|: { components: false }' }),
      'no-effect',
    ],
    ['a tiny memory', quickConfig({ rest: 'engine: { memoryLimit: |4| }' }), 'memory-limit'],
    [
      'two kinds of data',
      quickConfig({ data: '  train: { text: train.txt, |jsonl|: a.jsonl }\n  context: 16' }),
      'data-source',
    ],
    ['no kind of data', quickConfig({ data: '  |train|: {}\n  context: 16' }), 'data-source'],
    [
      'validation on the training text',
      quickConfig({
        data: '  train: { text: train.txt }\n  validation: { text: |train.txt| }\n  context: 16',
      }),
      'same-data',
    ],
    [
      'nothing left to search',
      quickConfig({
        hybrid: '  blocks: 2\n  mixture: { 1: { pin: neox }, 2: { prune: [neox] } }',
        search: '  steps: 3\n  algorithm: |gaea|',
      }),
      'nothing-to-search',
    ],
    [
      'one component that takes turns',
      quickConfig({
        components: '  neox: { source: ./neox }',
        search: '  steps: 3\n  schedule: |alternating|',
      }),
      'nothing-to-search',
    ],
    [
      'a baseline of one component',
      quickConfig({ components: '  neox: { source: ./neox }', rest: '|baselines|: true' }),
      'no-effect',
    ],
  ] as const) {
    it(name, async () => {
      await expectProblem(marked, code);
    });
  }

  it('fixed with a pin in every block is silent', async () => {
    const text = quickConfig({
      hybrid: '  blocks: 2\n  mixture: { 1: { pin: neox }, 2: { pin: { neox: 0.5, mamba: 0.5 } } }',
      search: '  steps: 3\n  algorithm: fixed',
    });
    assert.deepEqual(await problemsOf(text), []);
  });

  it('one component is a run like any other', async () => {
    assert.deepEqual(
      await problemsOf(quickConfig({ components: '  neox: { source: ./neox }' })),
      [],
    );
  });

  it('a faulty entry isn’t also called missing', async () => {
    const { text } = unmark(
      quickConfig({ components: '  neox: { source: ./neox }\n  mamba: { source: |5| }' }),
    );
    assert.deepEqual(
      (await problemsOf(text)).map(({ code }) => code),
      ['wrong-type'],
    );
  });
});
