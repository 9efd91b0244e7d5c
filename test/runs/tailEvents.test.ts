import assert from 'node:assert/strict';
import { appendFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { RunEvent } from '../../server/contract/events';
import { EventLog } from '../../server/runs/eventLog';
import { sealEvent } from '../../server/runs/eventSchema';
import { tailEvents } from '../../server/runs/tailEvents';
import { eventually, inTemporaryFolder, started, step } from './runFixtures';

/** A tail whose events are gathered; `end` stops it and gives what it was. */
function gather(dir: string, fromSeq = 0) {
  const stop = new AbortController();
  const events: RunEvent[] = [];
  const done = (async () => {
    for await (const event of tailEvents(dir, fromSeq, stop.signal, { pollMs: 20 }))
      events.push(event);
  })();
  return {
    events,
    done,
    until: (count: number) =>
      eventually(() => Promise.resolve(events.length >= count || undefined)),
    end: async (): Promise<number[]> => {
      stop.abort();
      await done;
      return events.map((event) => event.seq);
    },
  };
}

describe('following a log', () => {
  it('gives what is there, then what comes, in order', () =>
    inTemporaryFolder(async (dir) => {
      const log = await EventLog.open(dir);
      log.append(started);
      const tail = gather(dir);
      await tail.until(1);
      for (let number = 1; number <= 20; number++) log.append(step(number));
      await tail.until(21);
      log.close();
      assert.deepEqual(
        await tail.end(),
        Array.from({ length: 21 }, (_, seq) => seq),
      );
    }));

  it('begins at a place in the log', () =>
    inTemporaryFolder(async (dir) => {
      const log = await EventLog.open(dir);
      for (let number = 1; number <= 9; number++) log.append(step(number));
      const tail = gather(dir, 7);
      await tail.until(2);
      log.append(step(10));
      await tail.until(3);
      log.close();
      assert.deepEqual(await tail.end(), [7, 8, 9]);
    }));

  it('waits for a log that is not there yet', () =>
    inTemporaryFolder(async (dir) => {
      const tail = gather(dir);
      const log = await EventLog.open(dir);
      log.append(started);
      await tail.until(1);
      log.close();
      assert.deepEqual(await tail.end(), [0]);
    }));

  it('takes a line once it is whole, and survives the healing of a torn one', () =>
    inTemporaryFolder(async (dir) => {
      const file = path.join(dir, 'events.jsonl');
      const line = (seq: number): string => `${sealEvent(step(seq + 1), seq, 'T').line}\n`;
      await writeFile(file, line(0));
      const tail = gather(dir);
      await tail.until(1);
      await appendFile(file, line(1).slice(0, 30));
      await new Promise((resolve) => setTimeout(resolve, 60));
      assert.equal(tail.events.length, 1);
      await appendFile(file, line(1).slice(30));
      await tail.until(2);
      await appendFile(file, line(2).slice(0, 50));
      await new Promise((resolve) => setTimeout(resolve, 60));
      const log = await EventLog.open(dir);
      log.append(step(300));
      await tail.until(3);
      log.close();
      assert.deepEqual(await tail.end(), [0, 1, 2]);
    }));

  it('starts again when the log was cut, without telling anything twice', () =>
    inTemporaryFolder(async (dir) => {
      const file = path.join(dir, 'events.jsonl');
      const line = (seq: number): string => `${sealEvent(step(seq + 1), seq, 'T').line}\n`;
      await writeFile(file, line(0) + line(1) + line(2));
      const tail = gather(dir);
      await tail.until(3);
      await truncate(file, line(0).length);
      await new Promise((resolve) => setTimeout(resolve, 60));
      await appendFile(file, line(1) + line(2) + line(3));
      await tail.until(4);
      assert.deepEqual(await tail.end(), [0, 1, 2, 3]);
    }));

  it('passes over a gigantic line without holding it', () =>
    inTemporaryFolder(async (dir) => {
      const file = path.join(dir, 'events.jsonl');
      const line = (seq: number): string => `${sealEvent(step(seq + 1), seq, 'T').line}\n`;
      await writeFile(file, line(0));
      const tail = gather(dir);
      await tail.until(1);
      for (let part = 0; part < 5; part++) await appendFile(file, 'x'.repeat(2_500_000));
      await appendFile(file, `\n${line(1)}`);
      await tail.until(2);
      assert.deepEqual(await tail.end(), [0, 1]);
    }));

  it('ends when the run folder is removed', () =>
    inTemporaryFolder(async (dir) => {
      const log = await EventLog.open(dir);
      log.append(started);
      log.close();
      const tail = gather(dir);
      await tail.until(1);
      await rm(dir, { recursive: true });
      await tail.done;
      assert.equal(tail.events.length, 1);
    }));
});
