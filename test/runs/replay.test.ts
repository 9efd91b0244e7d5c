import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { NewRunEvent, RunEvent } from '../../server/contract/events';
import { Replay, replay } from '../../server/runs/replay';
import { search, started, step } from './runFixtures';

const log = (...events: NewRunEvent[]): RunEvent[] =>
  events.map((event, seq) => ({ ...event, seq, time: 'T' }));
const resumed = (fromStep: number, supersedesFromSeq: number): NewRunEvent => ({
  type: 'resumed',
  ...search,
  fromStep,
  supersedesFromSeq,
});
const pin: NewRunEvent = { type: 'control', ...search, action: 'pin', block: 1, step: 2 };
const told = (events: readonly RunEvent[]): string[] =>
  events.map((event) => ('step' in event ? `${event.type} ${event.step}` : event.type));

describe('replaying a log', () => {
  it('drops what a resumption supersedes, except control', () => {
    const events = log(started, step(1), step(2), pin, step(3), resumed(1, 2), step(2), step(3));
    assert.deepEqual(told(replay(events)), [
      'started',
      'step 1',
      'control 2',
      'resumed',
      'step 2',
      'step 3',
    ]);
  });

  it('keeps control through two resumptions, and drops the first of them', () => {
    const events = log(started, step(1), pin, resumed(1, 2), step(2), resumed(0, 1), step(1));
    assert.deepEqual(told(replay(events)), ['started', 'control 2', 'resumed', 'step 1']);
  });

  it('tells a reader that draws what went', () => {
    const state = new Replay();
    const changes = log(started, step(1), pin, step(2), resumed(0, 1)).map((e) => state.push(e));
    assert.deepEqual(changes.at(-1), { kind: 'superseded', fromSeq: 1, dropped: 2 });
    assert.deepEqual(changes[0], { kind: 'added' });
  });

  it('a resumption that supersedes nothing, or what is still to come, drops nothing', () => {
    assert.equal(replay(log(started, step(1), resumed(1, 2), step(2))).length, 4);
    assert.equal(replay(log(started, step(1), resumed(1, 900), step(2))).length, 4);
  });

  it('is what the contract says, for any log', () => {
    const event = fc.oneof(
      fc.nat(9).map((number) => step(number + 1)),
      fc.constant(pin),
      fc.nat(30).map((from) => resumed(0, from)),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (made) => {
        const events = log(...made);
        // Word for word: an event counts unless a later resumption covers it and it is no control.
        const counts = events.filter((one) => {
          const covered = events.some(
            (later) =>
              later.type === 'resumed' && later.seq > one.seq && one.seq >= later.supersedesFromSeq,
          );
          return one.type === 'control' || !covered;
        });
        assert.deepEqual(replay(events), counts);
      }),
    );
  });
});
