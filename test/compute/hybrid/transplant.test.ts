import * as tf from '@tensorflow/tfjs-core';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { loadTokenizer } from '../../../server/weights/tokenizer';
import { openEngine } from '../../../server/compute/engine/engine';
import { buildHybrid, type TensorSource } from '../../../server/compute/hybrid/build';
import { HybridError } from '../../../server/compute/hybrid/errors';
import {
  transplantRows,
  transplantTable,
  type RowSource,
  type TransplantTokenizer,
} from '../../../server/compute/hybrid/transplant';
import { tinyPlan } from './tinyHybrid';

const utf8 = (text: string) => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const key = (bytes: Uint8Array) => Array.from(bytes).join(' ');

/** A tokenizer of these tokens, longest match first. `undefined`: an unused id. */
function tokenizerOf(
  tokens: readonly (string | Uint8Array | undefined)[],
  special: TransplantTokenizer['special'] = {},
): TransplantTokenizer {
  const bytes = tokens.map((token) => (typeof token === 'string' ? utf8(token) : token));
  const specials = new Set(Object.values(special));
  const tokenizeBytes = (text: Uint8Array): number[] => {
    if (text.length === 0) return [];
    for (let end = text.length; end > 0; end--) {
      const id = bytes.findIndex(
        (token, id) => token && !specials.has(id) && key(token) === key(text.subarray(0, end)),
      );
      if (id >= 0) return [id, ...tokenizeBytes(text.subarray(end))];
    }
    return tokenizeBytes(text.subarray(1));
  };
  return { size: tokens.length, bytesOf: (id) => bytes[id], special, tokenizeBytes };
}

describe('tokenizer transplant', () => {
  const own = tokenizerOf(['<s>', '</s>', 'a', 'b', 'ab', ' c', 'abc'], { bos: 0, eos: 1 });
  const rowsFor = (...tokens: (string | Uint8Array | undefined)[]): RowSource[] =>
    transplantRows(tokenizerOf(tokens), own, own.size);

  it('takes the row of the same bytes', () => {
    assert.deepEqual(rowsFor('a', ' c', 'abc'), [[2], [5], [6]]);
  });

  it("else the component's own tokenization of those bytes, without BOS or prefix space", () => {
    assert.deepEqual(rowsFor('abab', 'ba', ' cabc'), [
      [4, 4],
      [3, 2],
      [5, 6],
    ]);
  });

  it('gives special tokens by role, whatever their spelling', () => {
    const target = tokenizerOf(['x', '<|endoftext|>', '[BOS]'], { eos: 1, bos: 2 });
    assert.deepEqual(transplantRows(target, own, own.size).slice(1), [[1], [0]]);
  });

  it('one token of two roles takes the first of them: bos', () => {
    const target = tokenizerOf(['<|endoftext|>'], { bos: 0, eos: 0 });
    assert.deepEqual(transplantRows(target, own, own.size), [[0]]);
  });

  it('falls back to single bytes, else to the mean row', () => {
    const euro = utf8('€');
    const withBytes: TransplantTokenizer = {
      ...tokenizerOf([...Array.from(euro, (byte) => Uint8Array.of(byte)), 'z']),
      tokenizeBytes: () => [],
    };
    const target = tokenizerOf([euro.subarray(0, 2), Uint8Array.of(0xff), undefined, '']);
    assert.deepEqual(transplantRows(target, withBytes, withBytes.size), [
      [0, 1],
      'mean',
      'mean',
      'mean',
    ]);
  });

  it('never takes a row that the table lacks', () => {
    const target = tokenizerOf(['abc', 'a']);
    assert.deepEqual(transplantRows(target, own, 5), ['mean', [2]]);
  });

  it('makes rows as means: exact for one source, of all usable rows for the mean row', () => {
    const table = Float32Array.from([0.1, 1, 0.2, 3, 9, 9]);
    const made = transplantTable(table, 2, 2, [[1], [0, 1], 'mean', [0, 0, 1]]);
    const expected = [0.2, 3, 0.15, 2, 0.15, 2, 0.4 / 3, 5 / 3];
    made.forEach((value, index) => assert.ok(Math.abs(value - expected[index]!) < 1e-7));
    assert.equal(made[0], Math.fround(0.2));
  });

  it('to its own tokenizer changes nothing', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 12 }),
        (tokens) => {
          // Lone surrogates have no UTF-8 of their own.
          const distinct = [...new Map(tokens.map((token) => [key(utf8(token)), token])).values()];
          const tokenizer = tokenizerOf(distinct);
          const rows = transplantRows(tokenizer, tokenizer, tokenizer.size);
          assert.deepEqual(
            rows,
            distinct.map((_, id) => [id]),
          );
        },
      ),
    );
  });
});

