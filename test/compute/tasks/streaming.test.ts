/** Data that don't fit the memory they may take: kept in files, the same to the bit, found again, cleaned away. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  rm,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { EvaluationBatches, TrainingBatches } from '../../../server/compute/tasks/batches';
import { digestOf } from '../../../server/compute/tasks/taskData';
import {
  LoadingStopped,
  loadTextData,
  type DataProgress,
  type LoadOptions,
  type TextData,
} from '../../../server/compute/tasks/text';
import { STORE_LIMITS, TokenStore } from '../../../server/compute/tasks/tokenStore';
import { windowOrder } from '../../../server/compute/tasks/windowOrder';
import type { DataSource, ResolvedConfig } from '../../../server/contract/config';
import { RandomStream } from '../../../server/models/random';
import { inMemory, TEMPLATE_PROGRAM } from './loading';

/** One token a character; tells how often it was asked. */
function counting() {
  const tokenizer = {
    calls: 0,
    encode: (text: string) => {
      tokenizer.calls += 1;
      return Array.from(text, (character) => character.codePointAt(0)!);
    },
    eos: 0,
    bytesOf: (id: number) => Buffer.from(String.fromCodePoint(id)),
    identity: 'characters' as string | undefined,
  };
  return tokenizer;
}

const config = (train: DataSource, schedule = 'bilevel') =>
  ({
    data: { train, validation: 0.2, test: undefined, context: 7 },
    hybrid: { projectors: {} },
    search: { schedule, heldOut: 0.25 },
  }) as unknown as ResolvedConfig;

const PAIRS = { kind: 'jsonl', path: 'pairs.jsonl', pair: { prompt: 'q', response: 'a' } } as const;
const TEXT = { kind: 'text', path: 'text.txt' } as const;
const LINES = { kind: 'jsonl', path: 'lines.jsonl', field: 'text' } as const;

