/** Completion, in whole and in half-typed configs. */
import assert from 'node:assert/strict';
import { quickConfig } from '../marked';
import { complete, labels, taken } from './scene';

const topLevel = ['program', 'finetune', 'baselines', 'engine', 'sweep'];

describe('completion of keys', () => {
  it('offers top-level keys that are not written', async () => {
    assert.deepEqual(await labels(`${quickConfig()}|`), topLevel);
    assert.deepEqual(await labels(quickConfig({ rest: 'fin|' })), topLevel);
    assert.deepEqual(await labels('sea|\nhybrid:\n  blocks: 2\n'), [
      'manticore',
      'components',
      'data',
      'search',
      'program',
      'finetune',
      'baselines',
      'engine',
      'sweep',
    ]);
  });

  it('offers a key once more where it stands', async () => {
    assert.deepEqual(await labels('manticore: 1\nsea|rch:\n  steps: 3\n'), [
      'components',
      'hybrid',
      'data',
      'search',
      'program',
      'finetune',
      'baselines',
      'engine',
      'sweep',
    ]);
  });

  it('replaces the word and brings what a key needs', async () => {
    assert.equal(
      await taken('manticore: 1\nsea|', 'search'),
      'manticore: 1\nsearch:\n  steps: ${0:300}',
    );
    assert.equal(await taken('sea|rch:\n  steps: 3', 'search'), 'search:\n  steps: 3');
    assert.equal(
      await taken('search:\n  steps: 3\n  alg|', 'algorithm'),
      'search:\n  steps: 3\n  algorithm: ',
    );
    assert.equal(
      await taken('hybrid:\n  blocks: 2\n  mix|\n', 'mixture'),
      'hybrid:\n  blocks: 2\n  mixture:\n    ${1:1}: { pin: ${2:name} }\n',
    );
    assert.equal(
      await taken('hybrid: { blocks: 2, pro| }', 'projectors'),
      'hybrid: { blocks: 2, projectors: { $0 } }',
    );
  });

  it('finds the mapping by the column of a blank line', async () => {
    const text = (line: string) => `hybrid:\n  blocks: 2\n${line}\ndata:\n  context: 3\n`;
    assert.deepEqual(await labels(text('  |')), [
      'tokenizer',
      'embeddings',
      'head',
      'gate',
      'projectors',
      'mixture',
    ]);
    assert.deepEqual(await labels(text('|')), [
      'manticore',
      'components',
      'search',
      'program',
      'finetune',
      'baselines',
      'engine',
      'sweep',
    ]);
    assert.deepEqual(await labels(text('    |')), []);
    assert.deepEqual(await labels(text(' |')), []);
  });

  it('in quotes', async () => {
    assert.ok((await labels('"sea|rch":\n  steps: 3\n')).includes('search'));
    assert.equal(await taken('"sea|rch":\n  steps: 3', 'search'), '"search":\n  steps: 3');
    assert.equal(await taken('manticore: 1\n"sea|', 'search'), 'manticore: 1\n"search');
    const list = quickConfig({
      hybrid: '  blocks: 2\n  mixture:\n    1: { prune: ["ne|ox", mamba] }',
    });
    assert.deepEqual(await labels(list), ['neox']);
  });

  it('knows keys that stand below the caret', async () => {
    assert.deepEqual(await labels('data:\n  |\n  context: 3\n  train: { text: a }\n'), [
      'validation',
      'test',
    ]);
    assert.deepEqual(await labels('data:\n    |\n  context: 3\n'), []);
  });

  it('in flow mappings', async () => {
    const kinds = ['text', 'jsonl', 'parquet', 'chat', 'mad', 'lra'];
    assert.deepEqual(await labels('data:\n  train: { | }\n'), kinds);
    assert.deepEqual(await labels('data:\n  train: { |\n  context: 3\n'), kinds);
    assert.deepEqual(await labels('data:\n  test: { | }\n'), ['text', 'jsonl', 'parquet', 'chat']);
    assert.deepEqual(await labels('data:\n  train: { jsonl: a, | }\n'), [
      'field',
      'prompt',
      'response',
    ]);
    assert.deepEqual(await labels('data:\n  train: { jsonl: a, prompt: b, | }\n'), [
      'input',
      'response',
      'template',
    ]);
    assert.deepEqual(await labels('data:\n  train: { chat: a, | }\n'), ['field', 'template']);
    assert.deepEqual(await labels('hybrid:\n  mixture:\n    1: { prune: [a], | }\n'), [
      'pin',
      'init',
    ]);
    assert.deepEqual(await labels('hybrid: { mixture: { 1: { pi|: neox } } }'), [
      'pin',
      'prune',
      'init',
    ]);
  });

  it('offers no nonsense: family beside source, seeds beside seed', async () => {
    assert.deepEqual(await labels('components:\n  a:\n    source: ./a\n    |'), ['tokenizer']);
    assert.deepEqual(await labels('components:\n  a:\n    family: gpt2\n    |'), [
      'config',
      'init',
      'tokenizer',
    ]);
    assert.ok((await labels('components:\n  a:\n    family: stack\n    |')).includes('stack'));
    assert.ok(!(await labels('search:\n  seed: 1\n  |')).includes('seeds'));
  });

  it('documents a key with its default', async () => {
    const [batch] = (await complete('search:\n  steps: 3\n  bat|')).filter(
      ({ label }) => label === 'batch',
    );
    assert.equal(
      batch?.documentation,
      'Sequences in a micro-batch.\n\nTakes a whole number, 1 or more. Default `8`.',
    );
  });

  it('offers fields of the hub config that the family reads', async () => {
    const found = await labels(
      'components:\n  a:\n    family: gpt2\n    config:\n      n_embd: 3\n      |',
    );
    assert.ok(found.includes('n_layer') && !found.includes('n_embd'));
    assert.deepEqual(await labels('components:\n  a:\n    config:\n      |'), []);
  });

  it('offers numbers of blocks that are not written', async () => {
    const text = (line: string) =>
      quickConfig({ hybrid: `  blocks: 4\n  mixture:\n    2: { pin: neox }\n${line}` });
    assert.deepEqual(await labels(text('    |')), ['1', '3', '4', 'all']);
    assert.equal(
      await taken(text('    |'), 'pin block 1'),
      text('    1: { pin: ${1|neox,mamba|} }').replace('|', '|'),
    );
  });
});