describe('transplant between real tokenizers', () => {
  const folder = (name: string) => `test/weights/golden/${name}`;
  const pairs = [
    ['byteLevel', 'sentencepiece'],
    ['sentencepiece', 'byteLevel'],
    ['byteLevel', 'split'],
    ['split', 'sentencepiece'],
  ] as const;
  for (const [from, to] of pairs) {
    it(`spells each token of ${to} in those of ${from}, specials by role`, async () => {
      const own = await loadTokenizer(folder(from));
      const target = await loadTokenizer(folder(to));
      const roles = new Set(
        (['bos', 'eos', 'unk', 'pad'] as const).flatMap((role) =>
          own.special[role] === undefined ? [] : (target.special[role] ?? []),
        ),
      );
      const rows = transplantRows(target, own, own.size);
      assert.equal(rows.length, target.size);
      for (const [id, row] of rows.entries()) {
        assert.ok(row !== 'mean', `id ${id} takes the mean row`);
        if (roles.has(id)) {
          assert.ok(Object.values(own.special).includes(row[0]) && row.length === 1);
          continue;
        }
        const spelt = row.map((piece) => Buffer.from(own.bytesOf(piece)!));
        assert.equal(Buffer.concat(spelt).toString('hex'), hex(target.bytesOf(id)!), `id ${id}`);
        const isOwn = Array.from({ length: own.size }, (_, other) => own.bytesOf(other)).some(
          (bytes) => bytes && hex(bytes) === hex(target.bytesOf(id)!),
        );
        if (isOwn) assert.equal(row.length, 1, `id ${id} is one token there`);
      }
    });
  }
});

describe('a component with another tokenizer', () => {
  before(() => openEngine('cpu'));
  const width = 4;
  const target = tokenizerOf(['a', 'b', 'ab']);
  const own = tokenizerOf(['b', 'a']);
  /** A GPT-NeoX without layers' weights of interest: its tables, and zeros for the rest. */
  const weights = (rows: number): TensorSource => ({
    has: () => true,
    read: (name) => {
      const spec = plan().tensors.find((tensor) => tensor.name === `components/other/${name}`);
      const shape = [...spec!.shape];
      const isTable = name.startsWith('embed_');
      if (isTable) shape[0] = rows;
      const size = shape.reduce((product, extent) => product * extent, 1);
      const data = Float32Array.from({ length: size }, (_, index) => (isTable ? index : 0));
      return Promise.resolve({ shape, data });
    },
  });
  const plan = (vocabulary: 'transplant' | 'random' | 'own' = 'transplant') => {
    const made = tinyPlan({
      components: [
        { name: 'first', family: 'gpt2', layers: 1, width },
        { name: 'other', family: 'gptNeox', layers: 1, width },
      ],
      blocks: 1,
      vocabulary: 3,
    });
    const components = made.components.map((component, m) =>
      m === 1 ? { ...component, vocabulary } : component,
    );
    return { ...made, components };
  };
  const build = (
    vocabulary: 'transplant' | 'random' | 'own',
    rows: number,
    tokenizer: TransplantTokenizer | undefined = own,
  ) =>
    buildHybrid(
      plan(vocabulary),
      (m) =>
        Promise.resolve(
          m === 0
            ? { weights: undefined, tokenizer: target }
            : { weights: weights(rows), tokenizer },
        ),
      1,
    );

  it('gets embedding and head of V rows from its own', async () => {
    const { parameters } = await build('transplant', 2);
    for (const table of ['embed_in.weight', 'embed_out.weight']) {
      const values = await parameters.read(`components/other/${table}`);
      assert.deepEqual([...values], [4, 5, 6, 7, 0, 1, 2, 3, 2, 3, 4, 5]);
    }
    assert.equal(parameters.surplus.size, 0);
    parameters.dispose();
  });

  it('or random ones, N(0, 0.02), other for another seed', async () => {
    const { parameters } = await build('random', 2);
    const values = await parameters.read('components/other/embed_in.weight');
    assert.ok(values.every((value) => value !== 0 && Math.abs(value) < 0.1));
    parameters.dispose();
  });

  it('of the same tokenizer drops the rows beyond V, and keeps them aside', async () => {
    const { parameters } = await build('own', 5);
    const values = await parameters.read('components/other/embed_in.weight');
    assert.deepEqual(
      [...values],
      Array.from({ length: 12 }, (_, index) => index),
    );
    const surplus = parameters.surplus.get('components/other/embed_in.weight');
    assert.deepEqual(
      [...surplus!],
      Array.from({ length: 8 }, (_, index) => 12 + index),
    );
    parameters.dispose();
  });

  it('is refused with a way out when a table is too short, or a tokenizer is missing', async () => {
    const before = tf.memory().numTensors;
    const isRefused = (code: string) => (error: unknown) =>
      error instanceof HybridError && error.code === code && error.hint.length > 0;
    await assert.rejects(build('own', 2), isRefused('tensor-shape'));
    await assert.rejects(build('transplant', 0), isRefused('tensor-shape'));
    const none = (m: number) =>
      Promise.resolve({
        weights: m === 0 ? undefined : weights(2),
        tokenizer: m === 0 ? target : undefined,
      });
    await assert.rejects(buildHybrid(plan(), none, 1), isRefused('tokenizer-missing'));
    const absent: TensorSource = { has: () => false, read: () => Promise.reject(new Error('no')) };
    const empty = () => Promise.resolve({ weights: absent, tokenizer: own });
    await assert.rejects(buildHybrid(plan(), empty, 1), isRefused('tensor-missing'));
    assert.equal(tf.memory().numTensors, before, 'nothing is left behind');
  });
});
