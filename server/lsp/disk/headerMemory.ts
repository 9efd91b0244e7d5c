/**
 * What is known of the disk while a user types: an answer that was had before is given at once and looked up again
 * behind it; one that was never had is waited for shortly, then it is `pending`, and a listener hears when it comes.
 */
import path from 'node:path';
import type { ModelReader } from '../../models/modelReader';
import { isHubSource } from '../../weights/hubId';
import { isInside } from '../../weights/modelFiles';
import type { Place } from '../watching';
import type { DiskClient } from './diskClient';
import type { DiskQuestions } from './diskProtocol';
import { readerOf, unanswered, type HeaderKind } from './diskReader';

/** Milliseconds for which an answer isn't looked up again. */
const FRESH = 1000;
/** The same where the disk gave none: hung mounts are asked seldom. */
const REST = 30_000;
/** Answers that no open config asks for any more, and are kept. */
const MAX_UNUSED = 64;
/** Questions in line, above which what is known isn't looked up again. */
const MAX_WAITING = 256;

interface Entry {
  /** `undefined` before the first answer. */
  answer: { readonly value: unknown; readonly digest: string } | undefined;
  /** Until when the answer isn't looked up again. */
  freshUntil: number;
  asking: Promise<void> | undefined;
  /** The disk may have changed since the question under way was asked. */
  isStale: boolean;
  /** Somebody was told `pending`. */
  isAwaited: boolean;
}

const unknown = (): Entry => ({
  answer: undefined,
  freshUntil: 0,
  asking: undefined,
  isStale: false,
  isAwaited: false,
});

/** What one check asked. */
export interface HeaderSession {
  readonly reader: ModelReader;
  /** Its questions so far, named as `onArrival` names them. */
  readonly asked: ReadonlySet<string>;
  /** The files and folders that they are about and may be read, hub models aside. */
  readonly places: () => readonly Place[];
}

export interface SessionOptions {
  /** In an untrusted workspace: only what lies in this folder is read. */
  readonly within: string | undefined;
  /** Milliseconds that the check waits for answers, all of them together. */
  readonly patience: number;
}

const pending = { kind: 'pending' } as const;

export class HeaderMemory {
  private readonly entries = new Map<string, Entry>();

  /**
   * @param onArrival an answer came late, or isn't any more what it was: whoever asked should ask again
   * @param isUsed whether an open config asks this question
   * @param now milliseconds of a clock
   */
  constructor(
    private readonly disk: DiskClient,
    private readonly onArrival: (question: string) => void,
    private readonly isUsed: (question: string) => boolean,
    private readonly now: () => number = Date.now,
  ) {}

  session({ within, patience }: SessionOptions): HeaderSession {
    this.forgetUnused();
    const asked = new Set<string>();
    const deadline = this.now() + patience;
    const reader = readerOf((kind, of) => {
      const question = { kind, of, within };
      const key = keyOf(question);
      asked.add(key);
      return this.answer(key, question, deadline);
    });
    // What may not be read isn't watched either.
    const isAllowed = ({ path: place }: Place) => within === undefined || isInside(within, place);
    return { reader, asked, places: () => [...asked].flatMap(placeOf).filter(isAllowed) };
  }

  /** Looks up again what open configs ask for: the disk has changed. */
  refresh(): void {
    for (const [key, entry] of this.entries) {
      entry.freshUntil = 0;
      entry.isStale = entry.asking !== undefined;
      if (!this.isUsed(key)) continue;
      this.lookUp(key, entry, askedBy(key));
    }
  }

  private async answer(key: string, asked: Asked, deadline: number): Promise<unknown> {
    const entry = this.entries.get(key) ?? unknown();
    // Asked for last, so dropped last.
    this.entries.delete(key);
    this.entries.set(key, entry);
    const isBusy = entry.answer !== undefined && this.disk.waiting > MAX_WAITING;
    if (this.now() >= entry.freshUntil && !isBusy) this.lookUp(key, entry, asked);
    const left = deadline - this.now();
    if (!entry.answer && entry.asking && left > 0) await withinTime(entry.asking, left);
    if (entry.answer) return entry.answer.value;
    entry.isAwaited = true;
    return pending;
  }

  private lookUp(key: string, entry: Entry, asked: Asked): void {
    if (entry.asking) return;
    const { kind, of, within } = asked;
    const wasKnown = entry.answer !== undefined;
    entry.freshUntil = this.now() + FRESH;
    entry.asking = this.disk.ask(kind, of, within, entry.answer?.digest).then((reply) => {
      entry.asking = undefined;
      const isNew = reply.kind === 'answer' || (reply.kind === 'none' && !entry.answer);
      if (reply.kind === 'none') entry.freshUntil = this.now() + REST;
      if (reply.kind === 'answer') entry.answer = reply;
      else if (isNew) entry.answer = { value: unanswered(kind, of), digest: '' };
      const isNews = isNew && (entry.isAwaited || wasKnown);
      if (isNew) entry.isAwaited = false;
      if (entry.isStale) {
        entry.isStale = false;
        this.lookUp(key, entry, asked);
      }
      if (isNews) this.onArrival(key);
    });
  }

  private forgetUnused(): void {
    if (this.entries.size <= MAX_UNUSED) return;
    const unused = [...this.entries.keys()].filter((key) => !this.isUsed(key));
    for (const key of unused.slice(0, Math.max(0, unused.length - MAX_UNUSED))) {
      this.entries.delete(key);
    }
  }
}

interface Asked {
  readonly kind: HeaderKind;
  readonly of: DiskQuestions[HeaderKind][0];
  readonly within: string | undefined;
}

const keyOf = ({ kind, of, within }: Asked) => JSON.stringify([within ?? null, kind, of]);

function askedBy(key: string): Asked {
  const [within, kind, of] = JSON.parse(key) as [string | null, HeaderKind, Asked['of']];
  return { kind, of, within: within ?? undefined };
}

function placeOf(key: string): readonly Place[] {
  const { kind, of } = askedBy(key);
  const name = 'source' in of ? of.source : of.path;
  if (isHubSource(name) || name.includes('\0')) return [];
  return [{ path: path.resolve(of.base, name), isFolder: kind !== 'file' && kind !== 'records' }];
}

function withinTime(work: Promise<void>, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    void work.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
