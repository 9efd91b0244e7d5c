/** Data sources in a config: which keys belong together, and what their files must have. */
import assert from 'node:assert/strict';
import { checkConfig } from '../../server/language/checkConfig';
import {
  quickDisk,
  fakeReader,
  model,
  tinyMamba,
  tinyNeox,
  tokenizer,
  type FakeDisk,
} from './fakeReader';
import { expectProblem, fixed, problemsOf } from './marked';

const text = { holds: 'text', always: true } as const;
const disk: FakeDisk = {
  ...quickDisk,
  files: {
    ...quickDisk.files,
    ...{ 'pairs.jsonl': 9000, 'rows.parquet': 9000, 'chat.jsonl': 9000, 'chat.parquet': 9000 },
    'chat.jinja': 100,
  },
  records: {
    'pairs.jsonl': {
      kind: 'found',
      fields: [
        { name: 'instruction', ...text },
        { name: 'input', holds: 'text', always: false },
        { name: 'output', ...text },
        { name: 'note', holds: 'text', always: false },
        { name: 'id', holds: 'other', always: true },
      ],
    },
    'rows.parquet': { kind: 'found', fields: [{ name: 'content', ...text }] },
    'chat.jsonl': {
      kind: 'found',
      fields: [{ name: 'messages', holds: 'messages', always: true }],
    },
    'chat.parquet': { kind: 'found', fields: [{ name: 'talk', holds: 'messages', always: true }] },
    'train.txt': { kind: 'damaged', message: 'line 1 is no JSON object' },
  },
};

const configWith = (train: string, validation = '{ text: valid.txt }') => `manticore: 1
components:
  neox: { source: ./neox }
  mamba: { source: ./mamba }
hybrid: { blocks: 2 }
data:
  train: ${train}
  validation: ${validation}
  context: 16
search: { steps: 10 }
`;
const PAIR = 'prompt: instruction, response: output';
const expect = (train: string, code: string, on: FakeDisk = disk) =>
  expectProblem(configWith(train), code, on);

describe('data sources', () => {
  it('of every kind are clean, and reach the plan as they are written', async () => {
    const sourceOf = async (train: string) => {
      const { problems, plan } = await checkConfig(configWith(train), {
        name: 'test',
        base: '/base',
        reader: fakeReader(disk),
      });
      assert.deepEqual(problems, [], train);
      return plan!.config.data.train;
    };
    const parquet = { kind: 'parquet', path: 'rows.parquet', field: 'content' };
    assert.deepEqual(await sourceOf('{ parquet: rows.parquet, field: content }'), parquet);
    const pair = { prompt: 'instruction', input: 'input', response: 'output' };
    assert.deepEqual(
      await sourceOf(`{ jsonl: pairs.jsonl, ${PAIR}, input: input, template: chat.jinja }`),
      { kind: 'jsonl', path: 'pairs.jsonl', pair, template: 'chat.jinja' },
    );
    assert.deepEqual(
      await sourceOf('{ chat: chat.parquet, field: talk, template: "{{ messages }}" }'),
      { kind: 'chat', path: 'chat.parquet', field: 'talk', template: '{{ messages }}' },
    );
    assert.deepEqual(await sourceOf('{ chat: chat.jsonl }'), {
      kind: 'chat',
      path: 'chat.jsonl',
      field: 'messages',
    });
  });

  it('have exactly one file', async () => {
    await expect('{ jsonl: pairs.jsonl, field: output, |chat|: chat.jsonl }', 'data-source');
    await expect('{ text: train.txt, |parquet|: rows.parquet }', 'data-source');
  });

  it('have prompt and response together', async () => {
    await expect('{ jsonl: pairs.jsonl, |prompt|: instruction }', 'data-pair');
    await expect('{ jsonl: pairs.jsonl, |response|: output }', 'data-pair');
  });

  it('say which keys do nothing', async () => {
    await expect(`{ jsonl: pairs.jsonl, ${PAIR}, |field|: x }`, 'no-effect');
    await expect('{ jsonl: pairs.jsonl, field: output, |template|: x }', 'no-effect');
    await expect('{ jsonl: pairs.jsonl, field: output, |input|: x }', 'no-effect');
    await expect('{ text: train.txt, |prompt|: x }', 'no-effect');
    await expect('{ chat: chat.jsonl, |response|: x }', 'no-effect');
  });

  it('name fields that the first records have, or are told the nearest', async () => {
    const marked = '{ jsonl: pairs.jsonl, prompt: |instrution|, response: output }';
    const problem = await expect(marked, 'missing-field');
    assert.match(problem.message, /Did you mean `instruction`/);
    const mended = fixed(configWith(marked), problem);
    assert.deepEqual(await problemsOf(mended, disk), []);
    await expect('{ jsonl: |pairs.jsonl| }', 'missing-field');
    await expect('{ parquet: rows.parquet, field: |contents| }', 'missing-field');
    await expect('{ jsonl: pairs.jsonl, field: |note| }', 'missing-field');
    await expect('{ jsonl: pairs.jsonl, field: |id| }', 'wrong-field');
    await expect('{ chat: pairs.jsonl, field: |output| }', 'wrong-field');
    await expect('{ jsonl: chat.jsonl, field: |messages| }', 'wrong-field');
    const warned = await expect(
      `{ jsonl: pairs.jsonl, ${PAIR}, input: |inputs| }`,
      'missing-field',
    );
    assert.equal(warned.severity, 'warning');
  });

  it('say what is wrong with the first records', async () => {
    await expect('{ jsonl: |train.txt|, field: x }', 'damaged-data');
  });

  it('miss no template: a file of it, or the tokenizer’s', async () => {
    await expect('{ chat: chat.jsonl, template: |none.jinja| }', 'missing-file');
    const bare = (hasChatTemplate: boolean): FakeDisk => {
      const found = tokenizer();
      assert.ok(found.kind === 'found');
      const own = { ...found, summary: { ...found.summary, hasChatTemplate } };
      const models = {
        './neox': model(tinyNeox, { tokenizer: own }),
        './mamba': model(tinyMamba, { tokenizer: own }),
      };
      return { ...disk, models };
    };
    await expect('{ |chat|: chat.jsonl }', 'no-chat-template', bare(false));
    assert.deepEqual(await problemsOf(configWith('{ chat: chat.jsonl }'), bare(true)), []);
    const given = configWith('{ chat: chat.jsonl, template: "{{ messages }}" }');
    assert.deepEqual(await problemsOf(given, bare(false)), []);
  });
});
