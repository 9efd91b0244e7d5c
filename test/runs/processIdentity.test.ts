import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import {
  identityOf,
  isAlive,
  ownIdentity,
  signalProcess,
  type ProcessProbe,
} from '../../server/runs/processIdentity';
import { kill } from './childProgram';

const sleeper = () =>
  spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { stdio: 'ignore' });

describe('process identity', () => {
  it('is the same for as long as a process lives', async () => {
    const own = await ownIdentity();
    assert.deepEqual(await identityOf(process.pid), own);
    assert.ok(await isAlive(own));
  });

  it('ends with the process', async () => {
    const child = sleeper();
    const identity = (await identityOf(child.pid!))!;
    assert.ok(await isAlive(identity));
    await kill(child);
    assert.equal(await isAlive(identity), false);
    assert.equal(await signalProcess(identity, 'SIGTERM'), false);
  });

  it('never signals a process that only has the same pid', async () => {
    const child = sleeper();
    try {
      const real = (await identityOf(child.pid!))!;
      const stranger = { ...real, startTime: `${real.startTime}0` };
      assert.equal(await signalProcess(stranger, 'SIGKILL'), false);
      assert.ok(await isAlive(real));
      const exited = once(child, 'exit');
      assert.ok(await signalProcess(real, 'SIGTERM'));
      assert.deepEqual(await exited, [null, 'SIGTERM']);
    } finally {
      await kill(child);
    }
  });

  it('knows no process of an impossible pid', async () => {
    for (const pid of [0, -1, 1.5, Number.NaN, 2 ** 40])
      assert.equal(await identityOf(pid), undefined);
  });

  const probe = (platform: NodeJS.Platform, answers: Record<string, string>): ProcessProbe => {
    const answer = (key: string): Promise<string> => {
      const text = answers[key];
      return text === undefined
        ? Promise.reject(Object.assign(new Error(key), { code: 'ENOENT' }))
        : Promise.resolve(text);
    };
    return { platform, readText: answer, run: (file) => answer(path.win32.basename(file)) };
  };

  it('reads Linux: a name with brackets and spaces, a zombie, nobody', async () => {
    const stat = (state: string): string =>
      `7 (a) b ) ${state} 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 98765 1000 1 2 3`;
    const boot = { '/proc/sys/kernel/random/boot_id': 'aaaa-bbbb\n' };
    const alive = probe('linux', { ...boot, '/proc/7/stat': stat('S') });
    assert.deepEqual(await identityOf(7, alive), { pid: 7, startTime: 'aaaa-bbbb:98765' });
    const zombie = probe('linux', { ...boot, '/proc/7/stat': stat('Z') });
    assert.equal(await identityOf(7, zombie), undefined);
    assert.equal(await identityOf(7, probe('linux', boot)), undefined);
  });

  it('reads macOS: what `ps` prints', async () => {
    const line = 'Ss   Mon Nov  3 15:12:27 2026    \n';
    const identity = await identityOf(7, probe('darwin', { ps: line }));
    assert.equal(identity?.startTime, 'Mon Nov 3 15:12:27 2026');
    const zombie = probe('darwin', { ps: line.replace('Ss', 'Z+') });
    assert.equal(await identityOf(7, zombie), undefined);
    assert.equal(await identityOf(7, probe('darwin', {})), undefined);
  });

  it('reads Windows: the creation time, or nothing', async () => {
    const alive = probe('win32', { 'powershell.exe': '134083987471234567\r\n' });
    assert.equal((await identityOf(7, alive))?.startTime, '134083987471234567');
    assert.equal(await identityOf(7, probe('win32', { 'powershell.exe': '\r\n' })), undefined);
  });
});
