/** Every key of ARCHITECTURE.md's table is known, with its default. */
import assert from 'node:assert/strict';
import { manticoreJsonSchema } from '../../server/language/jsonSchema';
import { parseConfig } from '../../server/language/parseConfig';
import { configSchema } from '../../server/language/schema';
import { descriptionAt, schemasAt } from '../../server/language/schemaWalk';
import { quickConfig } from './marked';

const known = [
  'manticore',
  ...['source', 'family', 'config', 'stack', 'init', 'tokenizer'].map(
    (key) => `components.x.${key}`,
  ),
  ...['blocks', 'tokenizer', 'embeddings', 'head', 'gate', 'projectors', 'mixture'].map(
    (key) => `hybrid.${key}`,
  ),
  ...['kind', 'init', 'from', 'pretrain'].map((key) => `hybrid.projectors.${key}`),
  ...['data', 'steps', 'learningRate', 'alphas', 'embeddings', 'checkpointEvery'].map(
    (key) => `hybrid.projectors.pretrain.${key}`,
  ),
  ...['pin', 'prune', 'init'].map((key) => `hybrid.mixture.2.${key}`),
  ...['train', 'validation', 'test'].flatMap((split) =>
    [
      ...['text', 'jsonl', 'parquet', 'chat', 'field'],
      ...['prompt', 'input', 'response', 'template'],
    ].map((key) => `data.${split}.${key}`),
  ),
  ...['repeat', 'layers'].map((key) => `components.x.stack.0.${key}`),
  'data.context',
  'data.train.mad',
  ...[
    'task',
    'vocabulary',
    'length',
    'examples',
    'testExamples',
    'seed',
    'queries',
    'noise',
    'noiseVocabulary',
    'keyMotif',
    'valueMotif',
    'copy',
  ].map((key) => `data.train.mad.${key}`),
  ...[
    'algorithm',
    'schedule',
    'steps',
    'batch',
    'accumulate',
    'learningRate',
    'alphaLearningRate',
    'temperature',
    'weightDecay',
    'clip',
    'warmup',
    'decay',
    'finalLearningRate',
    'heldOut',
    'checkpointing',
    'evalEvery',
    'checkpointEvery',
    'seed',
    'seeds',
    'cost',
  ].map((key) => `search.${key}`),
  ...['kind', 'weight'].map((key) => `search.cost.${key}`),
  ...[
    'steps',
    'batch',
    'accumulate',
    'learningRate',
    'weightDecay',
    'clip',
    'warmup',
    'decay',
    'finalLearningRate',
    'evalEvery',
    'checkpointEvery',
    'alphas',
    'weights',
  ].map((key) => `finetune.${key}`),
  'finetune.alphas.threshold',
  ...['tasks', 'weights', 'width', 'layers', 'steps', 'batch', 'learningRate', 'evalEvery'].map(
    (key) => `program.${key}`,
  ),
  ...['task', 'length', 'vocabulary', 'copy'].map((key) => `program.tasks.0.${key}`),
  ...['components', 'match', 'uniform', 'stacks'].map((key) => `baselines.${key}`),
  'baselines.stacks.x',
  ...['stack', 'config'].map((key) => `baselines.stacks.x.${key}`),
  ...['name', 'threads', 'memoryLimit'].map((key) => `engine.${key}`),
];

describe('the table of keys', () => {
  for (const key of known) {
    it(`knows ${key}, and what it is for`, () => {
      const path = key.split('.');
      assert.ok(schemasAt(configSchema, path).length > 0);
      if (path.at(-1) !== 'threshold') assert.match(descriptionAt(configSchema, path) ?? '', /\.$/);
    });
  }

  it('defaults', () => {
    const { value } = parseConfig(
      quickConfig({ rest: 'finetune: { steps: 4 }\nbaselines: {}\nengine: {}' }),
    );
    assert.ok(value);
    const { tokenizer, ...hybrid } = value.hybrid;
    assert.equal(tokenizer, undefined);
    assert.deepEqual(hybrid, {
      blocks: 2,
      embeddings: 'transplant',
      head: 'last',
      gate: 'paper',
      projectors: { kind: 'linear', init: 'identity' },
      mixture: {},
    });
    assert.deepEqual(value.search, {
      algorithm: 'darts',
      schedule: 'simultaneous',
      steps: 30,
      batch: 8,
      accumulate: 1,
      learningRate: 1e-4,
      temperature: 1,
      weightDecay: 0.01,
      clip: 1,
      warmup: 0.05,
      decay: 'linear',
      finalLearningRate: 0,
      heldOut: 0.1,
      checkpointing: 'auto',
    });
    assert.deepEqual(value.finetune, { steps: 4, alphas: 'soft', weights: 'rewind' });
    assert.deepEqual(value.baselines, { components: true, match: 'steps', uniform: false });
    assert.deepEqual(value.engine, { name: 'auto' });
    assert.equal(parseConfig(quickConfig()).value?.engine, 'auto');
  });
});

describe('the JSON Schema', () => {
  it('has every top-level key, requires what has no default, and allows nothing else', () => {
    const schema = manticoreJsonSchema();
    assert.deepEqual(Object.keys(schema['properties'] as object), [
      'manticore',
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
    assert.deepEqual(schema['required'], ['manticore', 'components', 'hybrid', 'data', 'search']);
    assert.equal(schema['additionalProperties'], false);
    const { search } = schema['properties'] as {
      search: { properties: Record<string, { description: string; default?: unknown }> };
    };
    assert.equal(search.properties['batch']?.default, 8);
    assert.match(search.properties['batch'].description, /micro-batch/);
  });
});
