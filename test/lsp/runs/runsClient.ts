/** The client's side of runs: requests by name, and what the server told, put together. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import type {
  EditorRequests,
  Outcome,
  ServerNotifications,
  UserError,
} from '../../../server/contract/editor';
import type { RunListEntry, RunRef, SweepListEntry } from '../../../server/contract/runViews';
import type { RunEvent } from '../../../server/contract/events';
import type { EditedDocument } from '../editedDocument';
import { Session, type SessionOptions } from '../session';

type Value<M extends keyof EditorRequests> =
  EditorRequests[M][1] extends Outcome<infer T> ? T : EditorRequests[M][1];

export class RunsClient {
  private constructor(readonly session: Session) {}

  static async start(options: SessionOptions): Promise<RunsClient> {
    return new RunsClient(await Session.start(options));
  }

  /** The answer as it comes. */
  async answer<M extends keyof EditorRequests>(
    method: M,
    params: EditorRequests[M][0],
  ): Promise<EditorRequests[M][1]> {
    return this.session.connection.sendRequest(method, params);
  }

  /** What the request asked for; an error fails the test. */
  async ask<M extends keyof EditorRequests>(
    method: M,
    params: EditorRequests[M][0],
  ): Promise<Value<M>> {
    const answer: unknown = await this.answer(method, params);
    if (typeof answer !== 'object' || answer === null || !('ok' in answer)) {
      return answer as Value<M>;
    }
    const outcome = answer as Outcome<Value<M>>;
    assert.ok(outcome.ok, outcome.ok ? '' : JSON.stringify(outcome.error));
    return outcome.value;
  }

  /** The error that a request is answered with. */
  async refused<M extends keyof EditorRequests>(
    method: M,
    params: EditorRequests[M][0],
  ): Promise<UserError> {
    const outcome = (await this.answer(method, params)) as Outcome<unknown>;
    assert.ok(!outcome.ok, `${method} was answered`);
    return outcome.error;
  }

  async openFile(file: string): Promise<EditedDocument> {
    // A text's `|` would be its caret; configs of these tests have none.
    return this.session.open(await readFile(file, 'utf8'), { file });
  }

  startSearch(file: string, besides = false): Promise<RunRef & { readonly cells?: number }> {
    return this.ask('manticore/startSearch', { uri: pathToFileURL(file).href, besides });
  }

  private notices<M extends keyof ServerNotifications>(method: M): ServerNotifications[M][] {
    return (this.session.notified.get(method) ?? []) as ServerNotifications[M][];
  }

  /** Batches of a watched run, in the order in which they came. */
  batches(dir: string): ServerNotifications['manticore/runEvents'][] {
    return this.notices('manticore/runEvents').filter((notice) => notice.dir === dir);
  }

  events(dir: string): RunEvent[] {
    return this.batches(dir).flatMap(({ events }) => events);
  }

  /** The runs as last told. */
  get runs(): readonly RunListEntry[] {
    return this.notices('manticore/runs').at(-1)?.runs ?? [];
  }

  /** The sweeps as last told. */
  get sweeps(): readonly SweepListEntry[] {
    return this.notices('manticore/runs').at(-1)?.sweeps ?? [];
  }

  /** A sweep as it is told, once it meets a condition. */
  async sweepWhere(
    dir: string,
    what: string,
    isMet: (sweep: SweepListEntry) => boolean,
  ): Promise<SweepListEntry> {
    const found = (): SweepListEntry | undefined =>
      this.sweeps.find((sweep) => sweep.dir === dir && isMet(sweep));
    await this.session.until(
      () => found() !== undefined,
      () => `${what}: ${JSON.stringify(this.sweeps)}`,
    );
    return found()!;
  }

  progress(job: string): ServerNotifications['manticore/jobProgress']['message'][] {
    return this.notices('manticore/jobProgress').flatMap((notice) =>
      notice.job === job ? [notice.message] : [],
    );
  }

  /** Events of a watched run, once they meet a condition. */
  async eventsWhere(
    dir: string,
    what: string,
    isMet: (events: readonly RunEvent[]) => boolean,
  ): Promise<readonly RunEvent[]> {
    await this.session.until(
      () => isMet(this.events(dir)),
      () => what,
    );
    return this.events(dir);
  }

  /** A run as it is told, once it meets a condition. */
  async runWhere(
    dir: string,
    what: string,
    isMet: (run: RunListEntry) => boolean,
  ): Promise<RunListEntry> {
    const find = (): RunListEntry | undefined =>
      this.runs.find((run) => run.dir === dir && isMet(run));
    await this.session.until(
      () => find() !== undefined,
      () => `${what}; told: ${JSON.stringify(this.runs.find((run) => run.dir === dir))}`,
    );
    return find()!;
  }

  close(): Promise<void> {
    return this.session.close();
  }

  kill(): void {
    this.session.kill();
  }
}

/** `seq` of events without gap or repetition, from a number on. */
export function assertUnbroken(events: readonly RunEvent[], from: number): void {
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_, at) => from + at),
  );
}
