import assert from 'node:assert/strict';
import { once } from 'node:events';
import path from 'node:path';
import { readFile } from 'node:fs/promises';
import { latestCheckpoint } from '../../server/runs/checkpointStore';
import { readEvents } from '../../server/runs/readEvents';
import { RunIndex } from '../../server/runs/runIndex';
import { kill, startProgram } from './childProgram';
import { eventually, inTemporaryFolder, search } from './runFixtures';

describe('kill -9 at any moment', () => {
  it('leaves a log that replays and a checkpoint that is whole, again and again', () =>
    inTemporaryFolder(async (dir) => {
      let reached = 0;
      for (let round = 0; round < 8; round++) {
        const child = await startProgram('appendEvents', [dir]);
        try {
          await once(child.stdout!, 'data');
          // A slow disk may take longer for a checkpoint than the moments below.
          if (round === 0) await eventually(async () => (await latestCheckpoint(dir)).checkpoint);
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 120));
        } finally {
          await kill(child);
        }
        const { events, skipped } = await readEvents(dir);
        assert.equal(skipped, 0);
        const steps = events.filter((event) => event.type === 'step').map((event) => event.step);
        assert.deepEqual(
          steps,
          steps.map((_, at) => at + 1),
          'no step is missing or told twice',
        );
        assert.deepEqual([...(await RunIndex.open(dir)).steps(search)], steps);

        const told = events.findLast((event) => event.type === 'checkpoint');
        const { checkpoint, warnings } = await latestCheckpoint(dir);
        assert.deepEqual(warnings, [], 'a checkpoint that is there is whole');
        assert.ok((checkpoint?.step ?? 0) >= (told?.step ?? 0), 'what the log tells of is there');
        assert.ok((checkpoint?.step ?? 0) >= reached, 'what was there stays');
        reached = checkpoint?.step ?? 0;
        assert.ok(reached > 0, 'some checkpoint was reached');
        if (checkpoint !== undefined) {
          const weights = await readFile(path.join(checkpoint.dir, 'weights.bin'));
          assert.ok(weights.every((byte) => byte === checkpoint.step % 256));
        }
      }
    }));
});
