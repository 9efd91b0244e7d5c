/** Context keys that the manifest's `when` clauses name. */
import { commands, workspace, type LogOutputChannel } from 'vscode';
import { configPattern, findConfigs } from './commands/choose';
import { DisposableList, type Disposable } from './disposables';
import type { RunList } from './runs/runList';
import { hasResult, isActive, isResumable } from './runs/runText';
import { isSweepResumable } from './runs/sweepText';

export class ContextKeys implements Disposable {
  private readonly owned = new DisposableList();
  private readonly values = new Map<string, boolean>();

  /** Counts searches for configs: the answer of an older one is dropped. */
  private searches = 0;

  constructor(
    private readonly runs: RunList,
    private readonly log: LogOutputChannel,
  ) {
    this.owned.add(runs.onDidChange(() => this.runsChanged()));
    const watcher = this.owned.add(
      workspace.createFileSystemWatcher(configPattern, false, true, false),
    );
    this.owned.add(watcher.onDidCreate(() => this.configsChanged()));
    this.owned.add(watcher.onDidDelete(() => this.configsChanged()));
    this.owned.add(workspace.onDidChangeWorkspaceFolders(() => this.configsChanged()));
    this.configsChanged();
  }

  private runsChanged(): void {
    const states = this.runs.runs.map(({ state }) => state);
    this.set('manticore.hasRuns', states.length > 0);
    this.set('manticore.running', states.some(isActive));
    this.set(
      'manticore.pausable',
      states.some((state) => state === 'running' || state === 'starting'),
    );
    this.set('manticore.resumable', states.some(isResumable));
    this.set('manticore.hasResult', states.some(hasResult));
    const sweeps = this.runs.sweeps.map(({ state }) => state);
    this.set('manticore.hasSweeps', sweeps.length > 0);
    this.set('manticore.sweepRunning', sweeps.includes('running'));
    this.set('manticore.sweepResumable', sweeps.some(isSweepResumable));
  }

  private configsChanged(): void {
    const search = ++this.searches;
    findConfigs(1).then(
      (found) => {
        if (search === this.searches) this.set('manticore.hasConfigs', found.length > 0);
      },
      (error: unknown) => this.log.warn(`Configs could not be looked for: ${String(error)}`),
    );
  }

  private set(key: string, value: boolean): void {
    if (this.values.get(key) === value) return;
    this.values.set(key, value);
    void commands.executeCommand('setContext', key, value);
  }

  dispose(): void {
    this.owned.dispose();
  }
}
