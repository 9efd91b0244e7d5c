/** The view "Runs": each with its state, best loss and date, below it its details; a sweep's runs stand below the sweep. */
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
import type { RunListEntry, SweepListEntry } from '../../server/contract/runViews';
import { DisposableList, type Disposable } from '../disposables';
import { plainText } from '../text/escape';
import type { RunList } from './runList';
import { isActive, runDescription, runDetails, runTooltip, shortName, stateIcon } from './runText';
import {
  cellLabel,
  sweepDescription,
  sweepIcon,
  sweepTooltip,
  waitingText,
  type SweepCell,
} from './sweepText';

/** A row of the tree. Commands of a row's menu get it, and read `dir`. */
export type RunNode =
  | {
      readonly kind: 'run';
      readonly dir: string;
      readonly run: RunListEntry;
      /** Of a sweep. */
      readonly cell?: SweepCell;
    }
  | { readonly kind: 'sweep'; readonly dir: string; readonly sweep: SweepListEntry }
  /** A cell without a run. `dir` is the sweep's. */
  | { readonly kind: 'cell'; readonly dir: string; readonly cell: SweepCell }
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
      return this.roots();
    }
    switch (node.kind) {
      case 'sweep':
        return this.cellsOf(this.runs.findSweep(node.dir) ?? node.sweep);
      case 'run': {
        const run = this.runs.find(node.dir) ?? node.run;
        return runDetails(run, new Date()).map((row) => ({ kind: 'detail', dir: run.dir, ...row }));
      }
      case 'cell':
      case 'detail':
        return [];
    }
  }

  /** Sweeps, and runs that are none's, newest first. */
  private roots(): RunNode[] {
    const { runs, sweeps } = this.runs;
    const cells = new Set(sweeps.flatMap((sweep) => sweep.cells.flatMap(({ run }) => run ?? [])));
    const alone = runs.filter(({ dir }) => !cells.has(dir));
    const time = ({ startedAt }: { readonly startedAt: string }): number =>
      Date.parse(startedAt) || -Infinity;
    return [
      ...sweeps.map((sweep) => ({ at: time(sweep), node: sweepNode(sweep) })),
      ...alone.map((run) => ({ at: time(run), node: { kind: 'run', dir: run.dir, run } as const })),
    ]
      .toSorted((a, b) => (a.at === b.at ? 0 : b.at - a.at))
      .map(({ node }) => node);
  }

  private cellsOf(sweep: SweepListEntry): RunNode[] {
    return sweep.cells.map((cell) => {
      const run = cell.run === undefined ? undefined : this.runs.find(cell.run);
      return run === undefined
        ? { kind: 'cell', dir: sweep.dir, cell }
        : { kind: 'run', dir: run.dir, run, cell };
    });
  }

  /** For `reveal`, which is asked for sweeps alone. */
  getParent(): undefined {
    return undefined;
  }

  getTreeItem(node: RunNode): TreeItem {
    switch (node.kind) {
      case 'sweep':
        return sweepItem(node.sweep);
      case 'run':
        return runItem(node.run, node.cell);
      case 'cell':
        return cellItem(node);
      case 'detail':
        return detailItem(node);
    }
  }

  dispose(): void {
    this.owned.dispose();
  }
}

export const sweepNode = (sweep: SweepListEntry): RunNode => ({
  kind: 'sweep',
  dir: sweep.dir,
  sweep,
});

function sweepItem(sweep: SweepListEntry): TreeItem {
  const now = new Date();
  const isRunning = sweep.state === 'running';
  const item = new TreeItem(
    shortName(sweep.name),
    isRunning ? TreeItemCollapsibleState.Expanded : TreeItemCollapsibleState.Collapsed,
  );
  const { icon, colour } = sweepIcon(sweep.state);
  item.id = sweep.dir;
  item.description = sweepDescription(sweep, now);
  item.iconPath = new ThemeIcon(icon, new ThemeColor(colour));
  // Not trusted: no command links, no HTML.
  item.tooltip = new MarkdownString(sweepTooltip(sweep, now));
  item.contextValue = `sweep.${isRunning ? 'active' : 'ended'}.${sweep.state}`;
  item.accessibilityInformation = {
    label: `Sweep ${plainText(sweep.name, 120)}, ${item.description}`,
  };
  return item;
}

function cellItem({ dir, cell }: RunNode & { kind: 'cell' }): TreeItem {
  const item = new TreeItem(cellLabel(cell), TreeItemCollapsibleState.None);
  const { icon, colour } = sweepIcon(cell.state);
  item.id = `${dir}\n${cell.cell}`;
  item.description = waitingText(cell);
  item.tooltip = `${cellLabel(cell)}: ${waitingText(cell)}`;
  item.iconPath = new ThemeIcon(icon, new ThemeColor(colour));
  item.contextValue = 'cell';
  return item;
}

function runItem(run: RunListEntry, cell?: SweepCell): TreeItem {
  const now = new Date();
  const name = cell === undefined ? shortName(run.name) : cellLabel(cell);
  const item = new TreeItem(name, TreeItemCollapsibleState.Collapsed);
  const { icon, colour } = stateIcon(run.state);
  item.id = run.dir;
  item.description = runDescription(run, now);
  item.iconPath = new ThemeIcon(icon, new ThemeColor(colour));
  // Not trusted: no command links, no HTML.
  item.tooltip = new MarkdownString(runTooltip(run, now));
  item.contextValue = `run.${isActive(run.state) ? 'active.' : 'ended.'}${run.state}`;
  item.accessibilityInformation = { label: `${name}, ${item.description}` };
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
