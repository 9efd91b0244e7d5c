import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink, writeFile, mkdir } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { EvaluationBatches, IGNORED, TrainingBatches } from '../../../server/compute/tasks/batches';
import { SourceFile } from '../../../server/compute/tasks/sourceFile';
import { loadTextData } from '../../../server/compute/tasks/text';
import {
  readText,
  TEXT_LIMITS,
  type TextLimits,
  type TextSource,
} from '../../../server/compute/tasks/textSource';
import { encodeDocuments, type TextTokenizer } from '../../../server/compute/tasks/tokens';
import type { ResolvedConfig } from '../../../server/contract/config';
import { inMemory } from './loading';

/** One token a code point, and 0 between documents. */
const characters: TextTokenizer = {
  encode: (text) => Array.from(text, (character) => character.codePointAt(0)!),
  eos: 0,
};

/** Pre-tokenizes as GPT-2 does; a token is a number for each distinct piece. */
function gpt2Like(): TextTokenizer {
  const ids = new Map<string, number>();
  const pattern = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;
  return {
    encode: (text) =>
      (text.match(pattern) ?? []).map((piece) => {
        if (!ids.has(piece)) ids.set(piece, ids.size + 1);
        return ids.get(piece)!;
      }),
    eos: undefined,
  };
}

