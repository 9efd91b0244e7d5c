/** A run's log, read whole. */
import type { RunEvent } from '../contract/events';
import { LogCursor } from './logLines';
import { Replay } from './replay';

export interface LogContents {
  readonly events: RunEvent[];
  /** Lines that were no valid event: damaged, hostile, or of a later version. */
  readonly skipped: number;
}

/** Every valid event as written, superseded ones included. */
export async function readRawEvents(dir: string): Promise<LogContents> {
  const events: RunEvent[] = [];
  const cursor = new LogCursor(dir);
  await cursor.read(({ event }) => events.push(event));
  return { events, skipped: cursor.skipped };
}

/** The events that count: the log with its resumptions applied. */
export async function readEvents(dir: string): Promise<LogContents> {
  const state = new Replay();
  const cursor = new LogCursor(dir);
  await cursor.read(({ event }) => void state.push(event));
  return { events: [...state.events], skipped: cursor.skipped };
}