describe('completion of values', () => {
  it('of enumerations, booleans and numbers', async () => {
    assert.deepEqual(await labels('search:\n  algorithm: |'), ['darts', 'gaea', 'dash', 'fixed']);
    assert.deepEqual(await labels('search:\n  algorithm: da|rts # why'), [
      'darts',
      'gaea',
      'dash',
      'fixed',
    ]);
    assert.equal(await taken('search:\n  algorithm:|\n', 'gaea'), 'search:\n  algorithm: gaea\n');
    assert.equal(
      await taken('search:\n  algorithm: "da|"\n', 'dash'),
      'search:\n  algorithm: "dash"\n',
    );
    assert.deepEqual(await labels('search:\n  algorithm:\n    |'), [
      'darts',
      'gaea',
      'dash',
      'fixed',
    ]);
    assert.deepEqual(await labels('baselines: |'), ['true', 'false']);
    assert.deepEqual(await labels('finetune: |'), ['false']);
    assert.deepEqual(await labels('manticore: |'), ['1']);
    assert.deepEqual(await labels('search:\n  learningRate: |'), ['1e-4']);
    assert.deepEqual(await labels('engine: |'), ['auto', 'wasm', 'webgpu', 'tensorflow']);
    assert.deepEqual(await labels('components:\n  a: { family: | }'), [
      'gpt2',
      'gptNeo',
      'gptNeox',
      'llama',
      'mamba',
      'mamba2',
      'stack',
    ]);
    const layers = (line: string) => `components:\n  a:\n    family: stack\n    stack:\n${line}`;
    const kinds = ['attention', 'mamba', 'hyena', 'mlp', 'swiglu'];
    assert.deepEqual(await labels(layers('      - |')), kinds);
    assert.deepEqual(await labels(layers('      - repeat: 2\n        layers: [|]')), kinds);
    const former = (line: string) =>
      quickConfig({ rest: `baselines:\n  stacks:\n    a:\n${line}` });
    assert.deepEqual(await labels(former('      stack: [|]')), kinds);
    assert.deepEqual(await labels(former('      |')), ['stack', 'config']);
    const fields = await labels(former('      config:\n        |'));
    assert.ok(fields.includes('max_seq_len') && fields.includes('hidden_size'), fields.join());
    assert.ok(!fields.includes('vocab_size') && !fields.includes('layer_types'));
  });

  it('of components', async () => {
    const hybrid = (line: string) => quickConfig({ hybrid: `  blocks: 2\n${line}` });
    assert.deepEqual(await labels(hybrid('  tokenizer: |')), ['neox', 'mamba']);
    assert.deepEqual(await labels(hybrid('  mixture:\n    1: { pin: | }')), ['neox', 'mamba']);
    assert.deepEqual(await labels(hybrid('  mixture:\n    1: { pin: |')), ['neox', 'mamba']);
    assert.deepEqual(await labels(hybrid('  mixture:\n    1: { pin: { neox: 1, | } }')), ['mamba']);
    assert.deepEqual(await labels(hybrid('  mixture:\n    1: { prune: [ne|] }')), [
      'neox',
      'mamba',
    ]);
    assert.deepEqual(await labels(hybrid('  mixture:\n    1: { prune: [neox, |] }')), ['mamba']);
    assert.deepEqual(
      await labels(hybrid('  mixture:\n    1:\n      prune:\n        - neox\n        - |')),
      ['mamba'],
    );
    assert.deepEqual(await labels(hybrid('  mixture:\n    1:\n      init:\n        |')), [
      'neox',
      'mamba',
    ]);
    assert.deepEqual(await labels(hybrid('  mixture:\n    1: { prune: [neox], pin: | }')), [
      'mamba',
    ]);
  });

  it('of components as a list below its key', async () => {
    const text = (line: string) =>
      quickConfig({ hybrid: `  blocks: 2\n  mixture:\n    1:\n      prune:\n${line}` });
    assert.deepEqual(await labels(text('        |')), ['neox', 'mamba']);
    assert.equal(await taken(text('        |'), 'mamba'), text('        - mamba'));
    assert.equal(
      await taken(text('        - mamba\n        - n|'), 'neox'),
      text('        - mamba\n        - neox'),
    );
  });

  it('nothing in comments, behind a whole value, in texts over several lines', async () => {
    for (const marked of [
      '# sea|',
      'search: # |\n  steps: 3',
      'search:\n  algorithm: darts |',
      'hybrid: { blocks: 3 |}',
      'components:\n  a:\n    source: >\n      wor|',
      'search: { steps: 3 }|',
      'search:\n  algorithm: *a|',
      'search:\n  algorithm: darts\n    x|',
    ]) {
      assert.deepEqual(await complete(marked), [], marked);
    }
  });

  it('behind Windows line ends, with tabs, and in a half-typed document', async () => {
    assert.deepEqual(await labels('search:\r\n  algorithm: |\r\n  steps: 3\r\n'), [
      'darts',
      'gaea',
      'dash',
      'fixed',
    ]);
    assert.equal(
      await taken('manticore: 1\r\nfin|\r\n', 'finetune'),
      'manticore: 1\r\nfinetune:\r\n  steps: ${0:300}\r\n',
    );
    assert.ok((await labels('search:\n\tste|')).includes('steps'));
    assert.deepEqual(
      await labels('components: {{\nhybrid:\n  tokenizer: [\nsearch:\n  algorithm: |\n"'),
      ['darts', 'gaea', 'dash', 'fixed'],
    );
  });
});

