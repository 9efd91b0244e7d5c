/** Every known run, as the server last told: what the tree, the status bar and the commands look at. */
import { EventEmitter, type Event, type LogOutputChannel } from 'vscode';
import type { RunListEntry } from '../../server/contract/editor';
import { DisposableList, type Disposable } from '../disposables';
import type { ServerConnection } from '../server';
import { newestFirst, stateChanges, type RunChange } from './runChanges';

export class RunList implements Disposable {
  private readonly owned = new DisposableList();
  private readonly changed = this.owned.add(new EventEmitter<void>());
  private readonly moved = this.owned.add(new EventEmitter<readonly RunChange[]>());
  private list: readonly RunListEntry[] = [];
  private known = false;
  private answer: () => void = () => undefined;
  /** Resolves when the server has answered for the first time, or could not. */
  readonly whenAnswered = new Promise<void>((resolve) => {
    this.answer = resolve;
  });

  readonly onDidChange: Event<void> = this.changed.event;
  /** States that changed. The first list is no change: what ended before the window opened is no news. */
  readonly onDidChangeStates: Event<readonly RunChange[]> = this.moved.event;

  constructor(
    private readonly server: ServerConnection,
    private readonly log: LogOutputChannel,
  ) {
    this.owned.add(server.onNotification('manticore/runs', ({ runs }) => this.replace(runs)));
    this.owned.add(server.onDidStart(() => void this.refresh()));
    this.owned.add(
      server.onDidChangeState((state) => {
        if (state === 'stopped') this.answer();
      }),
    );
  }

  /** Newest first. */
  get runs(): readonly RunListEntry[] {
    return this.list;
  }

  /** Whether the server has answered at all: before, an empty list says nothing. */
  get isKnown(): boolean {
    return this.known;
  }

  find(dir: string): RunListEntry | undefined {
    return this.list.find((run) => run.dir === dir);
  }

  /** Asks the server for the whole list. Never rejects: a server that is down tells by itself. */
  async refresh(): Promise<void> {
    try {
      this.replace(await this.server.request('manticore/listRuns', null));
    } catch (error) {
      this.log.warn(`The runs could not be listed: ${String(error)}`);
    } finally {
      this.answer();
    }
  }

  private replace(runs: readonly RunListEntry[]): void {
    const changes = this.known ? stateChanges(this.list, runs) : [];
    this.list = newestFirst(runs);
    this.known = true;
    this.answer();
    this.changed.fire();
    if (changes.length > 0) this.moved.fire(changes);
  }

  dispose(): void {
    this.owned.dispose();
  }
}
