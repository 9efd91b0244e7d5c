import assert from 'node:assert/strict';
import { appendFile, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { EventLog } from '../../server/runs/eventLog';
import {
  formatEventLine,
  maximumLineBytes,
  parseEventLine,
  sealEvent,
} from '../../server/runs/eventSchema';
import { readEvents, readRawEvents } from '../../server/runs/readEvents';
import { finished, inTemporaryFolder, started, step } from './runFixtures';

describe('the event log', () => {
  it('gives every event its place and time, and reads them back', () =>
    inTemporaryFolder(async (dir) => {
      const log = await EventLog.open(dir, { now: () => new Date('2026-01-02T03:04:05Z') });
      const events = [log.append(started), log.append(step(1)), log.append(finished)];
      log.close();
      assert.deepEqual(
        events.map((event) => event.seq),
        [0, 1, 2],
      );
      assert.equal(events[0]!.time, '2026-01-02T03:04:05.000Z');
      assert.deepEqual(await readEvents(dir), { events, skipped: 0 });
    }));

  it('goes on where an earlier process stopped', () =>
    inTemporaryFolder(async (dir) => {
      const first = await EventLog.open(dir);
      first.append(started);
      first.close();
      const second = await EventLog.open(dir);
      assert.equal(second.append(step(1)).seq, 1);
      second.close();
      assert.equal((await readEvents(dir)).events.length, 2);
    }));

  it('ignores a torn last line when reading, cuts it off when writing', () =>
    inTemporaryFolder(async (dir) => {
      const log = await EventLog.open(dir);
      log.append(started);
      log.append(step(1));
      log.close();
      const file = path.join(dir, 'events.jsonl');
      const whole = (await stat(file)).size;
      await appendFile(file, '{"seq":2,"time":"2026-01-02T03:04:05Z","type":"st');
      assert.deepEqual(
        (await readEvents(dir)).events.map((event) => event.seq),
        [0, 1],
      );
      assert.equal((await readEvents(dir)).skipped, 0);
      const again = await EventLog.open(dir);
      assert.equal((await stat(file)).size, whole);
      assert.equal(again.append(step(2)).seq, 2);
      again.close();
      assert.deepEqual(
        (await readEvents(dir)).events.map((event) => event.seq),
        [0, 1, 2],
      );
    }));

  it('heals a log cut at any byte: what was whole stays, nothing else', () =>
    inTemporaryFolder(async (dir) => {
      const file = path.join(dir, 'events.jsonl');
      const log = await EventLog.open(dir);
      for (let number = 1; number <= 6; number++) log.append(step(number));
      log.close();
      const bytes = await readFile(file);
      await fc.assert(
        fc.asyncProperty(fc.nat(bytes.length), async (cut) => {
          await writeFile(file, bytes.subarray(0, cut));
          const whole = bytes.subarray(0, cut).filter((byte) => byte === 10).length;
          const healed = await EventLog.open(dir);
          assert.equal(healed.append(step(99)).seq, whole);
          healed.close();
          const { events, skipped } = await readEvents(dir);
          assert.equal(events.length, whole + 1);
          assert.equal(skipped, 0);
        }),
        { numRuns: 25 },
      );
    }));

  it('writes a loss that is no number as null and reads it as NaN', () =>
    inTemporaryFolder(async (dir) => {
      const log = await EventLog.open(dir);
      const event = log.append({
        ...step(1),
        loss: Number.NaN,
        etaSeconds: Number.POSITIVE_INFINITY,
      } as never);
      log.close();
      assert.match(await readFile(path.join(dir, 'events.jsonl'), 'utf8'), /"loss":null/);
      const { events } = await readEvents(dir);
      assert.deepEqual(events, [event]);
      assert.ok(
        event.type === 'step' && Number.isNaN(event.loss) && Number.isNaN(event.etaSeconds),
      );
    }));

  it('skips and counts what is no event: unknown types, wrong types, out of order, too long', () =>
    inTemporaryFolder(async (dir) => {
      const good = (seq: number): string => sealEvent(step(seq + 1), seq, 'T').line;
      const lines = [
        good(0),
        '{"seq":1,"time":"T","type":"telepathy"}',
        good(1).replace('"loss":', '"loss":"low","x":'),
        'null',
        '\u0000\u0000\u0000',
        `{"seq":1,"time":"T","type":"warning","code":"x","message":"${'a'.repeat(maximumLineBytes)}"}`,
        good(0),
        good(2),
      ];
      await writeFile(path.join(dir, 'events.jsonl'), `${lines.join('\n')}\n`);
      const { events, skipped } = await readRawEvents(dir);
      assert.deepEqual(
        events.map((event) => event.seq),
        [0, 2],
      );
      // The repeated event is passed over as already read, not as damage.
      assert.equal(skipped, 5);
    }));

  it('refuses to write what no reader would take', () =>
    inTemporaryFolder(async (dir) => {
      const log = await EventLog.open(dir);
      assert.throws(() => log.append({ ...step(1), step: -1 } as never), TypeError);
      assert.equal(log.append(step(1)).seq, 0);
      log.close();
    }));

  it('keeps what a terminal would obey out of its lines', () => {
    const text = 'a\u001b[2J\u009b2J\u007f\n';
    const { line, event } = sealEvent({ type: 'warning', code: 'x', message: text }, 0, 'T');
    assert.doesNotMatch(line, /\p{Cc}/u);
    assert.ok(event.type === 'warning' && event.message === text);
  });

  it('never throws on any line', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseEventLine(text)));
    fc.assert(fc.property(fc.json(), (text) => void parseEventLine(text)));
    const keys = ['type', 'seq', 'time', 'stage', 'alphas', 'loss', 'selection', '__proto__'];
    const shapes = fc.dictionary(fc.constantFrom(...keys), fc.jsonValue());
    fc.assert(
      fc.property(shapes, fc.constantFrom('step', 'finished', 'control'), (value, type) => {
        parseEventLine(JSON.stringify({ ...value, type }));
      }),
    );
  });

  it('writes an event again as it was read', () => {
    for (const event of [started, step(3), finished]) {
      const sealed = sealEvent(event, 7, 'T');
      assert.equal(formatEventLine(sealed.event), sealed.line);
    }
  });
});