describe('data larger than their memory', () => {
  let folder: string;
  let cache: string;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'manticore-stream-'));
    const letters = (length: number, from: number) =>
      Array.from({ length }, (_, i) => String.fromCharCode(97 + ((i * 7 + from) % 26))).join('');
    const lines = Array.from({ length: 40 }, (_, i) => letters(5 + (i % 9), i));
    await writeFile(path.join(folder, 'text.txt'), lines.join('\n'));
    const jsonl = (of: (line: string, i: number) => object) =>
      lines.map((line, i) => `${JSON.stringify(of(line, i))}\n`).join('');
    await writeFile(
      path.join(folder, 'lines.jsonl'),
      jsonl((text) => ({ text })),
    );
    const pairs = jsonl((line, i) => ({ q: line.slice(0, 2 + (i % 3)), a: line.slice(2) }));
    await writeFile(path.join(folder, 'pairs.jsonl'), pairs);
  });
  beforeEach(async () => (cache = await mkdtemp(path.join(folder, 'cache-'))));
  after(() => rm(folder, { recursive: true }));

  const few = { ...STORE_LIMITS, memory: 16 };
  const streaming = (more: Partial<LoadOptions> = {}, limits = few): LoadOptions => ({
    store: new TokenStore(cache, limits),
    templateProgram: TEMPLATE_PROGRAM,
    ...more,
  });
  const load = (source: DataSource, options: LoadOptions, tokenizer = counting()) =>
    loadTextData(config(source), folder, tokenizer, options);

  /** Every batch that a run would see of the splits. */
  function seen({ train, searchTrain, heldOut, validation }: TextData) {
    const batches = [train, searchTrain, heldOut!].map((split) => {
      const stream = new TrainingBatches(split, 7, 3, 'search');
      return Array.from({ length: 2 * stream.windows }, () => stream.next(2));
    });
    return [...batches, [...new EvaluationBatches(validation, 7, 3, 'validation').all()]];
  }

  for (const [name, source] of Object.entries({ TEXT, LINES, PAIRS })) {
    it(`${name}: gives the batches and the digest that it gives from memory`, async () => {
      const options = streaming();
      const [memory, file] = [await load(source, inMemory()), await load(source, options)];
      assert.equal((await readdir(cache)).length, 1, 'it is in a file');
      assert.deepEqual(seen(file), seen(memory));
      assert.equal(await digestOf(file), await digestOf(memory));
      await options.store.close();
    });
  }

  it('keeps the digest of data in memory what it was before there were files', async () => {
    const { train, searchTrain, heldOut, validation } = await load(TEXT, inMemory());
    const hash = createHash('sha256');
    for (const ids of [searchTrain, heldOut!, validation] as Int32Array[]) {
      hash.update(`${ids.length};`).update(new Uint8Array(Int32Array.from(ids).buffer));
    }
    const data = { train, searchTrain, heldOut, validation, test: undefined };
    assert.equal(await digestOf(data), hash.update('-1;').digest('hex'));
  });

  it('holds no more of a source in memory than it may', async () => {
    const store = new TokenStore(cache, { ...STORE_LIMITS, memory: 1000 });
    let most = 0;
    await store.encode('long', false, async ({ tokens }) => {
      for (let i = 0; i < 3000; i++) {
        await tokens.append(new Int32Array(99));
        most = Math.max(most, tokens.held);
      }
      return { cut: 0, dropped: 0 };
    });
    assert.ok(most <= 1000 + 99, String(most));
    await store.close();
  });

  it('is encoded once: a later run finds it, one with another tokenizer or source does not', async () => {
    const tokenizer = counting();
    const first = streaming();
    const before = await digestOf(await load(TEXT, first, tokenizer));
    await first.store.close();
    const { calls } = tokenizer;
    assert.ok(calls > 0);
    const second = streaming();
    assert.equal(await digestOf(await load(TEXT, second, tokenizer)), before);
    assert.equal(tokenizer.calls, calls);
    await second.store.close();
    const third = streaming();
    await load(TEXT, third, Object.assign(tokenizer, { identity: 'another' }));
    assert.ok(tokenizer.calls > calls);
    await appendFile(path.join(folder, 'text.txt'), '!');
    assert.notEqual(await digestOf(await load(TEXT, third, tokenizer)), before);
    assert.equal((await readdir(cache)).length, 3);
    await third.store.close();
  });

  it('makes again what is damaged, and leaves nothing of a tokenizer that can’t be named', async () => {
    const first = streaming();
    const before = await digestOf(await load(LINES, first));
    await first.store.close();
    const [entry] = await readdir(cache);
    await truncate(path.join(cache, entry!, 'tokens'), 8);
    const second = streaming();
    assert.equal(await digestOf(await load(LINES, second)), before);
    await second.store.close();
    await rm(path.join(cache, entry!), { recursive: true });
    const third = streaming();
    const nameless = Object.assign(counting(), { identity: undefined });
    await loadTextData(config(LINES), folder, nameless, third);
    assert.equal((await readdir(cache)).length, 1);
    await third.store.close();
    assert.deepEqual(await readdir(cache), []);
  });

  it('says so when the encoded file is cut under a run, and when the source changes under the encoding', async () => {
    const options = streaming();
    const { train } = await load(TEXT, options);
    const [entry] = await readdir(cache);
    await truncate(path.join(cache, entry!, 'tokens'), 64);
    const stream = new TrainingBatches(train, 7, 1, 'search');
    assert.throws(() => Array.from({ length: stream.windows }, () => stream.next(1)), {
      code: 'tokens-changed',
    });
    await options.store.close();
    const changing = counting();
    const { encode } = changing;
    changing.identity = 'changing';
    changing.encode = (text) => {
      void utimes(path.join(folder, 'lines.jsonl'), 1, 1);
      return encode(text);
    };
    const other = streaming();
    await assert.rejects(load(LINES, other, changing), { code: 'data-changed' });
    await other.store.close();
    assert.deepEqual(await readdir(cache), [entry], 'nothing is left of it');
  });

  it('gives up at once when it is asked to', async () => {
    let asked = 0;
    const slow = counting();
    const { encode } = slow;
    slow.encode = (text) => {
      const until = performance.now() + 5;
      while (performance.now() < until);
      return encode(text);
    };
    const options = streaming({ isStopped: () => ++asked > 1 });
    await assert.rejects(load(LINES, options, slow), LoadingStopped);
    assert.ok(slow.calls < 20, `${slow.calls} of 40`);
    assert.deepEqual(await readdir(cache), []);
  });

  it('tells how far it is', async () => {
    const told: DataProgress[] = [];
    const options = streaming({ onProgress: (progress) => told.push(progress) });
    await load(LINES, options);
    await options.store.close();
    assert.deepEqual([told[0]!.bytes, told.at(-1)!.bytes], [0, told[0]!.totalBytes]);
    assert.ok(told.every(({ split }) => split === 'train'));
  });

  it('cleans away what was not used for long, and the oldest beyond the total', async () => {
    const make = async (name: string, bytes: number, hoursAgo: number): Promise<void> => {
      await mkdir(path.join(cache, name));
      const then = new Date(Date.now() - hoursAgo * 3600_000);
      for (const file of ['tokens', 'entry.json']) {
        await writeFile(path.join(cache, name, file), Buffer.alloc(file === 'tokens' ? bytes : 0));
        await utimes(path.join(cache, name, file), then, then);
      }
      await utimes(path.join(cache, name), then, then);
    };
    await make('unused', 10, 31 * 24);
    await make('old', 4000, 48);
    await make('recent', 4000, 24);
    await make('.1-abandoned', 10, 25);
    await make('.2-written', 10, 1);
    const options = streaming({}, { ...few, totalBytes: 7000 });
    await load(TEXT, options);
    await options.store.close();
    const left = (await readdir(cache)).filter((name) => name.length < 64);
    assert.deepEqual(left.sort(), ['.2-written', 'recent']);
  });
});

