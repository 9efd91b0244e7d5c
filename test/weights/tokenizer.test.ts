import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { readTokenizerIdentity } from '../../server/models/tokenizerIdentity';
import { WeightsError } from '../../server/weights/errors';
import { chunkText } from '../../server/weights/textChunks';
import { loadTokenizer } from '../../server/weights/tokenizer';

// Made by test/reference/weightsGoldens.py with Python's `tokenizers`.
const GOLDEN = path.resolve('test/weights/golden');
interface Sample {
  readonly text: string;
  readonly ids: number[];
  readonly decoded: string;
}
const samplesOf = async (name: string): Promise<Sample[]> =>
  JSON.parse(await readFile(path.join(GOLDEN, name, 'samples.json'), 'utf8')) as Sample[];
const parsed = async (name: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(path.join(GOLDEN, name, 'tokenizer.json'), 'utf8')) as Record<
    string,
    unknown
  >;

describe('a tokenizer', () => {
  for (const name of ['byteLevel', 'split', 'sentencepiece']) {
    it(`gives the ids and texts of Python's tokenizers (${name})`, async () => {
      const tokenizer = await loadTokenizer(path.join(GOLDEN, name));
      for (const { text, ids, decoded } of await samplesOf(name)) {
        assert.deepEqual([...tokenizer.encode(text)], ids, JSON.stringify(text));
        assert.equal(tokenizer.decode(ids), decoded, JSON.stringify(text));
      }
    });
  }

  it('decodes what it encoded, for any text, when it is byte-level', async () => {
    const tokenizer = await loadTokenizer(path.join(GOLDEN, 'split'));
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        assert.equal(tokenizer.decode([...tokenizer.encode(text)]), text);
      }),
    );
  });

  it('decodes to the NFC form when that is its normalizer', async () => {
    const tokenizer = await loadTokenizer(path.join(GOLDEN, 'byteLevel'));
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        assert.equal(tokenizer.decode([...tokenizer.encode(text)]), text.normalize('NFC'));
      }),
    );
  });

  for (const name of ['byteLevel', 'split']) {
    it(`gives the ids that the library gives for the whole, also in parts (${name})`, async () => {
      const tokenizer = await loadTokenizer(path.join(GOLDEN, name));
      const library = new LibraryTokenizer(await parsed(name), {});
      const piece = fc.constantFrom(
        ...['word', 'Ünï', 'e\u0301', '\u0958', '\ufe70', '日本', '12', '...', "'s", ' ', '  '],
        ...['\n', '\n\n', '\r\n', '\t', '<|endoftext|>', '    ', '\u3000', '\u0338', '\ufeff'],
      );
      fc.assert(
        fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
          const text = pieces.join('');
          const whole = library.encode(text, { add_special_tokens: false }).ids;
          assert.deepEqual([...tokenizer.encode(text)], whole);
          const parts = [...chunkText(text, 4)];
          assert.equal(parts.join(''), text);
          assert.deepEqual(
            parts.flatMap((part) => [...tokenizer.encode(part)]),
            whole,
          );
        }),
        { numRuns: 400 },
      );
    });
  }

  it('cuts a long text into parts, and into none without a place to cut', () => {
    const text = 'a line of words\n'.repeat(20_000);
    const parts = [...chunkText(text)];
    assert.ok(parts.length >= 4, `${parts.length} parts`);
    assert.equal(parts.join(''), text);
    assert.equal([...chunkText('a.\n'.repeat(100_000))].length, 1);
    assert.deepEqual([...chunkText('')], []);
  });

  it('knows the bytes of its ids', async () => {
    const tokenizer = await loadTokenizer(path.join(GOLDEN, 'byteLevel'));
    assert.equal(tokenizer.size, 402);
    assert.equal(Buffer.from(tokenizer.bytesOf(401)!).toString(), '    ');
    assert.equal(Buffer.from(tokenizer.bytesOf(0)!).toString(), '<|endoftext|>');
    assert.equal(tokenizer.bytesOf(402), undefined);
    assert.equal(tokenizer.decode([402, 9999]), '');
    const text = 'Alice café 🙂';
    const bytes = [...tokenizer.encode(text)].map((id) => Buffer.from(tokenizer.bytesOf(id)!));
    assert.equal(Buffer.concat(bytes).toString(), text);
  });

  it('knows byte tokens and spaces of sentencepiece vocabularies', async () => {
    const tokenizer = await loadTokenizer(path.join(GOLDEN, 'sentencepiece'));
    assert.deepEqual([...tokenizer.bytesOf(3 + 0xe2)!], [0xe2]);
    const [space] = tokenizer.tokenizeBytes(Buffer.from(' '));
    assert.deepEqual([...tokenizer.bytesOf(space!)!], [0x20]);
    // The character that stands for a space in the vocabulary (U+2581) is itself written in byte tokens.
    const ids = tokenizer.tokenizeBytes(Buffer.from(' \u2581a'));
    const bytes = ids.map((id) => Buffer.from(tokenizer.bytesOf(id)!));
    assert.equal(Buffer.concat(bytes).toString(), ' \u2581a');
  });

  it('tokenizes arbitrary bytes into tokens that hold exactly them', async () => {
    for (const name of ['byteLevel', 'split', 'sentencepiece']) {
      const tokenizer = await loadTokenizer(path.join(GOLDEN, name));
      fc.assert(
        fc.property(
          fc.oneof(
            fc.uint8Array({ maxLength: 12 }),
            fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => Buffer.from(text)),
          ),
          (bytes) => {
            const ids = tokenizer.tokenizeBytes(bytes);
            assert.deepEqual(
              Buffer.concat(ids.map((id) => tokenizer.bytesOf(id)!)),
              Buffer.from(bytes),
            );
          },
        ),
      );
    }
  });

  it('adds no prefix space to bytes', async () => {
    const tokenizer = await loadTokenizer(path.join(GOLDEN, 'sentencepiece'));
    const [first] = tokenizer.tokenizeBytes(Buffer.from('Alice'));
    assert.notEqual(tokenizer.bytesOf(first!)![0], 0x20);
  });

  it('finds special tokens by role', async () => {
    const neox = await loadTokenizer(path.join(GOLDEN, 'byteLevel'));
    assert.deepEqual(neox.special, { bos: 0, eos: 0, pad: 1 });
    assert.ok(neox.isSpecial(0) && !neox.isSpecial(5));
    const llama = await loadTokenizer(path.join(GOLDEN, 'sentencepiece'));
    assert.deepEqual(llama.special, { bos: 1, eos: 2, unk: 0 });
  });

  it('is the same as another when their maps from id to bytes are equal', async () => {
    const one = await loadTokenizer(path.join(GOLDEN, 'byteLevel'));
    const again = await loadTokenizer(path.join(GOLDEN, 'byteLevel'));
    const other = await loadTokenizer(path.join(GOLDEN, 'split'));
    assert.ok(one.sameAs(again));
    assert.ok(!one.sameAs(other));
  });
});

