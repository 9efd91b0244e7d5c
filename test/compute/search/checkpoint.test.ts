import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openEngine } from '../../../server/compute/engine/engine';
import {
  readSnapshot,
  readTensors,
  writeCheckpoint,
} from '../../../server/compute/search/checkpoint';
import { initialAdamw } from '../../../server/compute/search/optimiser';
import { checkSnapshot, type RunSnapshot } from '../../../server/compute/search/snapshot';
import { buildTiny, runPlan } from './runHarness';

const snapshot: RunSnapshot = {
  version: 1,
  job: 0,
  tick: 3,
  nextSeq: 9,
  data: 'a hash',
  weights: { neox: 'another hash' },
  finished: [],
};

describe('a checkpoint from anywhere', () => {
  let folder: string;
  before(() => openEngine('cpu'));
  beforeEach(async () => (folder = await mkdtemp(path.join(tmpdir(), 'manticore-check-'))));
  afterEach(() => rm(folder, { recursive: true }));
  const stateFile = () => path.join(folder, 'state.json');

  it('is read as it was written', async () => {
    await writeCheckpoint(folder, snapshot, undefined);
    assert.deepEqual(await readSnapshot(folder), snapshot);
  });

  it('is refused when its state is not one', async () => {
    const refused = () => assert.rejects(readSnapshot(folder), { code: 'checkpoint-damaged' });
    for (const text of [
      '',
      '{',
      'null',
      '{"version":2}',
      JSON.stringify({ ...snapshot, tick: -1 }),
      JSON.stringify({ ...snapshot, extra: 1 }),
      JSON.stringify({ ...snapshot, running: { parked: { x: { file: '../../etc/passwd' } } } }),
    ]) {
      await writeFile(stateFile(), text);
      await refused();
    }
    await rm(stateFile());
    await mkdir(stateFile());
    await refused();
    await rm(stateFile(), { recursive: true });
    await refused();
  });

  it('is refused when it belongs to another plan', () => {
    const plan = runPlan();
    const block = { a: [0.5, 0.5], live: [true, true] };
    const progress = { step: 1, weightUpdates: 1, tokens: 1, flops: 1, seconds: 1 };
    const withBlocks = (blocks: (typeof block & { pinned?: number[] })[], job = 0) => ({
      ...snapshot,
      finished: [
        {
          job,
          progress,
          architecture: { algorithm: 'gaea' as const, temperature: 1, blocks },
          results: [],
        },
      ],
    });
    checkSnapshot(snapshot, plan);
    checkSnapshot(withBlocks([block, { ...block, pinned: [0, 1] }]), plan);
    for (const damaged of [
      { ...snapshot, job: 99 },
      withBlocks([block, block], 99),
      withBlocks([block]),
      withBlocks([block, { ...block, a: [1] }]),
      withBlocks([block, { ...block, live: [false, false] }]),
      withBlocks([block, { ...block, pinned: [1] }]),
    ]) {
      assert.throws(() => checkSnapshot(damaged, plan), { code: 'checkpoint-damaged' });
    }
  });

  it('is refused when its tensors are another model’s', async () => {
    const build = (width: number) =>
      buildTiny(
        runPlan({ hybrid: { components: [{ name: 'a', family: 'gpt2', layers: 2, width }] } }),
        [[true], [true]],
        1,
      );
    const [small, large] = [await build(4), await build(8)];
    await writeCheckpoint(folder, snapshot, { model: small, adamw: initialAdamw() });
    await readTensors(folder, { model: small, adamw: initialAdamw() }, {});
    await assert.rejects(readTensors(folder, { model: large, adamw: initialAdamw() }, {}), {
      code: 'checkpoint-damaged',
    });
    small.dispose();
    large.dispose();
  });
});
