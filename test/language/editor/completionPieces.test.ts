/** Completion of folders, files and models, and of whole pieces. */
import assert from 'node:assert/strict';
import { parseConfig } from '../../../server/language/parseConfig';
import { problemsOf, quickConfig } from '../marked';
import { check, complete, edited, labels, somePlaces, taken, uncaret } from './scene';

describe('completion of places', () => {
  const source = (value: string) => `components:\n  a:\n    source: ${value}\n`;

  it('of model folders', async () => {
    assert.deepEqual(await labels(source('./models/|'), somePlaces), ['tiny-neox', 'tiny mamba']);
    assert.deepEqual(await labels(source('|'), somePlaces), [
      'models/',
      'hf:EleutherAI/pythia-160m',
      'hf:',
    ]);
    assert.equal(await taken(source('|'), 'models/', somePlaces), source('./models/'));
    assert.equal(
      await taken(source('./models/ti|ny-n'), 'tiny-neox', somePlaces),
      source('./models/tiny-neox'),
    );
    assert.equal(
      await taken(source('./models/|'), 'tiny mamba', somePlaces),
      source('"./models/tiny mamba"'),
    );
    assert.equal(
      await taken(source("'./models/|'"), 'tiny mamba', somePlaces),
      source("'./models/tiny mamba'"),
    );
  });

  it('of models in the cache', async () => {
    assert.deepEqual(await labels(source('hf:|'), somePlaces), ['hf:EleutherAI/pythia-160m']);
    assert.equal(
      await taken(source('hf:Eleu|'), 'hf:EleutherAI/pythia-160m', somePlaces),
      source('hf:EleutherAI/pythia-160m'),
    );
    assert.deepEqual(await labels('components: { a: { source: hf:| } }', somePlaces), [
      'hf:EleutherAI/pythia-160m',
    ]);
  });

  it('of data files', async () => {
    const train = (value: string) => `data:\n  train: { ${value} }\n`;
    assert.deepEqual(await labels(train('text: ./data/|'), somePlaces), [
      'train.txt',
      'train.jsonl',
    ]);
    const [first] = (await complete(train('jsonl: ./data/|'), somePlaces)).toSorted((a, b) =>
      a.sortText! < b.sortText! ? -1 : 1,
    );
    assert.equal(first?.label, 'train.jsonl');
  });
});

describe('snippets', () => {
  it('a whole config in an empty document', async () => {
    for (const text of ['|', '# a comment\n|', 'man|']) {
      const found = await complete(text);
      assert.ok(found.some(({ label, snippet }) => label === 'manticore config' && snippet));
    }
    const found = await complete('manticore: 1\n|');
    assert.ok(!found.some(({ label }) => label === 'manticore config'));
  });

  it('components', async () => {
    const found = await complete('components:\n  |');
    assert.deepEqual(
      found.map(({ label }) => label),
      ['component from a folder', 'component from the hub', 'component from scratch'],
    );
    assert.equal(
      await taken('components:\n  |', 'component from a folder'),
      'components:\n  ${1:name}:\n    source: ${0:./models/some-model}',
    );
  });

  it('leave a config that is whole, once their places are filled', async () => {
    const empty = await complete('|');
    const config = empty.find(({ label }) => label === 'manticore config')!;
    assert.deepEqual(parseConfig(filled(config.edit.text)).problems, []);

    const block = quickConfig({ hybrid: '  blocks: 2\n  mixture:\n    |' });
    const places = [
      quickConfig({ rest: '|' }),
      quickConfig({ components: '  neox: { source: ./neox }\n  mamba: { source: ./mamba }\n  |' }),
      quickConfig({ hybrid: '  blocks: 2\n  |' }),
      quickConfig({ hybrid: '  blocks: 2\n  mixture:\n    1: |' }),
      quickConfig({ hybrid: '  blocks: 2\n  mixture:\n    1: { | }' }),
      quickConfig({ search: '  steps: 3\n  |' }),
      quickConfig({ rest: 'finetune: |' }),
      quickConfig({ rest: 'baselines: |' }),
      block,
    ];
    for (const marked of places) {
      const { text } = uncaret(marked);
      const found = (await complete(marked)).filter(({ snippet }) => snippet);
      assert.ok(found.length > 0);
      for (const { label, edit } of found) {
        const after = edited(text, [{ ...edit, text: filled(edit.text) }]);
        const { document } = await check(after);
        assert.deepEqual(document.problems, [], `${label}: ${after}`);
      }
    }
    const pin = (await complete(block)).filter(({ label }) => / block 1$/.test(label));
    assert.equal(pin.length, 3);
    for (const { edit } of pin) {
      const after = edited(uncaret(block).text, [{ ...edit, text: filled(edit.text) }]);
      assert.deepEqual(await problemsOf(after), [], after);
    }
  });
});

/** A snippet with the first of each choice, and what each place proposes. */
function filled(snippet: string): string {
  return snippet
    .replace(/\$\{\d+\|([^,|]*)[^}]*\}/g, '$1')
    .replace(/\$\{\d+:([^}]*)\}/g, '$1')
    .replace(/\$\d+/g, '');
}
