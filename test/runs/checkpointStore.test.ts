import assert from 'node:assert/strict';
import {
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { CheckpointStore } from '../../server/runs/checkpointStore';
import { RunError } from '../../server/runs/runErrors';
import { inTemporaryFolder } from './runFixtures';

const fill =
  (text: string) =>
  async (dir: string): Promise<void> => {
    await mkdir(path.join(dir, 'weights'));
    await writeFile(path.join(dir, 'weights', 'model.safetensors'), text);
    await writeFile(path.join(dir, 'state.json'), '{}');
  };
const names = async (dir: string): Promise<string[]> =>
  (await readdir(path.join(dir, 'checkpoints'))).sort();

describe('the checkpoint store', () => {
  it('keeps the newest two', () =>
    inTemporaryFolder(async (dir) => {
      const store = await CheckpointStore.open(dir);
      assert.equal((await store.latest()).checkpoint, undefined);
      for (const step of [100, 200, 300]) {
        assert.equal(
          (await store.write(step, fill(`at ${step}`))).path,
          `checkpoints/step-000${step}`,
        );
      }
      assert.deepEqual(await names(dir), ['step-000200', 'step-000300']);
      const { checkpoint, warnings } = await store.latest();
      assert.equal(checkpoint!.step, 300);
      assert.deepEqual(warnings, []);
      const weights = path.join(checkpoint!.dir, 'weights', 'model.safetensors');
      assert.equal(await readFile(weights, 'utf8'), 'at 300');
    }));

  const damages: readonly [string, RegExp, (dir: string) => Promise<void>][] = [
    [
      'a cut file',
      /bytes instead of/,
      (dir) => truncate(path.join(dir, 'weights/model.safetensors'), 3),
    ],
    [
      'another byte',
      /other bytes/,
      (dir) => writeFile(path.join(dir, 'weights/model.safetensors'), 'at 20x'),
    ],
    ['a missing file', /missing/, (dir) => rm(path.join(dir, 'state.json'))],
    ['a missing manifest', /missing/, (dir) => rm(path.join(dir, 'manifest.json'))],
    ['a torn manifest', /not JSON/, (dir) => truncate(path.join(dir, 'manifest.json'), 40)],
    ['a file too many', /not in its manifest/, (dir) => writeFile(path.join(dir, 'extra'), '')],
    [
      'a link',
      /regular/,
      async (dir) => {
        await rm(path.join(dir, 'state.json'));
        await symlink('/etc/hostname', path.join(dir, 'state.json'));
      },
    ],
    [
      'a folder that is a link',
      /not a folder/,
      async (dir) => {
        await rename(path.join(dir, 'weights'), `${dir}-elsewhere`);
        await symlink(`${dir}-elsewhere`, path.join(dir, 'weights'));
      },
    ],
    [
      'a name that leads out',
      /leads out/,
      async (dir) => {
        const manifest = path.join(dir, 'manifest.json');
        const text = await readFile(manifest, 'utf8');
        await writeFile(
          manifest,
          text.replace('weights/model.safetensors', '../../../../etc/hostname'),
        );
      },
    ],
  ];
  for (const [what, why, damage] of damages) {
    it(`falls back to the one before when the newest has ${what}`, () =>
      inTemporaryFolder(async (dir) => {
        const store = await CheckpointStore.open(dir);
        await store.write(100, fill('at 100'));
        const newest = await store.write(200, fill('at 200'));
        await damage(newest.dir);
        const { checkpoint, warnings } = await store.latest();
        assert.equal(checkpoint?.step, 100);
        assert.equal(warnings.length, 1);
        assert.match(warnings[0]!, why);
      }));
  }

  it('replaces one of the same step, and drops those of a superseded future', () =>
    inTemporaryFolder(async (dir) => {
      const store = await CheckpointStore.open(dir);
      await store.write(100, fill('first'));
      await store.write(200, fill('damaged later'));
      const again = await store.write(100, fill('second'));
      assert.deepEqual(await names(dir), ['step-000100']);
      assert.equal(
        await readFile(path.join(again.dir, 'weights/model.safetensors'), 'utf8'),
        'second',
      );
    }));

  it('leaves the others untouched when a checkpoint fails', () =>
    inTemporaryFolder(async (dir) => {
      const store = await CheckpointStore.open(dir);
      await store.write(100, fill('at 100'));
      const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
      await assert.rejects(
        store.write(200, async (folder) => {
          await writeFile(path.join(folder, 'half'), 'x');
          throw full;
        }),
        (error) => error instanceof RunError && error.code === 'disk-full',
      );
      assert.deepEqual(await names(dir), ['step-000100']);
    }));

  it("removes a dead process's leftovers and puts back what it was replacing", () =>
    inTemporaryFolder(async (dir) => {
      const store = await CheckpointStore.open(dir);
      const kept = await store.write(100, fill('at 100'));
      const folder = path.join(dir, 'checkpoints');
      await rename(kept.dir, path.join(folder, 'old-100-999999999-dead-12345678'));
      await mkdir(path.join(folder, 'temp-200-999999999-dead-12345678'));
      const again = await CheckpointStore.open(dir);
      assert.deepEqual(await names(dir), ['step-000100']);
      assert.equal((await again.latest()).checkpoint?.step, 100);
    }));

  it('refuses a `checkpoints` that is a link', () =>
    inTemporaryFolder(async (dir) => {
      await mkdir(path.join(dir, 'elsewhere'));
      await symlink(path.join(dir, 'elsewhere'), path.join(dir, 'checkpoints'));
      await assert.rejects(CheckpointStore.open(dir), { code: 'unsafe-file' });
    }));
});
