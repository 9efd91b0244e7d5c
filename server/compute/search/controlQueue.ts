/** Requests that arrive while a step runs, waiting for the next boundary. */
import type { ControlReply, ControlRequest } from '../../contract/control';

export interface PendingControl {
  readonly request: ControlRequest;
  readonly reply: (reply: ControlReply) => void;
}

/** The control server pushes, the loop takes. */
export class ControlQueue {
  private readonly waiting: PendingControl[] = [];
  private wake: (() => void) | undefined;
  private closed = false;

  /** Resolves once the request is applied, or refused, at a step boundary. */
  push(request: ControlRequest): Promise<ControlReply> {
    if (this.closed) {
      return Promise.resolve({ ok: false, code: 'run-over', message: 'The run has ended.' });
    }
    return new Promise((resolve) => {
      this.waiting.push({ request, reply: resolve });
      this.wake?.();
    });
  }

  /** Whether a stop waits: long work before the first step gives up for it. */
  get isStopWaiting(): boolean {
    return this.waiting.some(({ request }) => request.action === 'stop');
  }

  take(): PendingControl | undefined {
    return this.waiting.shift();
  }

  /** Resolves when there is something to take. */
  async wait(): Promise<void> {
    if (this.waiting.length > 0) return;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    this.wake = undefined;
  }

  /** Says yes to the stops that wait, and is closed. */
  stopBeforeSteps(): void {
    for (const { request, reply } of this.waiting) {
      if (request.action === 'stop') reply({ ok: true, step: 0 });
    }
    this.close();
  }

  /** Refuses what still waits and everything that comes later. */
  close(): void {
    this.closed = true;
    for (const { reply } of this.waiting.splice(0)) {
      reply({ ok: false, code: 'run-over', message: 'The run has ended.' });
    }
  }
}
