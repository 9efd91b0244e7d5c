import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { identityOf } from '../../server/runs/processIdentity';
import { findPublication, publish } from '../../server/runs/runtimeFolder';
import { kill } from './childProgram';
import { inTemporaryFolder, newRun } from './runFixtures';

describe('two processes that start on one run at once', () => {
  it('one gets it, also where a dead one left its record', () =>
    inTemporaryFolder(async (folder) => {
      const { dir, id } = await newRun(folder);
      const children = Array.from({ length: 4 }, () =>
        spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { stdio: 'ignore' }),
      );
      try {
        const [dead, ...others] = await Promise.all(
          children.map(async (child) => (await identityOf(child.pid!))!),
        );
        await publish(dir, id, dead!);
        await kill(children[0]!);
        const outcomes = await Promise.allSettled(others.map((each) => publish(dir, id, each)));
        const won = outcomes.filter((outcome) => outcome.status === 'fulfilled');
        assert.equal(won.length, 1);
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') {
            assert.equal((outcome.reason as { code: string }).code, 'already-running');
          }
        }
        assert.equal((await findPublication(dir))?.record.pid, won[0]!.value.record.pid);
      } finally {
        await Promise.all(children.map(kill));
      }
    }));
});
