/** The weights panels of this window: one a run, restored after a reload. */
import { Uri, ViewColumn, window, type WebviewPanel, type WebviewPanelSerializer } from 'vscode';
import { DisposableList, type Disposable } from '../disposables';
import { plainText } from '../text/escape';
import { panelState } from './messages';
import { WeightsPanel, type PanelHost } from './weightsPanel';

const weightsViewType = 'manticore.weights';

export class Panels implements WebviewPanelSerializer, Disposable {
  private readonly owned = new DisposableList();
  private readonly open = new Map<string, WeightsPanel>();

  constructor(private readonly host: PanelHost) {
    this.owned.add(window.registerWebviewPanelSerializer(weightsViewType, this));
  }

  /** Shows the run's panel: the one it has, or a new one beside what is edited. */
  show(dir: string, name: string, preserveFocus: boolean): void {
    const present = this.open.get(dir);
    if (present !== undefined) {
      present.view.reveal(undefined, preserveFocus);
      return;
    }
    const view = window.createWebviewPanel(
      weightsViewType,
      `Weights: ${plainText(name, 60)}`,
      { viewColumn: ViewColumn.Beside, preserveFocus },
      { enableScripts: true, localResourceRoots: [Uri.joinPath(this.host.extensionUri, 'dist')] },
    );
    this.adopt(dir, view);
  }

  /** The run whose panel has the focus. */
  get activeDir(): string | undefined {
    for (const panel of this.open.values()) if (panel.view.active) return panel.dir;
    return undefined;
  }

  async deserializeWebviewPanel(view: WebviewPanel, state: unknown): Promise<void> {
    const kept = panelState(state);
    if (kept === undefined || this.open.has(kept.dir)) {
      // Closed before the page had kept anything: there is nothing to restore it from.
      view.dispose();
      return Promise.resolve();
    }
    this.adopt(kept.dir, view);
    return Promise.resolve();
  }

  private adopt(dir: string, view: WebviewPanel): void {
    const panel = new WeightsPanel(dir, view, this.host);
    this.open.set(dir, panel);
    view.onDidDispose(() => {
      this.open.delete(dir);
      panel.dispose();
    });
  }

  dispose(): void {
    // The panels themselves stay: the next window restores them.
    for (const panel of this.open.values()) panel.dispose();
    this.open.clear();
    this.owned.dispose();
  }
}
