/** Events on their way to the panel's page. */
import assert from 'node:assert/strict';
import { EventFeed } from '../../client/panel/eventFeed';
import type { RunEvent } from '../../server/contract/events';

/** Events of the given numbers; the feed looks at nothing else. */
const events = (...seqs: number[]): RunEvent[] =>
  seqs.map((seq) => ({ type: 'warning', seq, time: '', code: 'c', message: 'm' }));

describe('events for the panel’s page', () => {
  it('are of no use before a snapshot', () => {
    const feed = new EventFeed();
    assert.equal(feed.isFollowing, false);
    assert.deepEqual(feed.take(events(0, 1)), []);
  });

  it('go on from the snapshot, none of them twice', () => {
    const feed = new EventFeed();
    feed.begin(3);
    assert.deepEqual(feed.take(events(1, 2, 3, 4)), events(3, 4));
    assert.deepEqual(feed.take(events(4, 5)), events(5));
    assert.deepEqual(feed.take([]), []);
  });

  it('that are missing are asked for once, however many batches follow before the answer', () => {
    const feed = new EventFeed();
    feed.begin(3);
    assert.equal(feed.take(events(5)), 'missing');
    assert.deepEqual(feed.take(events(6)), []);
    assert.deepEqual(feed.take(events(7)), []);
    feed.begin(8);
    assert.deepEqual(feed.take(events(8)), events(8));
  });
});
