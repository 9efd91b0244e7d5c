/** Which build of the kernels is taken: measured once, kept for the machine, and never believed blindly. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EngineError } from '../../../server/compute/engine/errors';
import { openEngine } from '../../../server/compute/engine/engine';
import {
  fastestRight,
  measureTiers,
  type TierMeasure,
} from '../../../server/compute/engine/wasm/measureTiers';
import {
  chooseTier,
  keyOfThisMachine,
  readTier,
  tierFile,
} from '../../../server/compute/engine/wasm/tierChoice';
import { availableTiers } from '../../../server/compute/engine/wasm/tiers';

const measure = (tier: TierMeasure['tier'], seconds: number, error = 1e-6): TierMeasure => ({
  ...{ tier, seconds, error },
});

describe('the tier that is taken', () => {
  before(() => openEngine('cpu'));

  it('is the fastest of those that compute right', () => {
    const all = [measure('simd', 3), measure('relaxed', 2), measure('relaxed256', 1)];
    assert.equal(fastestRight(all), 'relaxed256');
    const wrong = [measure('simd', 3), measure('relaxed', 2), measure('relaxed256', 1, 0.01)];
    assert.equal(fastestRight(wrong), 'relaxed');
    const nan = [
      measure('simd', 3),
      measure('relaxed', 2, NaN),
      measure('relaxed256', 1, Infinity),
    ];
    assert.equal(fastestRight(nan), 'simd');
  });

  it('is the simpler one when another gains next to nothing', () => {
    const tie = [measure('simd', 2), measure('relaxed', 1.95), measure('relaxed256', 1.7)];
    assert.equal(fastestRight(tie), 'simd');
    assert.equal(
      fastestRight([measure('simd', 2), measure('relaxed', 1), measure('relaxed256', 0.9)]),
      'relaxed',
    );
  });

  it('is none when all compute wrong', () => {
    assert.throws(
      () => fastestRight([measure('simd', 1, 0.5), measure('relaxed', 1, 0.25)]),
      (error) => error instanceof EngineError && error.code === 'self-check-failed',
    );
  });

  it('is found by a check and a time for each that this Node runs', async () => {
    const measures = await measureTiers();
    assert.deepEqual(
      measures.map(({ tier }) => tier),
      availableTiers().reverse(),
    );
    for (const { tier, error, seconds } of measures) {
      assert.ok(error > 0 && error <= 1e-4, `${tier}: ${error}`);
      assert.ok(seconds > 0, `${tier}: ${seconds} s`);
    }
    if (process.env['SHOW_ENGINES']) console.log(measures);
  });
});

describe('the choice of a tier', () => {
  const key = keyOfThisMachine();
  const known = availableTiers()[0]!;
  let cacheFolder: string;
  let measured: number;
  beforeEach(async () => {
    cacheFolder = await mkdtemp(path.join(tmpdir(), 'manticore-tiers-'));
    measured = 0;
  });
  afterEach(() => rm(cacheFolder, { recursive: true }));
  const day = 24 * 60 * 60 * 1000;
  /** @param found the tier that is the fastest in this moment */
  const choose = (
    more: { anew?: boolean; key?: typeof key; cacheFolder?: string; now?: number } = {},
    found = known,
  ) =>
    chooseTier({
      ...{ cacheFolder, key, anew: false, now: 1000 * day, ...more },
      measure: () => {
        measured++;
        return Promise.resolve([measure('simd', 1), measure(found, found === 'simd' ? 1 : 0.1)]);
      },
    });

  it('is made once, and read afterwards', async () => {
    assert.equal(await choose(), known);
    assert.equal(await choose(), known);
    assert.equal(measured, 1);
    const [name, ...others] = await readdir(path.join(cacheFolder, 'tiers'));
    assert.equal(tierFile(cacheFolder, key), path.join(cacheFolder, 'tiers', name!));
    assert.deepEqual(others, [], 'nothing is left beside it');
  });

  it('is that of a process which measured meanwhile', async () => {
    const slower = chooseTier({
      ...{ cacheFolder, key, anew: false },
      measure: async () => {
        assert.equal(await choose(), known);
        return [measure('simd', 1), measure(known, 10)];
      },
    });
    assert.equal(await slower, known);
    assert.equal(readTier(tierFile(cacheFolder, key), key)?.tier, known);
  });

  it('is one where several processes measure in the same moment, each another fastest', async () => {
    const several = Array.from({ length: 8 }, (_, at) => choose({}, at % 2 ? known : 'simd'));
    assert.equal(new Set(await Promise.all(several)).size, 1);
    assert.equal(measured, 8);
    assert.equal(await choose(), await several[0]);
  });

  it('is made anew when asked for, and replaces what was known', async () => {
    await choose();
    const file = tierFile(cacheFolder, key);
    const content = JSON.parse(await readFile(file, 'utf8')) as object;
    await writeFile(file, JSON.stringify({ ...content, tier: 'simd' }));
    assert.equal(await choose(), 'simd');
    assert.equal(await choose({ anew: true }), known);
    assert.equal(await choose(), known);
    assert.equal(measured, 2);
  });

  it('is made anew on another day, until two days’ measurements agree', async () => {
    assert.equal(await choose({ now: 1000 * day }, 'simd'), 'simd', 'in a busy moment');
    assert.equal(await choose({ now: 1000.9 * day }), 'simd');
    assert.equal(measured, 1);
    assert.equal(await choose({ now: 1001 * day }), known);
    assert.equal(measured, 2);
    assert.equal(await choose({ now: 1002 * day }), known);
    assert.equal(await choose({ now: 1002.5 * day }, 'simd'), known);
    // On a Node that has one tier alone the second day's already agrees.
    assert.equal(measured, known === 'simd' ? 2 : 3);
    assert.equal(await choose({ now: 2000 * day }, 'simd'), known, 'it holds for good');
    assert.equal(measured, known === 'simd' ? 2 : 3);
  });

  it('is not confirmed by a measurement of the same day', async () => {
    await choose({ now: 1000 * day }, 'simd');
    await choose({ now: 1000.1 * day, anew: true }, 'simd');
    assert.equal(readTier(tierFile(cacheFolder, key), key)!.confirmed, false);
    await choose({ now: 999 * day }, 'simd');
    assert.equal(readTier(tierFile(cacheFolder, key), key)!.confirmed, true, 'the clock was set');
  });

  it('is made anew for another Node, processor or build of the kernels', async () => {
    await choose();
    for (const other of [
      { node: 'v99.0.0' },
      { processor: 'another' },
      { processors: key.processors + 1 },
      { kernels: '00' },
    ]) {
      await choose({ key: { ...key, ...other } });
    }
    assert.equal(measured, 5);
    await choose();
    assert.equal(measured, 5, 'each has a file of its own');
  });

  it('takes a damaged file for none, and mends it', async () => {
    await choose();
    const file = tierFile(cacheFolder, key);
    const whole = await readFile(file, 'utf8');
    const damaged = [
      '',
      whole.slice(0, -9),
      'null',
      '[]',
      whole.replace('"format": 2', '"format": 1'),
      whole.replace(`"tier": "${known}",\n  "at"`, '"tier": "avx1024",\n  "at"'),
      whole.replace('"confirmed": false', '"confirmed": 1'),
      whole.replace(key.node, 'v1.2.3'),
      ' '.repeat(100_000) + whole,
    ];
    for (const text of damaged) {
      assert.notEqual(text, whole);
      await writeFile(file, text);
      assert.equal(readTier(file, key), undefined, text.slice(0, 40));
      assert.equal(await choose(), known);
      assert.equal(readTier(file, key)?.tier, known);
    }
    assert.equal(measured, 1 + damaged.length);
  });

  it('goes on where nothing can be written', async () => {
    const file = path.join(cacheFolder, 'a file');
    await writeFile(file, '');
    assert.equal(await choose({ cacheFolder: file }), known);
    assert.equal(await choose({ cacheFolder: file }), known);
    assert.equal(measured, 2);
  });

  it('is what an engine opens with', async function () {
    if (process.platform !== 'linux') this.skip();
    const before = process.env['XDG_CACHE_HOME'];
    process.env['XDG_CACHE_HOME'] = cacheFolder;
    try {
      const folder = path.join(cacheFolder, 'manticore');
      const first = await openEngine('wasm');
      first.dispose();
      const file = tierFile(folder, key);
      assert.equal(readTier(file, key)?.tier, first.tier);
      const content = JSON.parse(await readFile(file, 'utf8')) as object;
      await writeFile(file, JSON.stringify({ ...content, tier: 'simd' }));
      const second = await openEngine('wasm');
      assert.equal(second.tier, 'simd');
      second.dispose();
      const third = await openEngine('wasm', { measureAnew: true });
      assert.equal(readTier(file, key)?.tier, third.tier);
      third.dispose();
    } finally {
      if (before === undefined) delete process.env['XDG_CACHE_HOME'];
      else process.env['XDG_CACHE_HOME'] = before;
    }
  });
});
