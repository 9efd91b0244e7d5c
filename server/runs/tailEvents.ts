/** Follows a run's log as it grows: file system notices where they work, a look every so often everywhere. */
import { watch, type FSWatcher } from 'node:fs';
import type { RunEvent } from '../contract/events';
import { LogCursor } from './logLines';
import { exists, systemCode } from '../files/systemErrors';

export interface TailOptions {
  /** Milliseconds between looks; notices come earlier. */
  readonly pollMs?: number;
  /** Start of a line of the log before which nothing is wanted. */
  readonly position?: number;
  /** MiB of log that are held as events at once. */
  readonly chunksPerBatch?: number;
}

/** What one look at the log found. */
export interface TailBatch {
  readonly events: readonly RunEvent[];
  /** The end of the log was reached. */
  readonly caughtUp: boolean;
  /** Lines passed over since the start: damaged, hostile, or of a later version. */
  readonly skipped: number;
}

/**
 * Every event from `fromSeq` on, as written (superseded ones and `resumed` included: see `Replay`), until `signal` is
 * aborted or the run folder is gone.
 * @throws RunError `unsafe-file` when the log is no regular file
 */
export async function* tailEvents(
  dir: string,
  fromSeq: number,
  signal: AbortSignal,
  options: TailOptions = {},
): AsyncGenerator<RunEvent, void, undefined> {
  for await (const batch of tailBatches(dir, fromSeq, signal, options)) yield* batch.events;
}

/** As `tailEvents`, a batch a look, empty ones included. */
export async function* tailBatches(
  dir: string,
  fromSeq: number,
  signal: AbortSignal,
  options: TailOptions = {},
): AsyncGenerator<TailBatch, void, undefined> {
  const cursor = new LogCursor(dir, options.position ?? 0, fromSeq - 1);
  const notice = new Notice(dir, signal);
  try {
    while (!signal.aborted) {
      const batch = await look(cursor, options.chunksPerBatch ?? 8);
      if (batch === undefined) return;
      yield batch;
      if (batch.caughtUp) await notice.wait(options.pollMs ?? 250);
    }
  } finally {
    notice.close();
  }
}

/** Some new events; none while the log isn't there yet; `undefined` once the folder is gone. */
async function look(cursor: LogCursor, chunks: number): Promise<TailBatch | undefined> {
  const events: RunEvent[] = [];
  try {
    const caughtUp = await cursor.read(({ event }) => events.push(event), chunks);
    return { events, caughtUp, skipped: cursor.skipped };
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    cursor.restart();
    return (await exists(cursor.dir))
      ? { events, caughtUp: true, skipped: cursor.skipped }
      : undefined;
  }
}

/** Waits for a change in a folder, a time, or the end, whichever comes first. */
class Notice {
  #watcher: FSWatcher | undefined;
  #changed = false;
  #wake: (() => void) | undefined;
  readonly #onAbort = (): void => this.#wake?.();

  constructor(
    folder: string,
    private readonly signal: AbortSignal,
  ) {
    signal.addEventListener('abort', this.#onAbort);
    try {
      this.#watcher = watch(folder, () => {
        this.#changed = true;
        this.#wake?.();
      });
      // Network file systems and exhausted watchers give errors: looking now and then is enough.
      this.#watcher.on('error', () => this.#closeWatcher());
    } catch {
      this.#watcher = undefined;
    }
  }

  async wait(milliseconds: number): Promise<void> {
    if (!this.#changed && !this.signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, milliseconds);
        this.#wake = (): void => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#wake = undefined;
    this.#changed = false;
  }

  close(): void {
    this.signal.removeEventListener('abort', this.#onAbort);
    this.#closeWatcher();
  }

  #closeWatcher(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}
