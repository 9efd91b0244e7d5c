/**
 * The language server's end of the process that reads the disk: started when something is asked, ended when nothing was
 * for a while, replaced when a mount has hung it.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { deserialize } from 'node:v8';
import {
  DISK_PROCESS,
  type DiskKind,
  type DiskQuestion,
  type DiskQuestions,
  type DiskReply,
  type DiskRequest,
} from './diskProtocol';

/** Questions under way at once; the rest wait. */
const MAX_ASKED = 16;
/** Enough that a few hung reads leave room for the others. */
const THREADS = '32';
/** Processes in a row that ended without one answer, after which none is started for a while. */
const MAX_FRUITLESS = 3;
const REST = 10_000;

export interface DiskTimes {
  /** Milliseconds after which an unanswered question is given up, and its process with it. */
  readonly giveUp: number;
  /** Milliseconds without a question after which the process ends. */
  readonly idle: number;
}

const TIMES: DiskTimes = { giveUp: 30_000, idle: 60_000 };

export type DiskAnswer<T> =
  | { readonly kind: 'answer'; readonly value: T; readonly digest: string }
  /** As `known` says. */
  | { readonly kind: 'same' }
  /** Not in time, or its process ended over it. */
  | { readonly kind: 'none' };

interface Asked {
  readonly request: DiskRequest;
  readonly resolve: (answer: DiskAnswer<unknown>) => void;
  /** `undefined` while it waits in line. */
  since: number | undefined;
}

export class DiskClient {
  private child: ChildProcess | undefined;
  private readonly asked = new Map<number, Asked>();
  private nextId = 0;
  private isDisposed = false;
  private fruitless = 0;
  private restsUntil = 0;
  private watch: NodeJS.Timeout | undefined;
  private idle: NodeJS.Timeout | undefined;

  /**
   * @param entry the bundle that serves with `DISK_PROCESS` as its argument
   * @param log told what is a bug, not what a disk can cause
   */
  constructor(
    private readonly entry: string,
    private readonly log: (message: string) => void,
    private readonly times: DiskTimes = TIMES,
  ) {}

  /** Never rejects. @param known digest of the answer that the caller has */
  ask<K extends DiskKind>(
    kind: K,
    of: DiskQuestions[K][0],
    within: string | undefined,
    known?: string,
  ): Promise<DiskAnswer<DiskQuestions[K][1]>> {
    if (this.isDisposed || Date.now() < this.restsUntil) return Promise.resolve({ kind: 'none' });
    clearTimeout(this.idle);
    const id = this.nextId++;
    const question = { kind, of } as unknown as DiskQuestion;
    return new Promise((resolve) => {
      this.asked.set(id, {
        request: { id, within, question, known },
        // What is answered to `kind` is of its type: the process is this same bundle.
        resolve: resolve as (answer: DiskAnswer<unknown>) => void,
        since: undefined,
      });
      this.send();
    });
  }

  /** Questions that nobody has answered yet. */
  get waiting(): number {
    return this.asked.size;
  }

  dispose(): void {
    this.isDisposed = true;
    clearTimeout(this.idle);
    clearTimeout(this.watch);
    this.retire();
    for (const id of [...this.asked.keys()]) this.settle(id, { kind: 'none' });
  }

  private send(): void {
    let running = [...this.asked.values()].filter(({ since }) => since !== undefined).length;
    for (const asked of this.asked.values()) {
      if (running >= MAX_ASKED) break;
      if (asked.since !== undefined) continue;
      running++;
      asked.since = Date.now();
      this.start().send(asked.request, (error) => {
        if (error) this.settle(asked.request.id, { kind: 'none' });
      });
    }
    this.watchOver();
  }

  private start(): ChildProcess {
    if (this.child) return this.child;
    const child = fork(this.entry, [DISK_PROCESS], {
      serialization: 'advanced',
      // Flags such as --inspect belong to the server itself.
      execArgv: [],
      env: { ...process.env, UV_THREADPOOL_SIZE: THREADS },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    child.on('message', (reply: DiskReply) => this.receive(reply));
    child.on('error', (error) => {
      this.log(`The process that reads model headers: ${error.message}`);
      this.ended(child);
    });
    child.on('exit', () => this.ended(child));
    this.child = child;
    return child;
  }

  private receive(reply: DiskReply): void {
    this.fruitless = 0;
    if ('failed' in reply) {
      this.log(`Reading model headers: ${reply.failed}`);
      this.settle(reply.id, { kind: 'none' });
    } else if (reply.answer === undefined) {
      this.settle(reply.id, { kind: 'same' });
    } else {
      const value: unknown = deserialize(reply.answer);
      this.settle(reply.id, { kind: 'answer', value, digest: reply.digest });
    }
    this.send();
  }

  private settle(id: number, answer: DiskAnswer<unknown>): void {
    const asked = this.asked.get(id);
    this.asked.delete(id);
    asked?.resolve(answer);
    if (this.asked.size === 0 && !this.isDisposed) {
      clearTimeout(this.idle);
      this.idle = setTimeout(() => this.retire(), this.times.idle).unref();
    }
  }

  /** What a process was asked when it ended has no answer. */
  private ended(child: ChildProcess): void {
    if (this.child !== child) return;
    this.child = undefined;
    const rests = ++this.fruitless >= MAX_FRUITLESS;
    if (rests) {
      this.fruitless = 0;
      this.restsUntil = Date.now() + REST;
    }
    for (const [id, { since }] of [...this.asked]) {
      if (rests || since !== undefined) this.settle(id, { kind: 'none' });
    }
    if (!this.isDisposed) this.send();
  }

  private retire(): void {
    const { child } = this;
    this.child = undefined;
    // A process that hangs in the kernel goes when it can; nobody waits for it.
    child?.removeAllListeners('message').kill('SIGKILL');
    child?.unref();
  }

  /** Gives up what takes too long; what else was asked of that process is asked again of a new one. */
  private watchOver(): void {
    if (this.watch !== undefined || this.asked.size === 0) return;
    this.watch = setTimeout(() => {
      this.watch = undefined;
      const now = Date.now();
      const late = [...this.asked].filter(
        ([, { since }]) => since !== undefined && now - since >= this.times.giveUp,
      );
      if (late.length > 0) {
        this.retire();
        for (const [id] of late) this.settle(id, { kind: 'none' });
        for (const asked of this.asked.values()) asked.since = undefined;
        this.send();
      }
      this.watchOver();
    }, this.times.giveUp / 4).unref();
  }
}
