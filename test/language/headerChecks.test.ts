/** Checks that need headers: models, tokenizers, data files. */
import assert from 'node:assert/strict';
import {
  headersOf,
  model,
  quickDisk,
  tinyGpt2,
  tinyMamba,
  tinyNeox,
  tokenizer,
  type FakeDisk,
} from './fakeReader';
import { expectProblem, fixed, problemsOf, quickConfig } from './marked';

const withMamba = (finding: NonNullable<FakeDisk['models']>[string]): FakeDisk => ({
  ...quickDisk,
  models: { ...quickDisk.models, './mamba': finding },
});
const atMamba = quickConfig({
  components: '  neox: { source: ./neox }\n  mamba: { source: |./mamba| }',
});

describe('models', () => {
  it('a folder that isn’t there', async () => {
    await expectProblem(
      quickConfig({ components: '  neox: { source: ./neox }\n  mamba: { source: |./mambo| }' }),
      'missing-model',
    );
  });

  for (const [written, meant] of [
    ['EleutherAI/pythia-160m', 'hf:EleutherAI/pythia-160m'],
    ['https://huggingface.co/gpt2-like/tiny/tree/v1.0', 'hf:gpt2-like/tiny@v1.0'],
    ['huggingface.co/EleutherAI/pythia-160m/', 'hf:EleutherAI/pythia-160m'],
  ] as const) {
    it(`a model of the hub written as ${written}`, async () => {
      const text = quickConfig({
        components: `  neox: { source: ./neox }\n  mamba: { source: |${written}| }`,
      });
      const problem = await expectProblem(text, 'missing-model');
      assert.match(fixed(text, problem), new RegExp(`source: ${meant} }`));
    });
  }

  it('a folder without its config', async () => {
    const problem = await expectProblem(
      atMamba,
      'missing-model',
      withMamba({ kind: 'missing', path: '/m', file: 'config.json' }),
    );
    assert.match(problem.message, /config\.json/);
  });

  it('pickles are refused, with a way out', async () => {
    const problem = await expectProblem(
      atMamba,
      'pickle-only',
      withMamba({
        kind: 'pickleOnly',
        path: '/m',
        files: ['pytorch_model.bin'],
        suggestion: 'hf:state-spaces/mamba-130m-hf',
      }),
    );
    assert.match(problem.message, /pytorch_model\.bin.*mamba-130m-hf/);
  });

  it('a hub model that isn’t cached is a warning with a download', async () => {
    const problem = await expectProblem(
      atMamba,
      'not-cached',
      withMamba({ kind: 'notCached', id: 'owner/name', revision: 'v2' }),
    );
    assert.equal(problem.severity, 'warning');
    assert.equal(problem.fixes?.[0]?.download, 'hf:owner/name@v2');
  });

  it('a repository that is known to have pickles only, before it is downloaded', async () => {
    const source = 'hf:state-spaces/mamba-130m';
    const marked = quickConfig({
      components: `  neox: { source: ./neox }\n  mamba: { source: |${source}| }`,
    });
    const away = { kind: 'notCached', id: 'state-spaces/mamba-130m', revision: 'main' } as const;
    const whole = `${source}-hf`;
    const disk = {
      ...quickDisk,
      models: { ...quickDisk.models, [source]: away, [whole]: model(tinyMamba) },
    };
    const problem = await expectProblem(marked, 'pickle-only', disk);
    assert.match(problem.message, /hf:state-spaces\/mamba-130m-hf/);
    assert.deepEqual(await problemsOf(fixed(marked, problem), disk), []);
  });

  it('what is damaged, and what is no name', async () => {
    await expectProblem(
      atMamba,
      'damaged-model',
      withMamba({
        kind: 'damaged',
        path: '/m',
        file: 'model.safetensors',
        message: 'The header is cut off.',
      }),
    );
    await expectProblem(
      atMamba,
      'bad-source',
      withMamba({ kind: 'invalid', message: 'No owner.' }),
    );
  });

  it('an unsupported family, an unsupported flag', async () => {
    await expectProblem(
      atMamba,
      'unsupported-family',
      withMamba(model({ model_type: 'bert' }, { tensors: [] })),
    );
    const problem = await expectProblem(
      atMamba,
      'unsupported-setting',
      withMamba(model({ ...tinyMamba, hidden_act: 'relu' }, { tensors: [] })),
    );
    assert.match(problem.message, /hidden_act/);
  });

  it('heads that don’t divide the width', async () => {
    const problem = await expectProblem(
      atMamba,
      'unsupported-setting',
      withMamba(model({ ...tinyGpt2, n_head: 5 }, { tensors: [] })),
    );
    assert.match(problem.message, /5 heads/);
  });

  it('the very field, when the config itself holds it', async () => {
    await expectProblem(
      quickConfig({
        components:
          '  neox: { source: ./neox }\n  mamba: { family: mamba, init: random, config: { hidden_size: |0|, num_hidden_layers: 2 } }',
      }),
      'unsupported-setting',
    );
  });

  it('a field of a component from scratch that is nearly one that its family reads', async () => {
    const marked = quickConfig({
      components:
        '  neox: { source: ./neox }\n  mamba: { family: mamba, init: random, config: { hidden_size: 8, num_hidden_layers: 2, |state_sise|: 4, architectures: [x] } }',
    });
    const problem = await expectProblem(marked, 'unknown-field');
    assert.equal(problem.severity, 'warning');
    assert.match(fixed(marked, problem), /state_size: 4/);
    assert.deepEqual(await problemsOf(fixed(marked, problem)), []);
  });

  it('more blocks than layers: the smallest depth is proposed', async () => {
    const marked = quickConfig({ hybrid: '  blocks: |5|' });
    const problem = await expectProblem(marked, 'too-many-blocks');
    assert.match(problem.message, /`neox` has 4/);
    assert.deepEqual(await problemsOf(fixed(marked, problem)), []);
  });
});