describe('completion of numbers', () => {
  it('offers what is left of 1 to the last weight', async () => {
    const weights = (text: string) =>
      quickConfig({ hybrid: `  blocks: 1\n  mixture:\n    1: ${text}` });
    assert.deepEqual(await labels(weights('{ pin: { neox: 0.7, mamba: | } }')), ['0.3']);
    assert.deepEqual(await labels(weights('{ init: { neox: |, mamba: 0.1 } }')), ['0.9']);
    assert.deepEqual(await labels(weights('{ pin: { neox: 1, mamba: | } }')), []);
  });

  it('offers as many blocks as the shallowest component has layers', async () => {
    assert.deepEqual(await labels(quickConfig({ hybrid: '  blocks: |2' })), ['4']);
    assert.deepEqual(await labels('hybrid:\n  blocks: |'), []);
  });
});

describe('completion in a sweep', () => {
  const sweep = (line: string) => quickConfig({ rest: `sweep:\n  ${line}` });

  it('offers keys as paths with dots, and the values that a key takes', async () => {
    const keys = await labels(sweep('search.seed: [1]\n  |'));
    for (const key of ['search.learningRate', 'hybrid.mixture.all.pin', 'components.neox.source']) {
      assert.ok(keys.includes(key), key);
    }
    assert.ok(!keys.includes('search.seed') && !keys.includes('sweep'));
    assert.deepEqual(await labels(sweep('search.algorithm: [darts, |]')), [
      'gaea',
      'dash',
      'fixed',
    ]);
    assert.deepEqual((await labels(sweep('hybrid.mixture.all.pin: [ne|]'))).slice(0, 2), [
      'neox',
      'mamba',
    ]);
  });
});