describe('the identity of a tokenizer', () => {
  it('does not depend on how the file is written, only on the bytes of its ids', async () => {
    const json = await parsed('byteLevel');
    const model = json['model'] as { vocab: Record<string, number> };
    const reordered = {
      ...json,
      normalizer: null,
      model: { ...model, vocab: Object.fromEntries(Object.entries(model.vocab).reverse()) },
    };
    const [first] = Object.keys(model.vocab);
    const changed = structuredClone(json) as typeof json & { model: typeof model };
    changed.model.vocab['something else'] = changed.model.vocab[first!]!;
    Reflect.deleteProperty(changed.model.vocab, first!);
    changed['added_tokens'] = [];
    const digests = [json, reordered, changed].map((value) => {
      const reading = readTokenizerIdentity(value);
      assert.ok(reading.ok);
      return reading.identity.digest;
    });
    assert.equal(digests[0], digests[1]);
    assert.notEqual(digests[0], digests[2]);
  });

  it('never throws and compiles no pattern of the file', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        assert.ok(typeof readTokenizerIdentity(value).ok === 'boolean');
        const model = { vocab: value };
        assert.ok(typeof readTokenizerIdentity({ model, added_tokens: value }).ok === 'boolean');
      }),
    );
    const hostile = {
      model: { type: 'BPE', vocab: { a: 0 }, merges: [] },
      pre_tokenizer: { type: 'Split', pattern: { Regex: '((' }, behavior: 'Isolated' },
    };
    const reading = readTokenizerIdentity(hostile);
    assert.ok(reading.ok && reading.identity.size === 1);
  });

  it('refuses ids that would make a huge table, and two tokens of one id', () => {
    for (const vocab of [{ a: 4e9 }, { a: -1 }, { a: 0.5 }, { a: 1, b: 1 }, {}]) {
      assert.ok(
        !readTokenizerIdentity({ model: { type: 'BPE', vocab } }).ok,
        JSON.stringify(vocab),
      );
    }
  });
});

describe('a damaged tokenizer', () => {
  const cases: [string, string, string][] = [
    ['no JSON', '{"model":', 'tokenizer-damaged'],
    ['no model', '{}', 'tokenizer-damaged'],
    [
      'a pattern that does not compile',
      '{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(("},"behavior":"Isolated"}}',
      'tokenizer-unsupported',
    ],
    [
      'a step that nobody knows',
      '{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"normalizer":{"type":"Nonsense"}}',
      'tokenizer-unsupported',
    ],
  ];
  for (const [what, text, code] of cases) {
    it(`is refused with its file and a way out: ${what}`, async () => {
      const folder = await mkdtemp(path.join(tmpdir(), 'manticore-tokenizer-'));
      try {
        await writeFile(path.join(folder, 'tokenizer.json'), text);
        await assert.rejects(loadTokenizer(folder), (error) => {
          assert.ok(error instanceof WeightsError);
          assert.equal(error.code, code);
          assert.ok(error.message.includes(path.join(folder, 'tokenizer.json')));
          return true;
        });
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  }

  it('says so when it is missing', async () => {
    await assert.rejects(loadTokenizer(path.join(GOLDEN)), { code: 'file-missing' });
  });
});
