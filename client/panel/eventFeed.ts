/** Which events of a watched run its page still needs: none twice, none left out unseen. Pure. */
import type { RunEvent } from '../../server/contract/events';

export class EventFeed {
  /** Of the next event that the page doesn't have; `undefined` while it has no snapshot to go on from. */
  private nextSeq: number | undefined;

  /** A snapshot was sent. */
  begin(nextSeq: number): void {
    this.nextSeq = nextSeq;
  }

  /** What comes is of no use until the next snapshot. */
  stop(): void {
    this.nextSeq = undefined;
  }

  get isFollowing(): boolean {
    return this.nextSeq !== undefined;
  }

  /**
   * The events that are new; `missing` where some were left out before them: the log has them, and the feed has stopped,
   * so that one new snapshot is asked for however many batches come until it is there.
   */
  take(batch: readonly RunEvent[]): readonly RunEvent[] | 'missing' {
    const { nextSeq } = this;
    if (nextSeq === undefined) return [];
    const [first] = batch;
    if (first !== undefined && first.seq > nextSeq) {
      this.stop();
      return 'missing';
    }
    const events = batch.filter(({ seq }) => seq >= nextSeq);
    const last = events.at(-1);
    if (last !== undefined) this.nextSeq = last.seq + 1;
    return events;
  }
}