describe('text files', () => {
  let folder: string;
  before(async () => (folder = await mkdtemp(path.join(tmpdir(), 'manticore-text-'))));
  after(() => rm(folder, { recursive: true }));

  const put = async (name: string, content: string | Uint8Array): Promise<string> => {
    await writeFile(path.join(folder, name), content);
    return name;
  };
  const open = (name: string, limits: TextLimits = TEXT_LIMITS) =>
    SourceFile.open(path.join(folder, name), limits.fileBytes);
  const tokensOf = async (
    source: TextSource,
    limits: TextLimits = TEXT_LIMITS,
    tokenizer: TextTokenizer = characters,
  ): Promise<number[]> => {
    const file = await open(source.path, limits);
    const ids: number[] = [];
    const append = (more: ArrayLike<number>) => Promise.resolve(void ids.push(...Array.from(more)));
    try {
      const pieces = readText(source, file, () => undefined, limits);
      await encodeDocuments(pieces, tokenizer, { append });
      return ids;
    } finally {
      await file.close();
    }
  };
  const failsWith = async (code: string, source: TextSource, limits?: TextLimits) => {
    await assert.rejects(tokensOf(source, limits), (error: unknown) => {
      assert.ok(error instanceof Error && 'code' in error && 'hint' in error);
      assert.equal(error.code, code, error.message);
      return true;
    });
  };

  it('reads a text file as one document, byte order mark dropped, code points whole', async () => {
    await put('a.txt', '\ufeffhé𝄞\n');
    assert.deepEqual(
      [...(await tokensOf({ kind: 'text', path: 'a.txt' }))],
      [104, 233, 0x1d11e, 10],
    );
  });

  it('puts the end-of-text token between the documents of a jsonl file', async () => {
    await put('b.jsonl', '{"text":"ab"}\n\n{"text":"c","x":1}\n{"text":"de"}');
    const source = { kind: 'jsonl', path: 'b.jsonl', field: 'text' } as const;
    assert.deepEqual([...(await tokensOf(source))], [97, 98, 0, 99, 0, 100, 101]);
    const without = { ...characters, eos: undefined };
    assert.deepEqual([...(await tokensOf(source, TEXT_LIMITS, without))], [97, 98, 99, 100, 101]);
  });

  it('encodes in pieces what it would encode whole', async () => {
    const words = fc.stringMatching(/^[a-z0-9'.]{1,9}$/);
    const gap = fc.constantFrom(' ', '\n', '\n\n', '  ', ' \n', '\t');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(words, gap), { minLength: 60, maxLength: 90 }),
        async (parts) => {
          // A single newline now and then: where long texts are cut.
          const text = parts
            .map(([word, space], i) => word + (i % 4 === 3 ? '\n' : space))
            .join('');
          const regular = text.replace(/\n\s+(?=\S)/g, '\n');
          await put('pieces.txt', regular);
          const tokenizer = gpt2Like();
          const whole = tokenizer.encode(regular);
          const source = { kind: 'text', path: 'pieces.txt' } as const;
          const found = await tokensOf(source, { ...TEXT_LIMITS, pieceLength: 80 }, tokenizer);
          assert.deepEqual([...found], Array.from(whole));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('loses no character of a text without any place to cut', async () => {
    const text = '𝄞x'.repeat(500);
    await put('solid.txt', text);
    const source = { kind: 'text', path: 'solid.txt' } as const;
    const found = await tokensOf(source, { ...TEXT_LIMITS, pieceLength: 16 });
    assert.deepEqual([...found], Array.from(characters.encode(text)));
  });

  it('tells how far it is', async () => {
    await put('long.txt', 'word '.repeat(200_000));
    const seen: number[] = [];
    const file = await open('long.txt');
    assert.equal(file.bytes, 1_000_000);
    const pieces = readText({ kind: 'text', path: 'long.txt' }, file, (bytes) => seen.push(bytes));
    for await (const piece of pieces) assert.ok(piece.text.length <= TEXT_LIMITS.pieceLength);
    await file.close();
    assert.ok(seen.length > 3 && seen.at(-1) === 1_000_000);
  });

  it('refuses what is no text, with a way out', async () => {
    await put('latin1.txt', Uint8Array.from([0x61, 0xe9, 0x62]));
    await put('cut.txt', Uint8Array.from([0x61, 0xe2, 0x82]));
    await put('bad.jsonl', '{"text":"a"}\n{"text":');
    await put('list.jsonl', '["a"]');
    await put('field.jsonl', '{"body":"a"}');
    await mkdir(path.join(folder, 'folder'), { recursive: true });
    await failsWith('data-not-utf8', { kind: 'text', path: 'latin1.txt' });
    await failsWith('data-not-utf8', { kind: 'text', path: 'cut.txt' });
    for (const file of ['bad.jsonl', 'list.jsonl', 'field.jsonl']) {
      await failsWith('data-jsonl', { kind: 'jsonl', path: file, field: 'text' });
    }
    await failsWith('data-jsonl', { kind: 'jsonl', path: 'field.jsonl', field: 'constructor' });
    await failsWith('data-unreadable', { kind: 'text', path: 'missing.txt' });
    await failsWith('data-unreadable', { kind: 'text', path: 'folder' });
    if (process.platform !== 'win32') {
      execFileSync('mkfifo', [path.join(folder, 'pipe.txt')]);
      await failsWith('data-unreadable', { kind: 'text', path: 'pipe.txt' });
    }
    const small = { ...TEXT_LIMITS, fileBytes: 10, lineLength: 10 };
    await put('eleven.txt', 'x'.repeat(11));
    await failsWith('data-too-large', { kind: 'text', path: 'eleven.txt' }, small);
    await put('line.jsonl', JSON.stringify({ text: 'x'.repeat(20) }));
    const lines = { ...TEXT_LIMITS, lineLength: 10 };
    await failsWith('data-jsonl', { kind: 'jsonl', path: 'line.jsonl', field: 'text' }, lines);
  });

  it('follows a link to a regular file, as an editor would', async () => {
    await put('real.txt', 'abc');
    await symlink(path.join(folder, 'real.txt'), path.join(folder, 'link.txt'));
    assert.equal((await tokensOf({ kind: 'text', path: 'link.txt' })).length, 3);
  });

  describe('splits', () => {
    const config = (
      data: Partial<ResolvedConfig['data']>,
      schedule: ResolvedConfig['search']['schedule'] = 'simultaneous',
    ) =>
      ({
        data: {
          train: { kind: 'text', path: 'train.txt' },
          validation: 0.2,
          test: undefined,
          context: 4,
          ...data,
        },
        hybrid: { projectors: {} },
        search: { schedule, heldOut: 0.25 },
      }) as unknown as ResolvedConfig;
    /** The characters 1, 2, 3 …: every token tells its place. */
    const numbered = (count: number) =>
      Array.from({ length: count }, (_, i) => String.fromCodePoint(i + 1)).join('');
    const load = async (settings: ResolvedConfig) =>
      (await loadTextData(settings, folder, characters, inMemory())) as unknown as Record<
        'train' | 'searchTrain' | 'heldOut' | 'validation' | 'test',
        Int32Array
      >;

    it('cuts validation from the end of train, held-out data from the end of the rest', async () => {
      await put('train.txt', numbered(100));
      const data = await load(config({}, 'bilevel'));
      const parts = [data.searchTrain, data.heldOut, data.validation];
      assert.deepEqual(
        parts.map((part) => [part[0], part.at(-1)]),
        [
          [1, 60],
          [61, 80],
          [81, 100],
        ],
      );
      assert.deepEqual([...data.train], [...data.searchTrain, ...data.heldOut]);
    });

    it('keeps all of train where validation is a file and nothing is held out', async () => {
      await put('train.txt', numbered(50));
      await put('valid.txt', 'xyz');
      await put('test.txt', 'uv');
      const data = await load(
        config({
          validation: { kind: 'text', path: 'valid.txt' },
          test: { kind: 'text', path: 'test.txt' },
        }),
      );
      assert.equal(data.train.length, 50);
      assert.equal(data.searchTrain, data.train);
      assert.equal(data.heldOut, undefined);
      assert.deepEqual([...data.validation], [120, 121, 122]);
      assert.deepEqual([...data.test], [117, 118]);
    });

    it('says which part has too little text', async () => {
      await put('train.txt', numbered(10));
      const rejects = (settings: ResolvedConfig, message: RegExp) =>
        assert.rejects(load(settings), { code: 'not-enough-text', message });
      await rejects(config({ validation: 0.1 }), /validation text has 1 token/);
      await rejects(config({ context: 8 }), /training text has 8 tokens; 9 are needed/);
      await rejects(config({}, 'bilevel'), /held-out text has 2 tokens; 5 are needed/);
    });
  });
});

describe('batches', () => {
  const sequence = (length: number) => Int32Array.from({ length }, (_, i) => i + 1);

  it('predict the next token from windows of context + 1', () => {
    const stream = new TrainingBatches(sequence(6), 5, 1, 'search');
    const batch = stream.next(2);
    assert.deepEqual([...batch.ids], [1, 2, 3, 4, 5, 1, 2, 3, 4, 5]);
    assert.deepEqual([...batch.targets], [2, 3, 4, 5, 6, 2, 3, 4, 5, 6]);
    assert.equal(batch.scored, 10);
    assert.deepEqual(stream.position, { epoch: 1, index: 1 });
  });

  it('show every whole window once an epoch, in an order of its own each epoch', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 90 }),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(1000),
        (length, context, seed) => {
          fc.pre(length > context);
          const stream = new TrainingBatches(sequence(length), context, seed, 'search');
          const epoch = () => Array.from({ length: stream.windows }, () => stream.next(1).ids[0]!);
          const wanted = Array.from({ length: stream.windows }, (_, w) => w * context + 1);
          for (const starts of [epoch(), epoch()]) {
            assert.deepEqual(
              starts.sort((a, b) => a - b),
              wanted,
            );
          }
        },
      ),
    );
    const order = (seed: number, name: string) =>
      [...new TrainingBatches(sequence(101), 1, seed, name).next(100).ids].join();
    assert.equal(order(1, 'search'), order(1, 'search'));
    assert.notEqual(order(1, 'search'), order(2, 'search'));
    assert.notEqual(order(1, 'search'), order(1, 'heldOut'));
  });

  it('go on from a stored position as if they had never stopped', () => {
    fc.assert(
      fc.property(fc.nat(40), fc.integer({ min: 1, max: 4 }), (before, size) => {
        const make = () => new TrainingBatches(sequence(32), 3, 9, 'finetune');
        const uncut = make();
        for (let i = 0; i < before; i++) uncut.next(size);
        const resumed = make();
        resumed.restore(JSON.parse(JSON.stringify(uncut.position)) as typeof uncut.position);
        for (let i = 0; i < 8; i++) assert.deepEqual(resumed.next(size), uncut.next(size));
      }),
    );
  });

  it('refuse positions that cannot be', () => {
    const stream = new TrainingBatches(sequence(32), 3, 9, 'finetune');
    for (const position of [
      { epoch: -1, index: 0 },
      { epoch: 0, index: 99 },
      { epoch: 0.5, index: 0 },
    ]) {
      assert.throws(() => stream.restore(position), RangeError);
    }
  });

  it('evaluate every token but the first exactly once, whatever the sizes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 60 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 5 }),
        (length, context, size) => {
          const batches = new EvaluationBatches(sequence(length), context, size, 'validation');
          const all = [...batches.all()];
          const targets = all.flatMap((batch) => [...batch.targets]).filter((t) => t !== IGNORED);
          assert.deepEqual(targets, [...sequence(length)].slice(1));
          for (const batch of all) {
            batch.targets.forEach((target, i) => {
              if (target !== IGNORED) assert.equal(batch.ids[i], target - 1);
            });
            assert.equal(batch.scored, batch.targets.filter((t) => t !== IGNORED).length);
          }
          assert.equal(
            batches.scored,
            all.reduce((sum, { scored }) => sum + scored, 0),
          );
        },
      ),
    );
    assert.throws(() => new EvaluationBatches(sequence(1), 4, 2, 'test'), {
      code: 'not-enough-text',
    });
  });
});
