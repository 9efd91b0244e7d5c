/** The status bar item of what is going on: steps, loss, speed, time left, memory. A click opens its weights. */
import {
  MarkdownString,
  StatusBarAlignment,
  ThemeColor,
  window,
  workspace,
  type StatusBarItem,
} from 'vscode';
import type { RunListEntry, SweepListEntry } from '../server/contract/runViews';
import { DisposableList, type Disposable } from './disposables';
import { setting } from './extension';
import type { RunList } from './runs/runList';
import { isActive, runTooltip, stateIcon, statusSpoken, statusText } from './runs/runText';
import { sweepEndSentence, sweepProgress } from './runs/sweepText';
import type { ServerConnection } from './server';
import { commandLink, escapeIcons } from './text/escape';

const actions = [
  ['Open Weights', 'manticore.openWeights'],
  ['Pause', 'manticore.pauseSearch'],
  ['Resume', 'manticore.resumeSearch'],
  ['Checkpoint and Stop', 'manticore.checkpointAndStop'],
  ['Stop', 'manticore.stopSearch'],
] as const;

export class StatusBar implements Disposable {
  private readonly owned = new DisposableList();
  private readonly item: StatusBarItem;
  private serverState: 'starting' | 'running' | 'stopped' = 'starting';

  constructor(
    private readonly runs: RunList,
    server: ServerConnection,
  ) {
    this.item = this.owned.add(
      window.createStatusBarItem('manticore.status', StatusBarAlignment.Left, 10),
    );
    this.item.name = 'Manticore';
    this.owned.add(runs.onDidChange(() => this.draw()));
    this.owned.add(
      server.onDidChangeState((state) => {
        this.serverState = state;
        this.draw();
      }),
    );
    this.owned.add(
      workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('manticore.statusBar')) this.draw();
      }),
    );
  }

  private draw(): void {
    const active = this.runs.runs.filter(({ state }) => isActive(state));
    const run = active[0];
    if (!setting('statusBar.enabled', true)) this.item.hide();
    // Whatever was told before may be over by now.
    else if (this.serverState === 'stopped') this.drawServerDown();
    else if (run !== undefined) this.drawRun(run, active.length - 1);
    else {
      const sweep = this.runs.sweeps.find(({ state }) => state === 'running');
      if (sweep === undefined) this.item.hide();
      else this.drawSweep(sweep);
    }
  }

  private drawRun(run: RunListEntry, others: number): void {
    const { item } = this;
    const sweep = this.runs.sweepOf(run.dir);
    const place = sweep?.state === 'running' ? `sweep ${sweepProgress(sweep)}` : undefined;
    const text = [...(place === undefined ? [] : [place]), statusText(run, others)].join(' · ');
    item.text = `$(${stateIcon(run.state).icon}) ${escapeIcons(text)}`;
    item.tooltip = tooltip(run);
    const spoken = [...(place === undefined ? [] : [`${place} done`]), statusSpoken(run)];
    item.accessibilityInformation = { label: spoken.join(', '), role: 'button' };
    item.backgroundColor = undefined;
    item.command =
      others === 0
        ? { command: 'manticore.openWeights', title: 'Open Weights', arguments: [run.dir] }
        : 'manticore.showRunActions';
    item.show();
  }

  /** Between two of its runs. */
  private drawSweep(sweep: SweepListEntry): void {
    const { item } = this;
    item.text = `$(sync~spin) Manticore: sweep ${sweepProgress(sweep)}`;
    item.tooltip = sweepEndSentence(sweep);
    item.accessibilityInformation = { label: item.tooltip, role: 'button' };
    item.backgroundColor = undefined;
    const title = 'Open Sweep Report';
    item.command = { command: 'manticore.openSweepReport', title, arguments: [sweep.dir] };
    item.show();
  }

  private drawServerDown(): void {
    const { item } = this;
    item.text = '$(warning) Manticore: language server stopped';
    item.tooltip = 'Searches go on. Click to start the language server again.';
    item.accessibilityInformation = { label: item.tooltip, role: 'button' };
    item.backgroundColor = new ThemeColor('statusBarItem.warningBackground');
    item.command = 'manticore.restartServer';
    item.show();
  }

  dispose(): void {
    this.owned.dispose();
  }
}

/** Details, and links to what can be done: links to these commands alone are believed. */
function tooltip(run: RunListEntry): MarkdownString {
  const offered = actions.filter(
    ([, command]) =>
      (command !== 'manticore.resumeSearch' || run.state === 'paused') &&
      (command !== 'manticore.pauseSearch' || run.state !== 'paused'),
  );
  const links = offered.map(([title, command]) => commandLink(title, command, [run.dir]));
  const text = new MarkdownString(`${runTooltip(run, new Date())}\n\n${links.join(' · ')}`);
  text.isTrusted = { enabledCommands: offered.map(([, command]) => command) };
  return text;
}
