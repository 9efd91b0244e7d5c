import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { latestCheckpoint } from '../../server/runs/checkpointStore';
import { runState } from '../../server/runs/runState';
import { findPublication } from '../../server/runs/runtimeFolder';
import { computed, eventsIn, ofType, rawEvents } from './runFiles';
import { eventually, Scene } from './scene';

/** A file system of its own, so small that it fills. */
function mountSmall(folder: string, bytes: number): boolean {
  if (process.platform !== 'linux') return false;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'none', folder], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

describe('a full disk', () => {
  it('ends the run as failed with its last checkpoint whole; with space again it goes on', async function () {
    const scene = await Scene.make();
    const disk = scene.path('disk');
    await mkdir(disk);
    if (!mountSmall(disk, 24 * 1024 * 1024)) {
      await scene.remove();
      console.log('      (this user may not mount a tmpfs)');
      return this.skip();
    }
    try {
      const config = await scene.config({ 'search.steps': 60, finetune: false, baselines: false });
      const whole = await scene.run(['search', config, '--json', '--out', 'whole']);
      assert.equal(whole.code, 0, whole.err);
      const expected = await computed((await scene.runs(scene.path('whole')))[0]!);

      const cli = scene.start(['search', config, '--json', '--out', disk]);
      const dir = await eventually('a checkpoint', async () => {
        const [made] = await scene.runs(disk);
        if (made === undefined) return undefined;
        return ofType(await rawEvents(made), 'checkpoint').some(({ step }) => step > 0)
          ? made
          : undefined;
      });
      // Held meanwhile: it would else be over before the disk is full.
      const { pid } = (await findPublication(dir))!.record;
      process.kill(pid, 'SIGSTOP');
      const ballast = await open(path.join(disk, 'ballast'), 'w');
      await assert.rejects(
        async () => {
          for (;;) await ballast.write(Buffer.alloc(64 * 1024, 1));
        },
        { code: 'ENOSPC' },
      );
      await ballast.close();
      process.kill(pid, 'SIGCONT');
      const { code, out, err } = await cli.ended;
      assert.equal(code, 3, err);
      const failed = eventsIn(out).at(-1)!;
      assert.equal(failed.type === 'failed' && failed.code, 'disk-full');
      assert.match(err, /^disk-full: .*\n.*resume/);
      assert.equal(await runState(dir), 'failed');
      const { checkpoint, warnings } = await latestCheckpoint(dir);
      assert.ok(checkpoint && checkpoint.step >= 8);
      assert.deepEqual(warnings, []);

      const again = await scene.run(['resume', dir, '--json']);
      assert.equal(again.code, 3, 'still full');
      assert.match(again.err, /^disk-full: /);
      await rm(path.join(disk, 'ballast'));
      const resumed = await scene.run(['resume', dir, '--json']);
      assert.equal(resumed.code, 0, resumed.err);
      assert.deepEqual(await computed(dir), expected);
    } finally {
      execFileSync('umount', ['-l', disk]);
      await scene.remove();
    }
  });
});
