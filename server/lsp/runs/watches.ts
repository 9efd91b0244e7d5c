/** Runs whose events the client wants as they come. */
import type { ServerNotifications } from '../../contract/editor';
import type { RunEvent } from '../../contract/events';
import type { RunState } from '../../contract/run';
import { RunError } from '../../runs/runErrors';
import { runState } from '../../runs/runState';
import { tailBatches } from '../../runs/tailEvents';
import { systemCode } from '../../files/systemErrors';

type Notice = ServerNotifications['manticore/runEvents'];

/** At most ten messages a second. */
const periodMs = 100;
const pollMs = 500;
/** The state is asked for again after this long, events or not. */
const stateMs = process.platform === 'linux' ? 1_000 : 5_000;

export class Watches {
  readonly #watches = new Map<string, AbortController>();

  constructor(
    private readonly send: (notice: Notice) => Promise<void>,
    /** Why a watch ended that nobody ended. */
    private readonly log: (message: string) => void,
    /** A watched run's folder is gone. */
    private readonly gone: (dir: string) => void,
  ) {}

  has(dir: string): boolean {
    return this.#watches.has(dir);
  }

  /**
   * Sends every event from `fromSeq` on; a watch of the same run before is over.
   * @param position start of a line in the log, before which there is none of them
   */
  watch(dir: string, fromSeq: number, position: number, state: RunState): void {
    this.unwatch(dir);
    const controller = new AbortController();
    this.#watches.set(dir, controller);
    void this.#follow(dir, fromSeq, position, state, controller.signal)
      .catch((error: unknown) => {
        this.log(`${dir} is not followed any more: ${String(error)}`);
      })
      .finally(() => {
        if (this.#watches.get(dir) === controller) this.#watches.delete(dir);
      });
  }

  unwatch(dir: string): void {
    this.#watches.get(dir)?.abort();
    this.#watches.delete(dir);
  }

  dispose(): void {
    for (const controller of this.#watches.values()) controller.abort();
    this.#watches.clear();
  }

  async #follow(
    dir: string,
    fromSeq: number,
    position: number,
    known: RunState,
    signal: AbortSignal,
  ): Promise<void> {
    let state = known;
    let told: RunState | undefined;
    let askedAt = 0;
    const batches = tailBatches(dir, fromSeq, signal, { pollMs, position, chunksPerBatch: 1 });
    for await (const { events } of batches) {
      const overdue = Date.now() - askedAt > stateMs;
      if (overdue || events.some(changesState)) {
        askedAt = Date.now();
        state = (await stateOr(dir)) ?? state;
      }
      if (signal.aborted) return;
      if (events.length === 0 && state === told) continue;
      told = state;
      await this.send({ dir, events, state, gone: false });
      await pause(periodMs, signal);
    }
    if (signal.aborted) return;
    await this.send({ dir, events: [], state: 'lost', gone: true });
    this.gone(dir);
  }
}

const changesState = ({ type }: RunEvent): boolean => type !== 'step' && type !== 'evaluation';

/** `undefined` when the folder is on its way out. */
async function stateOr(dir: string): Promise<RunState | undefined> {
  try {
    return await runState(dir);
  } catch (error) {
    if (!(error instanceof RunError) && systemCode(error) === undefined) throw error;
    return undefined;
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });
}
