/** Reports: made from a run's data by the server each time, shown in a panel, saved or opened in a browser on request. */
import {
  ColorThemeKind,
  Uri,
  ViewColumn,
  env,
  window,
  workspace,
  type ColorTheme,
  type LogOutputChannel,
  type WebviewPanel,
} from 'vscode';
import { tellError } from './commands/tell';
import { DisposableList, type Disposable } from './disposables';
import type { ServerConnection } from './server';
import { messageText, plainText, safeFileName } from './text/escape';

const reportViewType = 'manticore.report';

type Appearance = 'auto' | 'light' | 'dark';

interface OpenReport {
  readonly dir: string;
  readonly name: string;
  readonly view: WebviewPanel;
}

interface ReportsHost {
  readonly server: ServerConnection;
  readonly log: LogOutputChannel;
  /** A folder of the extension's own. */
  readonly storage: Uri;
  readonly icons: { readonly light: Uri; readonly dark: Uri };
}

export class Reports implements Disposable {
  private readonly open = new Map<string, OpenReport>();
  private readonly owned = new DisposableList();

  constructor(private readonly host: ReportsHost) {
    this.owned.add(window.onDidChangeActiveColorTheme(() => this.themeChanged()));
  }

  /** Shows a run's report as its data are now. */
  async show(dir: string, name: string): Promise<void> {
    const html = await this.build(dir, appearanceOf(window.activeColorTheme));
    if (html === undefined) return;
    const present = this.open.get(dir);
    if (present !== undefined) {
      present.view.webview.html = html;
      present.view.reveal();
      return;
    }
    // The page is one file with a policy of its own: no network, and its own script by hash.
    const view = window.createWebviewPanel(
      reportViewType,
      `Report: ${plainText(name, 60)}`,
      ViewColumn.Active,
      { enableScripts: true, localResourceRoots: [], enableFindWidget: true },
    );
    view.iconPath = this.host.icons;
    view.webview.html = html;
    this.open.set(dir, { dir, name, view });
    view.onDidDispose(() => this.open.delete(dir));
  }

  private async build(dir: string, appearance: Appearance): Promise<string | undefined> {
    const outcome = await this.host.server.request('manticore/buildReport', { dir, appearance });
    if (outcome.ok) return outcome.value.html;
    await tellError(outcome.error);
    return undefined;
  }

  private themeChanged(): void {
    for (const report of this.open.values()) {
      this.redraw(report).catch((error: unknown) => this.keptTheme(String(error)));
    }
  }

  /** A report whose run is gone stays as it is: nobody has asked for it again. */
  private async redraw({ dir, view }: OpenReport): Promise<void> {
    const appearance = appearanceOf(window.activeColorTheme);
    const outcome = await this.host.server.request('manticore/buildReport', { dir, appearance });
    if (!outcome.ok) this.keptTheme(outcome.error.message);
    else if (this.open.get(dir)?.view === view) view.webview.html = outcome.value.html;
  }

  private keptTheme(why: string): void {
    this.host.log.warn(`A report kept its theme: ${plainText(why)}`);
  }

  /** The report in front, else the one that was opened last. */
  private get active(): OpenReport | undefined {
    const all = [...this.open.values()];
    return all.find(({ view }) => view.active) ?? all.at(-1);
  }

  /** Writes the report into the extension's own folder, and opens that: one in a run folder is never opened. */
  async openInBrowser(): Promise<void> {
    const report = this.active;
    if (report === undefined) return tellNone();
    // A browser that runs on another machine can't reach a file of this one.
    if (env.remoteName !== undefined) return this.save();
    const html = await this.build(report.dir, 'auto');
    if (html === undefined) return;
    const { storage } = this.host;
    await workspace.fs.createDirectory(storage);
    const file = Uri.joinPath(storage, `${safeFileName(report.name, 'run')}.report.html`);
    await workspace.fs.writeFile(file, Buffer.from(html, 'utf8'));
    if (!(await env.openExternal(file))) await this.save();
  }

  async save(): Promise<void> {
    const report = this.active;
    if (report === undefined) return tellNone();
    const folder = workspace.workspaceFolders?.[0]?.uri;
    const name = `${safeFileName(report.name, 'run')}.report.html`;
    const target = await window.showSaveDialog({
      title: 'Save Report',
      filters: { HTML: ['html'] },
      ...(folder === undefined ? {} : { defaultUri: Uri.joinPath(folder, name) }),
    });
    if (target === undefined) return;
    const html = await this.build(report.dir, 'auto');
    if (html === undefined) return;
    try {
      await workspace.fs.writeFile(target, Buffer.from(html, 'utf8'));
    } catch {
      // Read-only, full, gone: the way out is the same.
      await window.showErrorMessage(
        messageText(`${target.fsPath} could not be written. Choose another folder.`),
      );
    }
  }

  dispose(): void {
    this.owned.dispose();
    for (const { view } of [...this.open.values()]) view.dispose();
    this.open.clear();
  }
}

function appearanceOf({ kind }: ColorTheme): Appearance {
  return kind === ColorThemeKind.Light || kind === ColorThemeKind.HighContrastLight
    ? 'light'
    : 'dark';
}

async function tellNone(): Promise<void> {
  await window.showInformationMessage('No report is open. Open one with “Manticore: Open Report”.');
}
