/** What a log says once its resumptions are applied: the state of a run is a replay of its events. */
import type { RunEvent } from '../contract/events';

/** What one event changed, for a reader that draws as it goes. */
export type ReplayChange =
  | { readonly kind: 'added' }
  /** Events from `fromSeq` on, except `control`, are gone: draw again from there. */
  | { readonly kind: 'superseded'; readonly fromSeq: number; readonly dropped: number };

/**
 * Replays a log, event by event. `resumed` drops the events from `supersedesFromSeq` up to itself, except `control`,
 * which holds at its recorded step whatever was computed around it.
 */
export class Replay {
  #events: RunEvent[] = [];

  /** The events that count, in the log's order. */
  get events(): readonly RunEvent[] {
    return this.#events;
  }

  push(event: RunEvent): ReplayChange {
    if (event.type !== 'resumed') {
      this.#events.push(event);
      return { kind: 'added' };
    }
    const from = this.#positionOf(event.supersedesFromSeq);
    const later = this.#events.splice(from);
    const kept = later.filter((each) => each.type === 'control');
    this.#events.push(...kept, event);
    return {
      kind: 'superseded',
      fromSeq: event.supersedesFromSeq,
      dropped: later.length - kept.length,
    };
  }

  /** Position of the first event whose `seq` is at least that; events are ascending. */
  #positionOf(seq: number): number {
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#events[middle]!.seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The events that count, of a whole log in ascending order of `seq`. */
export function replay(events: Iterable<RunEvent>): RunEvent[] {
  const state = new Replay();
  for (const event of events) state.push(event);
  return [...state.events];
}
