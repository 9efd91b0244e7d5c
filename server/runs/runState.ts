/** What a run is doing, from what can be believed: the runtime folder's record first, then the log, then `run.json`. */
import type { RunEvent } from '../contract/events';
import type { RunManifest, RunState } from '../contract/run';
import { parseEventLine, maximumLineBytes } from './eventSchema';
import { logName, maximumLogBytes } from './logLines';
import { readManifest } from './runFolder';
import { systemCode } from '../files/systemErrors';
import { RunError } from './runErrors';
import { findPublication } from './runtimeFolder';
import { readRange } from '../files/regularFile';
import { openInside } from './safeFiles';

/** A process that is being started has this long to publish itself. */
const startingMs = 120_000;

/**
 * State of a run. `running` and the like hold only while the very process that published itself lives; one that is gone
 * without a last word is `lost`.
 * @throws RunError `not-a-run`
 */
export async function runState(dir: string): Promise<RunState> {
  return stateOf(dir, await readManifest(dir));
}

/** As `runState`, for a manifest already read. */
export async function stateOf(dir: string, manifest: RunManifest): Promise<RunState> {
  const { state } = manifest;
  if ((await findPublication(dir)) !== undefined) {
    return state === 'paused' || state === 'starting' ? state : 'running';
  }
  if (state === 'done' || state === 'stopped' || state === 'failed') return state;
  const last = await lastEvent(dir);
  const ended = endOf(last);
  if (ended !== undefined) return ended;
  if (last !== undefined) return 'lost';
  const age = Date.now() - Date.parse(manifest.startedAt);
  return state === 'starting' && age >= 0 && age < startingMs ? 'starting' : 'lost';
}

/** How the run ended, when that event is its last word. */
export function endOf(event: RunEvent | undefined): 'done' | 'stopped' | 'failed' | undefined {
  if (event?.type === 'finished') return event.status;
  return event?.type === 'failed' ? 'failed' : undefined;
}

/** The last valid event of the log but warnings, read from the end. */
export async function lastEvent(dir: string): Promise<RunEvent | undefined> {
  let tail: Buffer;
  try {
    const { handle, size } = await openInside(dir, logName, maximumLogBytes);
    try {
      const length = Math.min(size, maximumLineBytes);
      tail = await readRange(handle, size - length, length);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof RunError || systemCode(error) !== undefined) return undefined;
    throw error;
  }
  let end = tail.lastIndexOf(10);
  while (end > 0) {
    const newline = tail.lastIndexOf(10, end - 1);
    const event = parseEventLine(tail.toString('utf8', newline + 1, end));
    if (event !== undefined && event.type !== 'warning') return event;
    end = newline;
  }
  return undefined;
}
