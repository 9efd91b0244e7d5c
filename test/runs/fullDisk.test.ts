import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeSync } from 'node:fs';
import { mkdir, open, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CheckpointStore, latestCheckpoint } from '../../server/runs/checkpointStore';
import { EventLog } from '../../server/runs/eventLog';
import { failRun } from '../../server/runs/failRun';
import { readEvents } from '../../server/runs/readEvents';
import { readManifest, updateManifest } from '../../server/runs/runFolder';
import { runState } from '../../server/runs/runState';
import { inTemporaryFolder, newRun, started, step } from './runFixtures';

/** Mounts a file system of `bytes`, where this user may; `false` where not. */
function mountSmall(folder: string, bytes: number): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

const failure = { code: 'disk-full', message: 'No space is left.', hint: 'Free some.' };

describe('a full disk', () => {
  it('cuts a half-written line off again and names itself', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      let room = 700;
      const log = await EventLog.open(dir, {
        write: (file, bytes) => {
          if (room === 0) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
          const taken = writeSync(file, bytes.subarray(0, Math.min(room, bytes.length, 100)));
          room -= taken;
          return taken;
        },
      });
      log.append(started);
      const append = (): void => {
        for (let number = 1; number < 10; number++) log.append(step(number));
      };
      assert.throws(append, { code: 'disk-full', name: 'RunError' });
      room = 10_000;
      log.append({ type: 'failed', ...failure });
      log.close();
      const { events, skipped } = await readEvents(dir);
      assert.equal(skipped, 0);
      assert.deepEqual(
        events.map((event) => event.seq),
        events.map((_, at) => at),
      );
      assert.equal(events.at(-1)!.type, 'failed');
      assert.ok(events.length >= 3);
    }));

  it('ends a run as failed, with its last checkpoint whole', function () {
    return inTemporaryFolder(async (folder) => {
      const mounted = path.join(folder, 'disk');
      await mkdir(mounted);
      if (!mountSmall(mounted, 2 * 1024 * 1024)) return this.skip();
      try {
        const { dir } = await newRun(mounted);
        await updateManifest(dir, { state: 'running', pid: process.pid });
        const log = await EventLog.open(dir);
        log.append(started);
        const store = await CheckpointStore.open(dir);
        const write = (at: number, bytes: number) =>
          store.write(at, (to) => writeFile(path.join(to, 'weights.bin'), Buffer.alloc(bytes, at)));
        await write(10, 300_000);
        await assert.rejects(write(20, 4_000_000), { code: 'disk-full' });

        const ballast = await open(path.join(mounted, 'ballast'), 'w');
        await assert.rejects(
          async () => {
            for (;;) await ballast.write(Buffer.alloc(4096, 1));
          },
          { code: 'ENOSPC' },
        );
        await ballast.close();
        const append = (): void => {
          for (let number = 11; ; number++) log.append(step(number));
        };
        assert.throws(append, { code: 'disk-full' });
        await assert.rejects(updateManifest(dir, { state: 'paused' }), { code: 'disk-full' });
        assert.equal((await readManifest(dir)).state, 'running');

        await failRun(dir, log, failure);
        log.close();
        assert.equal((await readManifest(dir)).state, 'failed');
        assert.equal(await runState(dir), 'failed');
        const { events, skipped } = await readEvents(dir);
        assert.equal(skipped, 0);
        assert.equal(events.at(-1)!.type, 'failed');
        const { checkpoint, warnings } = await latestCheckpoint(dir);
        assert.equal(checkpoint?.step, 10);
        assert.deepEqual(warnings, []);
      } finally {
        execFileSync('umount', [mounted]);
      }
    });
  });
});
