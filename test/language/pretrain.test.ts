/** Pretraining the projectors in a config: its problems, its jobs, its memory, and what a later run takes of it. */
import assert from 'node:assert/strict';
import { checkConfig } from '../../server/language/checkConfig';
import { isPretrained } from '../../server/models/hybridTensors';
import type { ProjectorManifest } from '../../server/models/modelReader';
import { fakeReader, quickDisk, type FakeDisk } from './fakeReader';
import { expectProblem, fixed, problemsOf, quickConfig } from './marked';
import { planOf } from './planOf';

const disk: FakeDisk = {
  ...quickDisk,
  files: { ...quickDisk.files, 'general.txt': 50_000, 'tiny.txt': 9 },
};
const hybrid = (keys = 'steps: 20', more = '') =>
  `  blocks: 2\n  projectors: { ${more}pretrain: { data: { text: general.txt }, ${keys} } }`;

describe('hybrid.projectors.pretrain', () => {
  it('is a job of each seed before its search, with its own defaults', async () => {
    const text = quickConfig({ hybrid: hybrid(), search: '  steps: 30\n  seeds: [1, 2]' });
    const plan = await planOf(text, disk);
    assert.deepEqual(
      plan.jobs.map(({ stage, seed, steps, alphaUpdates }) => [stage, seed, steps, alphaUpdates]),
      [
        ['projectors', 1, 20, 20],
        ['search', 1, 30, 30],
        ['projectors', 2, 20, 20],
        ['search', 2, 30, 30],
      ],
    );
    const { pretrain } = plan.config.hybrid.projectors;
    assert.equal(pretrain?.learningRate, 2e-4);
    assert.equal(pretrain.weightDecay, 0.01);
    assert.deepEqual([pretrain.alphas, pretrain.embeddings, pretrain.evalEvery], [true, true, 2]);
    const trained = plan.tensors
      .filter((tensor) => isPretrained(tensor, plan.components, pretrain))
      .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    assert.equal(plan.jobs[0]!.parameters, trained);
    assert.ok(trained < plan.parameters);
  });

  it('alone it needs less memory than the search would', async () => {
    const both = await planOf(quickConfig({ hybrid: hybrid() }), disk);
    const only = await planOf(quickConfig({ hybrid: hybrid(), search: '  steps: 0' }), disk);
    assert.deepEqual(
      only.jobs.map(({ stage }) => stage),
      ['projectors'],
    );
    assert.ok(only.memory.moments < both.memory.moments);
    assert.ok(only.memory.peak < both.memory.peak);
    assert.equal(only.memory.parameters, both.memory.parameters);
  });

  it('its text is looked for, and must fill a sequence', async () => {
    const named = (name: string) =>
      quickConfig({
        hybrid: `  blocks: 2\n  projectors: { pretrain: { data: { text: |${name}| }, steps: 2 } }`,
      });
    await expectProblem(named('nowhere.txt'), 'missing-file', disk);
    await expectProblem(named('tiny.txt'), 'too-little-text', disk);
    await expectProblem(
      quickConfig({ hybrid: '  blocks: 2\n  projectors: { pretrain: { |data|: {}, steps: 2 } }' }),
      'data-source',
      disk,
    );
  });

  it('has no effect without projectors', async () => {
    for (const marked of [
      quickConfig({
        hybrid: hybrid().replace('pretrain', '|pretrain|').replace('{ |', '{ kind: none, |'),
      }),
      quickConfig({ hybrid: `${hybrid()}\n  gate: none`.replace('projectors', '|projectors|') }),
      quickConfig({
        components: '  neox: { source: ./neox }',
        hybrid: hybrid().replace('pretrain', '|pretrain|'),
      }),
    ]) {
      await expectProblem(marked, 'no-effect', disk);
      const plan = await planOf(marked.replaceAll('|', ''), disk);
      assert.ok(plan.jobs.every(({ stage }) => stage === 'search'));
    }
  });

  it('is for texts', async () => {
    const marked = quickConfig({
      components:
        '  neox: { family: gptNeox, config: { hidden_size: 8, num_attention_heads: 2, num_hidden_layers: 2, intermediate_size: 8, rotary_pct: 1 }, init: random }\n  mamba: { family: mamba, config: { hidden_size: 8, num_hidden_layers: 2 }, init: random }',
      hybrid: hybrid().replace('pretrain', '|pretrain|'),
      data: '  train: { mad: memorization }',
    });
    await expectProblem(marked, 'pretrain-text', disk);
  });

  it('`steps: 0` is for nothing else', async () => {
    const marked = quickConfig({ search: '  steps: |0|' });
    const problem = await expectProblem(marked, 'no-search');
    assert.deepEqual(await problemsOf(fixed(marked, problem)), []);
    const rest = quickConfig({
      hybrid: hybrid(),
      search: '  steps: 0',
      rest: '|finetune|: { steps: 3 }',
    });
    await expectProblem(rest, 'no-search', disk);
  });
});

