/** Reports: made from a run's data by the server each time, shown in a panel, saved or opened in a browser on request. */
import { Uri, ViewColumn, env, window, workspace, type WebviewPanel } from 'vscode';
import { DisposableList, type Disposable } from './disposables';
import { plainText, safeFileName } from './text/escape';

export const reportViewType = 'manticore.report';

interface OpenReport {
  readonly view: WebviewPanel;
  readonly name: string;
  html: string;
}

export class Reports implements Disposable {
  private readonly open = new Map<string, OpenReport>();
  private readonly owned = new DisposableList();

  /** `storage`: a folder of the extension's own. */
  constructor(
    private readonly storage: Uri,
    private readonly icons: { readonly light: Uri; readonly dark: Uri },
  ) {}

  /** Shows the page. It is one file with a policy of its own: no network, and its own script by hash. */
  show(dir: string, name: string, html: string): void {
    const present = this.open.get(dir);
    if (present !== undefined) {
      present.html = html;
      present.view.webview.html = html;
      present.view.reveal();
      return;
    }
    const view = window.createWebviewPanel(
      reportViewType,
      `Report: ${plainText(name, 60)}`,
      ViewColumn.Active,
      { enableScripts: true, localResourceRoots: [], enableFindWidget: true },
    );
    view.iconPath = this.icons;
    view.webview.html = html;
    this.open.set(dir, { view, name, html });
    this.owned.add(view);
    view.onDidDispose(() => this.open.delete(dir));
  }

  private get active(): OpenReport | undefined {
    return (
      [...this.open.values()].find(({ view }) => view.active) ?? [...this.open.values()].at(-1)
    );
  }

  /** Writes the shown report into the extension's own folder, and opens that: a report in a run folder is never opened. */
  async openInBrowser(): Promise<void> {
    const report = this.active;
    if (report === undefined) return this.tellNone();
    if (env.remoteName !== undefined) return this.save();
    await workspace.fs.createDirectory(this.storage);
    const file = Uri.joinPath(this.storage, `${safeFileName(report.name, 'run')}.report.html`);
    await workspace.fs.writeFile(file, Buffer.from(report.html, 'utf8'));
    if (!(await env.openExternal(file))) await this.save();
  }

  async save(): Promise<void> {
    const report = this.active;
    if (report === undefined) return this.tellNone();
    const folder = workspace.workspaceFolders?.[0]?.uri;
    const name = `${safeFileName(report.name, 'run')}.report.html`;
    const target = await window.showSaveDialog({
      title: 'Save Report',
      filters: { HTML: ['html'] },
      ...(folder === undefined ? {} : { defaultUri: Uri.joinPath(folder, name) }),
    });
    if (target !== undefined)
      await workspace.fs.writeFile(target, Buffer.from(report.html, 'utf8'));
  }

  private async tellNone(): Promise<void> {
    await window.showInformationMessage(
      'No report is open. Open one with “Manticore: Open Report”.',
    );
  }

  dispose(): void {
    this.owned.dispose();
    this.open.clear();
  }
}
