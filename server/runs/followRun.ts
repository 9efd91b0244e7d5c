/** Follows a run to its end: what `search` and `attach` show. */
import type { RunEvent } from '../contract/events';
import { lastError } from './lastWords';
import { endOf, runState } from './runState';
import { findPublication } from './runtimeFolder';
import { tailBatches } from './tailEvents';

/** How following ended: as the run did, because its process is gone, or because the reader had enough. */
export type RunEnd =
  | { readonly kind: 'done' }
  | { readonly kind: 'stopped' }
  | {
      readonly kind: 'failed';
      readonly code: string;
      readonly message: string;
      readonly hint: string;
    }
  | {
      readonly kind: 'lost';
      /** The last error that the process, or who started it, wrote to `compute.log`. */
      readonly reason: string | undefined;
    }
  | { readonly kind: 'detached' };

export interface FollowOptions {
  readonly fromSeq?: number;
  /** Aborted: stop following. The run goes on. */
  readonly signal: AbortSignal;
  /** Every event, as written. */
  readonly onEvent: (event: RunEvent) => void;
  readonly pollMs?: number;
}

/** Calls `onEvent` for every event from `fromSeq` on, until its process is gone, or after the last word of a run
 * that nobody works on. */
export async function followRun(dir: string, options: FollowOptions): Promise<RunEnd> {
  let last: RunEvent | undefined;
  let goneBefore = false;
  let lived = false;
  for await (const batch of tailBatches(dir, options.fromSeq ?? 0, options.signal, {
    pollMs: options.pollMs ?? 250,
  })) {
    for (const event of batch.events) {
      options.onEvent(event);
      if (event.type !== 'warning') last = event;
    }
    // A log that grows is asked for its process once: that takes longer than a short step.
    if (!batch.caughtUp || (lived && batch.events.length > 0)) continue;
    const alive = (await findPublication(dir)) !== undefined;
    lived ||= alive;
    // While its process lives there may be more: a resumed run begins behind an old last word.
    if (alive || batch.events.length > 0) continue;
    const end = endIn(last);
    if (end !== undefined) return end;
    // Gone at two looks in a row: what it wrote before it went has been read in between.
    const state = await runState(dir);
    const waiting = state === 'running' || state === 'paused' || (state === 'starting' && !lived);
    if (!waiting && goneBefore) {
      return state === 'starting' || state === 'lost' ? lost(dir) : endOfState(state);
    }
    const gone = !waiting;
    goneBefore = gone;
  }
  return options.signal.aborted ? { kind: 'detached' } : lost(dir);
}

function endIn(event: RunEvent | undefined): RunEnd | undefined {
  if (event?.type === 'failed') {
    return { kind: 'failed', code: event.code, message: event.message, hint: event.hint };
  }
  const end = endOf(event);
  return end === 'done' || end === 'stopped' ? { kind: end } : undefined;
}

const lost = async (dir: string): Promise<RunEnd> => ({
  kind: 'lost',
  reason: await lastError(dir),
});

function endOfState(state: 'done' | 'stopped' | 'failed'): RunEnd {
  if (state !== 'failed') return { kind: state };
  return {
    kind: 'failed',
    code: 'failed',
    message: 'The run failed and could not write why.',
    hint: 'Look at compute.log in the run folder, then go on with `manticore resume`.',
  };
}