describe('positions', () => {
  const components = '  neox: { source: ./neox }\n  gpt: { source: ./gpt2 }';

  it('a context above them', async () => {
    const data = '  train: { text: train.txt }\n  validation: { text: valid.txt }\n  context: |33|';
    const problem = await expectProblem(
      quickConfig({ components, data }),
      'context-above-positions',
    );
    assert.match(problem.message, /`gpt` has 32/);
  });

  it('a context above the positions of the pretraining, which rotary models can go beyond', async () => {
    const data = '  train: { text: train.txt }\n  validation: { text: valid.txt }\n  context: |65|';
    const problem = await expectProblem(quickConfig({ data }), 'context-above-training');
    assert.equal(problem.severity, 'warning');
    assert.match(problem.message, /`neox` was pretrained on at most 64/);
  });

  it('pruned from block 1 while later groups live on', async () => {
    const hybrid = (rest: string) => `  blocks: 2\n  mixture: { 1: { prune: [|gpt|] }${rest} }`;
    const problem = await expectProblem(
      quickConfig({ components, hybrid: hybrid('') }),
      'positions-pruned',
    );
    assert.equal(problem.severity, 'warning');
    const everywhere = quickConfig({
      components,
      hybrid: hybrid(', 2: { prune: [gpt] }').replaceAll('|', ''),
    });
    assert.deepEqual(
      (await problemsOf(everywhere)).map(({ code }) => code),
      ['nothing-to-search'],
    );
    const rotary = quickConfig({ hybrid: '  blocks: 2\n  mixture: { 1: { prune: [neox] } }' });
    assert.deepEqual(await problemsOf(rotary), []);
  });
});