describe('pretrained projectors of another run', () => {
  const text = quickConfig({ hybrid: '  blocks: 2\n  projectors: { from: |runs/one| }' });
  const manifest: ProjectorManifest = {
    components: [
      { name: 'mamba', family: 'mamba', layers: 5, width: 24 },
      { name: 'neox', family: 'gptNeox', layers: 4, width: 16 },
    ],
    blocks: 2,
    width: 24,
    vocabulary: 40,
    kind: 'linear',
    tokenizer: 'a'.repeat(64),
    embeddings: true,
    seed: 1,
    tokens: 100,
    validationLoss: 2,
    alphas: [],
  };
  const withManifest = async (changes: Partial<ProjectorManifest>): Promise<FakeDisk> => {
    const { plan } = await checkConfig(quickConfig(), {
      name: 'one',
      base: '/base',
      reader: fakeReader(),
    });
    const tensors = plan!.tensors
      .filter((tensor) => isPretrained(tensor, plan!.components, { embeddings: true }))
      .map(({ name, shape }) => ({ name, shape, dtype: 'F32' }));
    const missing = { kind: 'missing', path: 'runs/one' } as const;
    const found = { kind: 'found', tensors, tokenizer: missing } as const;
    return {
      ...quickDisk,
      results: { 'runs/one': { ...found, manifest: { ...manifest, ...changes } } },
    };
  };

  it('are taken by the same hybrid, its components in any order', async () => {
    assert.deepEqual(await problemsOf(text.replaceAll('|', ''), await withManifest({})), []);
  });

  for (const [what, changes, sentence] of [
    ['blocks', { blocks: 3 }, /it has 3 blocks, this one 2/],
    ['kind', { kind: 'mlp' }, /its projectors are `mlp`, here they are `linear`/],
    [
      'components',
      { components: [manifest.components[1]!, { ...manifest.components[0]!, name: 'gpt' }] },
      /its components are `neox`, `gpt`, here they are `neox`, `mamba`/,
    ],
    [
      'families',
      { components: [{ ...manifest.components[0]!, family: 'gpt2' }, manifest.components[1]!] },
      /`mamba` was a gpt2, here it is a mamba/,
    ],
    [
      'widths',
      { components: [{ ...manifest.components[0]!, width: 32 }, manifest.components[1]!] },
      /`mamba` had 5 layers of width 32, here it has 5 layers of width 24/,
    ],
  ] as const) {
    it(`are refused by one of other ${what}`, async () => {
      const problem = await expectProblem(text, 'projectors-differ', await withManifest(changes));
      assert.match(problem.message, sentence);
    });
  }

  it('are refused where their embeddings belong to another tokenizer', async () => {
    const other = await withManifest({ tokenizer: 'b'.repeat(64) });
    await expectProblem(text, 'projectors-tokenizer', other);
  });
});
