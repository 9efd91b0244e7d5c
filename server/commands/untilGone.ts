/** Waits for the process that works on a run or a sweep to end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { findPublication } from '../runs/runtimeFolder';

/** A run that was stopped still writes its checkpoint's last word and its report. */
const MOST_MS = 60_000;
const POLL_MS = 50;

/** Resolves once nobody works on the folder any more, when the signal aborts, or after a minute. */
export async function untilGone(dir: string, signal: AbortSignal): Promise<void> {
  const end = performance.now() + MOST_MS;
  while (!signal.aborted && performance.now() < end && (await findPublication(dir)) !== undefined) {
    await sleep(POLL_MS);
  }
}