describe('orders of windows', () => {
  it('computed ones are permutations, of the seed and the epoch alone', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 3000 }), fc.nat(1000), (windows, seed) => {
        const order = windowOrder(windows, seed, 'data/search/0', 1);
        const all = Array.from({ length: windows }, (_, place) => order(place));
        assert.equal(new Set(all).size, windows);
        assert.ok(all.every((window) => window >= 0 && window < windows));
      }),
      { numRuns: 60 },
    );
    const first = (seed: number, name: string) =>
      Array.from({ length: 50 }, (_, place) => windowOrder(1e6, seed, name, 1)(place)).join();
    assert.equal(first(1, 'a'), first(1, 'a'));
    assert.notEqual(first(1, 'a'), first(2, 'a'));
    assert.notEqual(first(1, 'a'), first(1, 'b'));
  });

  it('computed ones mix as drawn ones do: neighbours land as far apart, places are all as likely', () => {
    const windows = 4096;
    const order = windowOrder(windows, 5, 'data/search/0', 1);
    let distance = 0;
    for (let place = 1; place < windows; place++) {
      distance += Math.abs(order(place) - order(place - 1)) / windows;
    }
    // Two uniform places are a third apart in the mean.
    assert.ok(Math.abs(distance / (windows - 1) - 1 / 3) < 0.02, String(distance / windows));
    const counts = new Array<number>(8).fill(0);
    for (let seed = 0; seed < 4000; seed++) counts[windowOrder(8, seed, 'x', 1)(0)]! += 1;
    for (const count of counts) assert.ok(Math.abs(count - 500) < 110, String(counts));
  });

  it('small ones are drawn as they always were', () => {
    const table = Uint32Array.from({ length: 20 }, (_, w) => w);
    RandomStream.named(7, 'data/search/3').shuffle(table);
    const order = windowOrder(20, 7, 'data/search/3');
    assert.deepEqual(
      [...table],
      Array.from({ length: 20 }, (_, place) => order(place)),
    );
  });
});
