import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Contestant } from './contestants';
import { mergeRows, readKept, writeKept } from './kept';
import { pageOf } from './page';
import { jsonOf, tableText, type BenchReport } from './report';
import type { MeasuredRow } from './results';
import { BENCH_ROWS } from './rows';
import { measureRow, type RowMeasurement, type RowSettings } from './turns';

interface Told {
  readonly values?: readonly number[];
  readonly memoryBytes?: number | null;
  readonly milliseconds?: readonly (readonly number[])[];
  readonly endsAt?: string;
}

const row = BENCH_ROWS.find(({ name }) => name === 'mamba')!;

describe('bench: turns', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'manticore-bench-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const standIn = (name: string, side: Contestant['side'], told: Told = {}): Contestant => ({
    ...{ name, side },
    start: () => ({
      command: process.execPath,
      args: [
        path.resolve('test/bench/engine/standIn.mjs'),
        JSON.stringify({
          ...{ name, log: path.join(folder, 'log'), values: [2, 1], memoryBytes: 4e6 },
          ...{ milliseconds: [[10]], ...told },
        }),
      ],
    }),
  });
  const measure = (
    contestants: readonly Contestant[],
    settings: Partial<RowSettings> = {},
    stepMilliseconds: readonly number[] = [],
  ): Promise<RowMeasurement> => {
    // A clock that is read before and after each of the first steps, which take as long as they are told.
    let milliseconds = 0;
    const readings = stepMilliseconds.flatMap((took) => [0, took]);
    return measureRow(contestants, {
      ...{
        folder,
        turns: 3,
        checkedSteps: 2,
        trialTurn: true,
        profileSteps: () => 0,
        say: () => undefined,
        now: () => (milliseconds += readings.shift() ?? 0),
      },
      ...settings,
    });
  };
  const log = async () => (await readFile(path.join(folder, 'log'), 'utf8')).trim().split('\n');
  const report = (measurement: RowMeasurement): BenchReport => ({
    machine: { cpu: 'a CPU', cores: 2, memoryBytes: 8e9, system: 'Linux 1', loadAtStart: 0.5 },
    versions: { manticore: '1.0', torch: '2.13.0' },
    ...{ turns: 3, threads: 2 },
    measured: [{ row, load: 0.5, measurement }],
    gemm: [{ threads: 1, tier: 'relaxed', gflops: 30, peakGflops: 40, peakShare: 0.75 }],
  });

  it('asks one after the other, each turn all of them', async () => {
    await measure([standIn('ours', 'ours'), standIn('peer-loop', 'peer')], { turns: 2 });
    assert.deepEqual(await log(), [
      ...['ours load', 'ours check', 'ours check'],
      ...['peer-loop load', 'peer-loop check', 'peer-loop check'],
      ...['ours turn', 'peer-loop turn', 'ours turn', 'peer-loop turn'],
    ]);
  });

  it('drops the slower of two peers after one turn each, and starts the other’s turns anew', async () => {
    const { contestants } = await measure([
      standIn('ours', 'ours', { milliseconds: [[4], [5], [6]] }),
      standIn('peer-loop', 'peer', { milliseconds: [[90]] }),
      standIn('peer-mambapy', 'peer', { milliseconds: [[80], [20], [21], [22]] }),
    ]);
    assert.deepEqual(
      contestants.map(({ name, finished, turns }) => [name, finished, turns.flat()]),
      [
        ['ours', true, [4, 5, 6]],
        ['peer-mambapy', true, [20, 21, 22]],
        ['peer-loop', false, [90]],
      ],
    );
  });

  it('tells two peers apart by their second step where a turn is not asked for', async () => {
    const { contestants, checked } = await measure(
      [standIn('peer-loop', 'peer'), standIn('peer-mambapy', 'peer'), standIn('ours', 'ours')],
      { trialTurn: false, checkedSteps: 5 },
      [500, 300, 400, 200, 700, 600],
    );
    assert.deepEqual(
      contestants.map(({ name, finished, turns }) => [name, finished, turns.length]),
      [
        ['peer-mambapy', true, 3],
        ['ours', true, 3],
        ['peer-loop', false, 1],
      ],
    );
    assert.deepEqual(contestants[2]!.turns, [[300]]);
    // Of each of the three requests.
    assert.equal(checked, 6);
  });

  it('asks a peer for no second step whose first shows that it is the slower one', async () => {
    const { contestants, checked } = await measure(
      [standIn('ours', 'ours'), standIn('peer-mambapy', 'peer'), standIn('peer-loop', 'peer')],
      { trialTurn: true, checkedSteps: 2 },
      [200, 100, 300, 150, 601],
    );
    assert.deepEqual(
      contestants.map(({ name, finished, turns }) => [name, finished, turns.length]),
      [
        ['ours', true, 3],
        ['peer-mambapy', true, 3],
        ['peer-loop', false, 0],
      ],
    );
    assert.deepEqual(
      (await log()).filter((line) => line.startsWith('peer-loop')),
      ['peer-loop load', 'peer-loop check'],
    );
    assert.equal(checked, 4);
  });

  it('gives a build without joined vectors every second turn', async () => {
    const { contestants } = await measure([standIn('ours', 'ours'), standIn('relaxed', 'plainer')]);
    assert.deepEqual(
      contestants.map(({ turns }) => turns.length),
      [3, 2],
    );
  });

  it('times nothing where the two compute different things', async () => {
    const contestants = [
      standIn('ours', 'ours', { values: [2, 1.001] }),
      standIn('peer-loop', 'peer', { values: [2, 1.0] }),
    ];
    await assert.rejects(measure(contestants), /ours and peer-loop do not compute the same/);
    assert.ok((await log()).every((line) => !line.endsWith('turn')));
  });

  it('says which process ended, and at what', async () => {
    const contestants = [standIn('ours', 'ours'), standIn('peer-loop', 'peer', { endsAt: 'turn' })];
    await assert.rejects(measure(contestants), /peer-loop.*ended at `turn`/s);
  });

  it('reports ratios of medians with their targets, and builds without joined vectors apart', async () => {
    const measurement = await measure([
      standIn('ours', 'ours', { milliseconds: [[9], [10], [90]], memoryBytes: 3e6 }),
      standIn('relaxed', 'plainer', { milliseconds: [[20]] }),
      standIn('peer-loop', 'peer', { milliseconds: [[40]] }),
    ]);
    const { machine, versions, rows, withoutRevectorisation } = jsonOf(report(measurement));
    assert.equal(machine.cores, 2);
    assert.equal(versions['torch'], '2.13.0');
    assert.deepEqual(rows, [
      { name: 'mamba', metric: 'time', ours: 10, peer: 40, ratio: 0.25, target: 0.4 },
      { name: 'mamba', metric: 'memory', ours: 3e6, peer: 4e6, ratio: 0.75, target: 0.4 },
    ]);
    assert.deepEqual(
      withoutRevectorisation.map(({ build, metric, ratio }) => [build, metric, ratio]),
      [['relaxed', 'time', 0.5]],
    );
    const text = tableText(report(measurement));
    assert.match(text, /time +10\.0 ms a step +40\.0 ms a step +0\.25 +≤ 0\.4 +met/);
    assert.match(text, /memory +3 MB +4 MB +0\.75 +≤ 0\.4 +missed/);
  });

  it('measures alone, and says so', async () => {
    const measurement = await measure([standIn('ours', 'ours')]);
    const { rows } = jsonOf(report(measurement));
    assert.deepEqual(rows[0], {
      ...{ name: 'mamba', metric: 'time', ours: 10, peer: null, ratio: null, target: 0.4 },
    });
    assert.match(tableText(report(measurement)), /MANTICORE_PEER_PYTHON/);
    assert.match(pageOf(report(measurement)), /MANTICORE_PEER_PYTHON/);
  });

  it('leaves memory out where the system does not tell it', async () => {
    const measurement = await measure([standIn('ours', 'ours', { memoryBytes: null })]);
    assert.deepEqual(
      jsonOf(report(measurement)).rows.map(({ metric }) => metric),
      ['time'],
    );
  });

  it('shows in the page why a row falls short: a profile of both sides', async () => {
    const measurement = await measure(
      [standIn('ours', 'ours', { milliseconds: [[30]] }), standIn('peer-loop', 'peer')],
      { profileSteps: ({ contestants }) => contestants.length },
    );
    const page = pageOf(report(measurement));
    assert.match(page, /Not measured here: GPT-NeoX training step, d 128.*; Scan, forward/);
    assert.match(page, /Falls short: time 3\.00, not 0\.4/);
    assert.match(page, /\| `gemm` \| 1\.00 \| 50\.0 % \| 2 \|/);
    assert.equal((await log()).filter((line) => line.endsWith('profile')).length, 2);
  });
});

