/** A running search as the editor's own progress: a bar over the view, and where the user wants it a notification. */
import { ProgressLocation, commands, window, workspace } from 'vscode';
import type { RunListEntry } from '../server/contract/runViews';
import { DisposableList, type Disposable } from './disposables';
import { setting } from './extension';
import type { RunList } from './runs/runList';
import { isActive, statusText } from './runs/runText';
import { messageText } from './text/escape';

interface Shown {
  /** From 0 to 1, as far as the bar stands. */
  fraction: number;
  readonly report: (value: { message: string; increment?: number }) => void;
  readonly done: () => void;
}

export class RunProgressBars implements Disposable {
  private readonly owned = new DisposableList();
  private readonly notifications = new Map<string, Shown>();
  private viewDone: (() => void) | undefined;

  constructor(private readonly runs: RunList) {
    this.owned.add(runs.onDidChange(() => this.update()));
    this.owned.add(
      workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('manticore.progress')) this.update();
      }),
    );
  }

  private update(): void {
    const active = this.runs.runs.filter(({ state }) => isActive(state));
    this.updateView(active.some(({ state }) => state !== 'paused'));
    const wanted = setting('progress', 'statusBar') === 'notification' ? active : [];
    const dirs = new Set(wanted.map(({ dir }) => dir));
    for (const [dir, shown] of this.notifications) {
      if (dirs.has(dir)) continue;
      this.notifications.delete(dir);
      shown.done();
    }
    for (const run of wanted) this.updateNotification(run);
  }

  private updateView(running: boolean): void {
    if (!running) {
      this.viewDone?.();
      this.viewDone = undefined;
    } else if (this.viewDone === undefined) {
      const { promise, resolve } = ending();
      this.viewDone = resolve;
      void window.withProgress({ location: { viewId: 'manticore.runs' } }, () => promise);
    }
  }

  private updateNotification(run: RunListEntry): void {
    const shown = this.notifications.get(run.dir) ?? this.notify(run);
    const fraction = run.progress?.fraction ?? 0;
    const increment = (fraction - shown.fraction) * 100;
    shown.report({
      message: messageText(statusText(run, 0)),
      ...(increment > 0 ? { increment } : {}),
    });
    shown.fraction = Math.max(shown.fraction, fraction);
  }

  /** Cancel is Checkpoint and Stop, of a sweep's run that of the sweep: nothing that was computed is lost. */
  private notify(run: RunListEntry): Shown {
    const { promise, resolve } = ending();
    let report: Shown['report'] = () => undefined;
    void window.withProgress(
      {
        location: ProgressLocation.Notification,
        title: `Manticore: ${messageText(run.name, 60)}`,
        cancellable: true,
      },
      (progress, token) => {
        report = (value) => progress.report(value);
        token.onCancellationRequested(() => {
          const sweep = this.runs.sweepOf(run.dir);
          void (sweep?.state === 'running'
            ? commands.executeCommand('manticore.stopSweep', sweep.dir)
            : commands.executeCommand('manticore.checkpointAndStop', run.dir));
        });
        return promise;
      },
    );
    const shown: Shown = { fraction: 0, report: (value) => report(value), done: resolve };
    this.notifications.set(run.dir, shown);
    return shown;
  }

  dispose(): void {
    this.viewDone?.();
    for (const shown of this.notifications.values()) shown.done();
    this.notifications.clear();
    this.owned.dispose();
  }
}

function ending(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
