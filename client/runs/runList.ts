/** Every known run, as the server last told: what the tree, the status bar and the commands look at. */
import { EventEmitter, type Event, type LogOutputChannel } from 'vscode';
import type { RunListEntry, RunLists, SweepListEntry } from '../../server/contract/runViews';
import { DisposableList, type Disposable } from '../disposables';
import type { ServerConnection } from '../server';
import { newestFirst, stateChanges, type RunChange } from './runChanges';
import { endedSweeps } from './sweepText';

export class RunList implements Disposable {
  private readonly owned = new DisposableList();
  private readonly changed = this.owned.add(new EventEmitter<void>());
  private readonly moved = this.owned.add(new EventEmitter<readonly RunChange[]>());
  private readonly sweepsEnded = this.owned.add(new EventEmitter<readonly SweepListEntry[]>());
  private list: readonly RunListEntry[] = [];
  private sweepList: readonly SweepListEntry[] = [];
  private known = false;
  private answer: () => void = () => undefined;
  /** Resolves when the server has answered for the first time, or could not. */
  readonly whenAnswered = new Promise<void>((resolve) => {
    this.answer = resolve;
  });

  readonly onDidChange: Event<void> = this.changed.event;
  /** States that changed. The first list is no change: what ended before the window opened is no news. */
  readonly onDidChangeStates: Event<readonly RunChange[]> = this.moved.event;

  /** Sweeps that a process worked on, and none does any more. */
  readonly onDidEndSweeps: Event<readonly SweepListEntry[]> = this.sweepsEnded.event;

  constructor(
    private readonly server: ServerConnection,
    private readonly log: LogOutputChannel,
  ) {
    this.owned.add(server.onNotification('manticore/runs', (lists) => this.replace(lists)));
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

  /** Newest first. */
  get sweeps(): readonly SweepListEntry[] {
    return this.sweepList;
  }

  /** Whether the server has answered at all: before, an empty list says nothing. */
  get isKnown(): boolean {
    return this.known;
  }

  find(dir: string): RunListEntry | undefined {
    return this.list.find((run) => run.dir === dir);
  }

  findSweep(dir: string): SweepListEntry | undefined {
    return this.sweepList.find((sweep) => sweep.dir === dir);
  }

  /** The sweep whose cell a run is. */
  sweepOf(runDir: string): SweepListEntry | undefined {
    return this.sweepList.find(({ cells }) => cells.some(({ run }) => run === runDir));
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

  private replace({ runs, sweeps }: RunLists): void {
    const ends = this.known ? endedSweeps(this.sweepList, sweeps) : [];
    this.sweepList = sweeps;
    const changes = this.known ? stateChanges(this.list, runs) : [];
    this.list = newestFirst(runs);
    this.known = true;
    this.answer();
    this.changed.fire();
    if (changes.length > 0) this.moved.fire(changes);
    if (ends.length > 0) this.sweepsEnded.fire(ends);
  }

  dispose(): void {
    this.owned.dispose();
  }
}