describe('tokenizers', () => {
  it('another tokenizer is said, with the shape of what is made', async () => {
    const disk = withMamba(model(tinyMamba, { tokenizer: tokenizer(32, 'b'.repeat(64)) }));
    const problem = await expectProblem(atMamba, 'other-tokenizer', disk);
    assert.equal(problem.severity, 'information');
    assert.match(problem.message, /40 × 24/);
  });

  it('a table with fewer rows than ids', async () => {
    const disk = withMamba(model({ ...tinyMamba, vocab_size: 39 }));
    await expectProblem(atMamba, 'vocabulary-rows', disk);
  });

  it('a model without one names the key that mends it', async () => {
    const disk = withMamba(model(tinyMamba, { tokenizer: { kind: 'missing', path: '/m' } }));
    const problem = await expectProblem(atMamba, 'no-tokenizer', disk);
    assert.match(problem.message, /`tokenizer: </);
    const named = atMamba.replaceAll('|', '').replace('./mamba }', './mamba, tokenizer: ./words }');
    assert.deepEqual(
      await problemsOf(named, { ...disk, tokenizers: { './words': tokenizer() } }),
      [],
    );
  });

  it('from scratch, the hybrid’s own component needs one', async () => {
    const components =
      '  |mamba|: { family: mamba, init: random, config: { hidden_size: 8, num_hidden_layers: 2 } }\n  neox: { source: ./neox }';
    const marked = quickConfig({ components });
    await expectProblem(marked, 'no-tokenizer');
    const other = marked.replaceAll('|', '').replace('blocks: 2', 'blocks: 2\n  tokenizer: neox');
    assert.deepEqual(await problemsOf(other), []);
  });
});

describe('data files', () => {
  const data = (train: string, rest: string) =>
    quickConfig({ data: `  train: { text: ${train} }\n${rest}  context: 16` });
  const files = (bytes: number): FakeDisk => ({
    ...quickDisk,
    files: { ...quickDisk.files, 'train.txt': bytes },
  });

  it('a missing file', async () => {
    await expectProblem(data('|trian.txt|', '  validation: { text: valid.txt }\n'), 'missing-file');
  });

  it('fewer bytes than one sequence has tokens', async () => {
    await expectProblem(
      data('|train.txt|', '  validation: { text: valid.txt }\n'),
      'too-little-text',
      files(16),
    );
    assert.deepEqual(
      await problemsOf(data('train.txt', '  validation: { text: valid.txt }\n'), files(17)),
      [],
    );
  });

  it('a part that is too small to cut', async () => {
    await expectProblem(data('train.txt', '  validation: |0.05|\n'), 'too-little-text', files(300));
    await expectProblem(data('|train.txt|', ''), 'too-little-text', files(300));
    const bilevel = quickConfig({ search: '  steps: 3\n  schedule: |bilevel|' });
    await expectProblem(bilevel, 'too-little-text', files(150));
  });

  it('a cut that leaves less than a sequence to train on', async () => {
    await expectProblem(data('train.txt', '  validation: |0.95|\n'), 'too-little-text', files(330));
    const bilevel = quickConfig({ search: '  steps: 3\n  schedule: bilevel\n  heldOut: |0.99|' });
    await expectProblem(bilevel, 'too-little-text', files(1650));
  });
});

describe('memory', () => {
  const rest = (engine: string) =>
    quickConfig({ search: '  steps: 3\n  batch: 3000000', rest: `engine: ${engine}` });

  it('more than wasm holds is an error there, a warning where another engine may do', async () => {
    const problem = await expectProblem(rest('|wasm|'), 'memory');
    assert.match(problem.message, /the wasm engine holds 3\.97 GB/);
    assert.equal((await expectProblem(rest('|auto|'), 'memory')).severity, 'warning');
    assert.deepEqual(await problemsOf(rest('webgpu')), []);
  });

  it('a limit of one’s own', async () => {
    const problem = await expectProblem(rest('{ name: webgpu, memoryLimit: |2 GB| }'), 'memory');
    assert.equal(problem.severity, 'error');
  });

  it('the fixtures are models', () => {
    assert.equal(headersOf(tinyNeox).length > 20, true);
  });
});
