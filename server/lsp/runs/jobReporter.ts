/** Tells the client how a job goes, in few messages: what follows on each other within a moment is put together. */
import type { ServerNotifications } from '../../contract/editor';

export type JobMessage = ServerNotifications['manticore/jobProgress']['message'];

const periodMs = 50;

export class JobReporter {
  #waiting: JobMessage[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sent: Promise<void> = Promise.resolve();

  constructor(private readonly send: (message: JobMessage) => Promise<void>) {}

  tell(message: JobMessage): void {
    const last = this.#waiting.at(-1);
    const together = last === undefined ? undefined : put(last, message);
    if (together === undefined) this.#waiting.push(message);
    else this.#waiting[this.#waiting.length - 1] = together;
    this.#timer ??= setTimeout(() => this.#flush(), periodMs);
  }

  /** Resolves when all is out. */
  async end(): Promise<void> {
    this.#flush();
    await this.#sent;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const messages = this.#waiting;
    this.#waiting = [];
    this.#sent = this.#sent.then(async () => {
      for (const message of messages) await this.send(message);
    });
    // A client that is gone is told no more; `end` meets it.
    this.#sent.catch(() => undefined);
  }
}

/** Both as one, where the second only goes on with the first. */
function put(first: JobMessage, second: JobMessage): JobMessage | undefined {
  if (first.type === 'text' && second.type === 'text') {
    return { type: 'text', text: first.text + second.text };
  }
  if (first.type === 'progress' && second.type === 'progress') return second;
  const sameFile =
    first.type === 'download' && second.type === 'download' && first.file === second.file;
  return sameFile ? second : undefined;
}