describe('bench: rows of several goes', () => {
  const measuredAt = (name: string, load: number): MeasuredRow => ({
    row: BENCH_ROWS.find((each) => each.name === name)!,
    load,
    measurement: { contestants: [], checked: 5, difference: 0 },
  });

  it('puts newer ones in the place of older ones, in the order of the table', async () => {
    const file = path.join(tmpdir(), `manticore-kept-${process.pid}.json`);
    try {
      assert.deepEqual(await readKept(file), { measured: [], gemm: [] });
      await writeKept(file, {
        measured: [measuredAt('scan-growth', 1), measuredAt('mamba', 2)],
        gemm: [],
      });
      const { measured } = await readKept(file);
      const all = mergeRows(measured, [measuredAt('mamba', 0.1), measuredAt('generation', 3)]);
      assert.deepEqual(
        all.map(({ row: { name }, load }) => [name, load]),
        [
          ['mamba', 0.1],
          ['generation', 3],
          ['scan-growth', 1],
        ],
      );
    } finally {
      await rm(file, { force: true });
    }
  });
});

describe('bench: a scan’s growth', () => {
  it('is the last length’s time a token over the first’s, of medians', () => {
    const scan = BENCH_ROWS.find(({ kind }) => kind === 'scan')!;
    const contestant = (side: Contestant['side'], turns: number[][]) => ({
      ...{
        name: side,
        side,
        versions: {},
        memoryBytes: 1,
        processBytes: 2,
        tensorBytes: undefined,
      },
      ...{ turns, finished: true, profile: undefined },
    });
    const contestants = [
      contestant('ours', [
        [2, 9, 2],
        [4, 9, 4.4],
        [4, 9, 6],
      ]),
      contestant('peer', [[10, 9, 20]]),
    ];
    const measured = [
      { row: scan, load: 0, measurement: { contestants, checked: 7, difference: 0 } },
    ];
    const machine = { cpu: '', cores: 2, memoryBytes: 8e9, system: '', loadAtStart: 0 };
    const { rows } = jsonOf({ machine, versions: {}, turns: 3, threads: 2, measured, gemm: [] });
    const growth = { ours: 1.1, peer: 2, ratio: 1.1, target: 1.2 };
    assert.deepEqual(rows, [{ name: 'scan-growth', metric: 'time', ...growth }]);
  });
});
