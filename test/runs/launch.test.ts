import assert from 'node:assert/strict';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { RunEvent } from '../../server/contract/events';
import { ControlClient } from '../../server/runs/controlClient';
import { followRun } from '../../server/runs/followRun';
import { launchDetached, reasonIn } from '../../server/runs/launch';
import { identityOf, signalProcess } from '../../server/runs/processIdentity';
import { runState } from '../../server/runs/runState';
import { programPath } from './childProgram';
import { eventually, inTemporaryFolder, newRun } from './runFixtures';

const start = async (runDir: string, mode = '') =>
  launchDetached({
    computePath: await programPath('computeProcess'),
    runDir,
    nodePath: process.execPath,
    execArgv: ['--no-warnings'],
    args: [runDir, mode],
    env: {},
  });

/** Ends a launched process, and waits until it is gone. */
async function end(pid: number): Promise<void> {
  const identity = await identityOf(pid);
  if (identity === undefined) return;
  await signalProcess(identity, 'SIGKILL');
  await eventually(async () => ((await identityOf(pid)) === undefined ? true : undefined));
}

describe('launching the compute process', () => {
  it('returns once it answers, and can be followed to a stop', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      const { pid } = await start(dir);
      try {
        assert.notEqual(pid, process.pid);
        const events: RunEvent[] = [];
        const following = followRun(dir, {
          signal: new AbortController().signal,
          onEvent: (event) => events.push(event),
          pollMs: 20,
        });
        const client = await ControlClient.connect(dir);
        const pinned = await client.request({ action: 'pin', block: 1, weights: { neox: 1 } });
        assert.ok(pinned.ok);
        await assert.rejects(start(dir), { code: 'already-running' });
        assert.deepEqual(await client.request({ action: 'prune', block: 1, component: 'neox' }), {
          ok: false,
          code: 'last-component',
          message: 'The last component stays.',
        });
        assert.ok((await client.request({ action: 'stop', checkpoint: true })).ok);
        client.close();
        assert.deepEqual(await following, { kind: 'stopped' });
        assert.ok(events.some((event) => event.type === 'control' && event.step === pinned.step));
        assert.equal(await runState(dir), 'stopped');
      } finally {
        await end(pid);
      }
    }));

  it('says why it died, without a stack', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      await assert.rejects(start(dir, 'throw'), (error: Error) => {
        assert.equal(
          error.message,
          'The compute process ended before it was ready: the engine wasm needs 5.1 GB, this machine has 4 GB',
        );
        return true;
      });
      assert.match(await readFile(path.join(dir, 'compute.log'), 'utf8'), /\n\s+at /);
    }));

  it("leaves the run's own reason, where it wrote one, to those who follow", () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      await start(dir, 'fail');
      const options = { signal: new AbortController().signal, onEvent: () => undefined };
      const end = await followRun(dir, options);
      assert.ok(end.kind === 'failed');
      assert.deepEqual([end.code, end.hint], ['bad-weights', 'Pull it again.']);
      assert.equal(await runState(dir), 'failed');
    }));

  it('leaves one that was killed as soon as it had begun to those who follow', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      await start(dir, 'die');
      const options = { signal: new AbortController().signal, onEvent: () => undefined };
      const end = await followRun(dir, options);
      assert.ok(end.kind === 'lost');
      assert.match(end.reason ?? '', /^It ended with SIGKILL\./);
    }));

  it('says so when there is no such Node', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      const launch = { computePath: 'x.js', runDir: dir, execArgv: [], env: {} };
      const missing = launchDetached({ ...launch, nodePath: path.join(folder, 'no-node') });
      await assert.rejects(missing, { code: 'start-failed' });
    }));

  it('follows one that is killed to its loss', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      const { pid } = await start(dir);
      let events = 0;
      const following = followRun(dir, {
        signal: new AbortController().signal,
        onEvent: () => {
          events++;
        },
        pollMs: 100,
      });
      await eventually(() => Promise.resolve(events > 1 || undefined));
      await end(pid);
      const lost = await following;
      assert.ok(lost.kind === 'lost');
      assert.match(lost.reason ?? '', /^It ended with SIGKILL\. .*memory ran out/);
    }));

  it('follows a second launch past the last word of the first', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      const options = { signal: new AbortController().signal, pollMs: 20 };
      await start(dir, '3');
      assert.deepEqual(await followRun(dir, { ...options, onEvent: () => undefined }), {
        kind: 'done',
      });
      const { pid } = await start(dir);
      try {
        const ends: string[] = [];
        const following = followRun(dir, {
          ...options,
          onEvent: (event) => {
            if (event.type === 'finished') ends.push(event.status);
          },
        });
        const client = await ControlClient.connect(dir);
        await client.request({ action: 'stop', checkpoint: false });
        client.close();
        assert.deepEqual(await following, { kind: 'stopped' });
        assert.deepEqual(ends, ['done', 'stopped']);
      } finally {
        await end(pid);
      }
    }));

  it('does not write its output through a link', () =>
    inTemporaryFolder(async (folder) => {
      const { dir } = await newRun(folder);
      const secret = path.join(folder, 'secret');
      await writeFile(secret, 'secret');
      await symlink(secret, path.join(dir, 'compute.log'));
      await assert.rejects(start(dir), { code: 'unsafe-file' });
      assert.equal(await readFile(secret, 'utf8'), 'secret');
    }));

  it('finds the sentence in what a process printed last', () => {
    const stack =
      'x.js:3\n    throw y\n    ^\n\nRangeError: too big\n    at f (x.js:3:4)\n\nNode.js v24.0.0\n';
    assert.equal(reasonIn(stack, 'code 1'), 'too big');
    assert.equal(reasonIn('Out of memory.\n', 'SIGKILL'), 'Out of memory.');
    assert.equal(reasonIn('', 'SIGKILL'), 'it ended with SIGKILL.');
    assert.equal(reasonIn('Error [ERR_X]: no\n    at a\n  code: 5,\n}\n', 'code 1'), 'no');
  });
});
