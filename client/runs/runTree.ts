/** The view "Runs": each with its state, best loss and date; below it its details. */
import {
  EventEmitter,
  MarkdownString,
  ThemeColor,
  ThemeIcon,
  TreeItem,
  TreeItemCollapsibleState,
  type Event,
  type TreeDataProvider,
} from 'vscode';
import type { RunListEntry } from '../../server/contract/editor';
import { DisposableList, type Disposable } from '../disposables';
import { plainText } from '../text/escape';
import type { RunList } from './runList';
import { isActive, runDescription, runDetails, runTooltip, shortName, stateIcon } from './runText';

/** A row of the tree. Commands of a row's menu get it, and read `dir`. */
export type RunNode =
  | { readonly kind: 'run'; readonly dir: string; readonly run: RunListEntry }
  | {
      readonly kind: 'detail';
      readonly dir: string;
      readonly label: string;
      readonly value: string;
      readonly icon: string;
    };

export class RunTree implements TreeDataProvider<RunNode>, Disposable {
  private readonly owned = new DisposableList();
  private readonly changed = this.owned.add(new EventEmitter<undefined>());
  readonly onDidChangeTreeData: Event<undefined> = this.changed.event;

  constructor(private readonly runs: RunList) {
    this.owned.add(runs.onDidChange(() => this.changed.fire(undefined)));
  }

  async getChildren(node?: RunNode): Promise<RunNode[]> {
    if (node === undefined) {
      // Until then the view shows that it is loading, not that there is nothing.
      await this.runs.whenAnswered;
      return this.runs.runs.map((run) => ({ kind: 'run', dir: run.dir, run }));
    }
    if (node.kind === 'detail') return [];
    const run = this.runs.find(node.dir) ?? node.run;
    return runDetails(run, new Date()).map((row) => ({ kind: 'detail', dir: run.dir, ...row }));
  }

  getTreeItem(node: RunNode): TreeItem {
    return node.kind === 'run' ? runItem(node.run) : detailItem(node);
  }

  dispose(): void {
    this.owned.dispose();
  }
}

function runItem(run: RunListEntry): TreeItem {
  const now = new Date();
  const item = new TreeItem(shortName(run.name), TreeItemCollapsibleState.Collapsed);
  const { icon, colour } = stateIcon(run.state);
  item.id = run.dir;
  item.description = runDescription(run, now);
  item.iconPath = new ThemeIcon(icon, new ThemeColor(colour));
  // Not trusted: no command links, no HTML.
  item.tooltip = new MarkdownString(runTooltip(run, now));
  item.contextValue = `run.${isActive(run.state) ? 'active.' : 'ended.'}${run.state}`;
  item.accessibilityInformation = { label: `${plainText(run.name, 120)}, ${item.description}` };
  item.command = { command: 'manticore.openWeights', title: 'Open Weights', arguments: [run.dir] };
  return item;
}

function detailItem(node: RunNode & { kind: 'detail' }): TreeItem {
  const item = new TreeItem(node.label, TreeItemCollapsibleState.None);
  item.id = `${node.dir}\n${node.label}`;
  item.description = node.value;
  item.tooltip = `${node.label}: ${node.value}`;
  item.iconPath = new ThemeIcon(node.icon);
  item.contextValue = 'detail';
  return item;
}
