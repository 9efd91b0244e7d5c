/** One weights panel: the page of one run, fed from its log, and what its buttons do. */
import { randomBytes } from 'node:crypto';
import { Uri, type LogOutputChannel, type WebviewPanel } from 'vscode';
import type { EditorRequests, ServerNotifications, UserError } from '../../server/contract/editor';
import type { RunSnapshot } from '../../server/contract/runViews';
import type { HostToPanel, PanelToHost } from '../../server/contract/panel';
import { DisposableList, type Disposable } from '../disposables';
import type { ServerConnection } from '../server';
import { plainText } from '../text/escape';
import { EventFeed } from './eventFeed';
import { panelHtml } from './html';
import { describeRefused, panelMessage } from './messages';

export type PanelCommand = Extract<PanelToHost, { type: 'command' }>['command'];
export type SaveRequest = Extract<PanelToHost, { type: 'save' }>;

export interface PanelHost {
  readonly server: ServerConnection;
  readonly log: LogOutputChannel;
  readonly extensionUri: Uri;
  /** Whether controls may be sent: not in a workspace that isn't trusted. */
  readonly isTrusted: () => boolean;
  readonly runCommand: (command: PanelCommand, dir: string) => void;
  readonly save: (request: SaveRequest, dir: string) => void;
}

type RunEvents = ServerNotifications['manticore/runEvents'];

const untrusted: UserError = {
  code: 'untrusted-workspace',
  message: 'This workspace is not trusted, so its searches are not controlled from here.',
  hint: 'Trust the workspace first (Workspaces: Manage Workspace Trust).',
};

export class WeightsPanel implements Disposable {
  private readonly owned = new DisposableList();
  /** The page has loaded, listens, and is seen. */
  private listening = false;
  private readonly feed = new EventFeed();
  private isDisposed = false;
  /** Counts snapshots asked for: an answer to an older question is dropped. */
  private question = 0;

  constructor(
    readonly dir: string,
    readonly view: WebviewPanel,
    private readonly host: PanelHost,
  ) {
    const { webview } = view;
    const dist = Uri.joinPath(host.extensionUri, 'dist');
    webview.options = { enableScripts: true, localResourceRoots: [dist] };
    view.iconPath = {
      light: Uri.joinPath(host.extensionUri, 'media', 'weights-light.svg'),
      dark: Uri.joinPath(host.extensionUri, 'media', 'weights-dark.svg'),
    };
    this.owned.add(webview.onDidReceiveMessage((message) => this.receive(message)));
    this.owned.add(view.onDidChangeViewState(() => this.visibilityChanged()));
    this.owned.add(host.server.onDidStart(() => this.serverStarted()));
    this.owned.add(
      host.server.onNotification('manticore/runEvents', (batch) => this.events(batch)),
    );
    webview.html = panelHtml({
      script: webview.asWebviewUri(Uri.joinPath(dist, 'webview.js')).toString(),
      style: webview.asWebviewUri(Uri.joinPath(dist, 'webview.css')).toString(),
      cspSource: webview.cspSource,
      nonce: randomBytes(18).toString('hex'),
      dir,
      title: view.title,
    });
  }

  private post(message: HostToPanel): void {
    // Not delivered where the page has just been hidden: it gets a snapshot when it is seen again.
    void this.view.webview.postMessage(message);
  }

  private receive(raw: unknown): void {
    const message = panelMessage(raw);
    if (message === undefined) {
      this.host.log.warn(
        `The weights panel sent a message ${describeRefused(raw)} that fits none; ignored.`,
      );
      return;
    }
    switch (message.type) {
      case 'ready':
        this.listening = true;
        void this.sendSnapshot();
        return;
      case 'alphasAt':
        void this.sendAlphas(message);
        return;
      case 'loss':
        void this.sendLoss(message);
        return;
      case 'control':
        void this.control(message);
        return;
      case 'command':
        this.host.runCommand(message.command, this.dir);
        return;
      case 'save':
        this.host.save(message, this.dir);
        return;
    }
  }

  /** A hidden page is gone (nothing is retained); one that is seen again loads anew and says `ready`. */
  private visibilityChanged(): void {
    if (this.view.visible || !this.listening) return;
    this.listening = false;
    this.feed.stop();
    this.question += 1;
    void this.unwatch();
  }

  private async unwatch(): Promise<void> {
    await this.ask('manticore/unwatchRun', { dir: this.dir });
  }

  /** A server that has just started watches nothing: draw from the start, and watch on. */
  private serverStarted(): void {
    if (this.listening) void this.sendSnapshot();
  }

  private async sendSnapshot(): Promise<void> {
    const question = ++this.question;
    const outcome = await this.ask('manticore/runSnapshot', { dir: this.dir });
    if (!this.isCurrent(question)) return;
    if (outcome?.ok !== true) {
      // A server that starts again is asked again.
      this.post({ type: 'unavailable', error: outcome?.error ?? serverGone });
      return;
    }
    this.showName(outcome.value);
    this.post({ type: 'snapshot', snapshot: outcome.value });
    this.feed.begin(outcome.value.nextSeq);
    const watched = await this.ask('manticore/watchRun', {
      dir: this.dir,
      fromSeq: outcome.value.nextSeq,
    });
    if (this.isCurrent(question)) {
      if (watched?.ok === false) this.post({ type: 'unavailable', error: watched.error });
    } else if (!this.listening) {
      // Hidden meanwhile: what was asked for then may have come before the watch itself.
      void this.unwatch();
    }
  }

  private isCurrent(question: number): boolean {
    return question === this.question;
  }

  private showName(snapshot: RunSnapshot): void {
    this.view.title = `Weights: ${plainText(snapshot.name, 60)}`;
  }

  private events(batch: RunEvents): void {
    if (batch.dir !== this.dir || !this.listening || !this.feed.isFollowing) return;
    if (batch.gone) {
      this.post({ type: 'unavailable', error: goneError });
      return;
    }
    const events = this.feed.take(batch.events);
    if (events === 'missing') {
      void this.sendSnapshot();
      return;
    }
    this.post({ type: 'events', events, state: batch.state });
  }

  private async sendAlphas(message: Extract<PanelToHost, { type: 'alphasAt' }>): Promise<void> {
    const { where, step } = message;
    const outcome = await this.ask('manticore/alphasAt', { dir: this.dir, where, steps: [step] });
    if (outcome === undefined) return;
    const alphas = outcome.ok ? (outcome.value[0] ?? null) : null;
    this.post({ type: 'alphas', where, step, alphas });
  }

  private async sendLoss(message: Extract<PanelToHost, { type: 'loss' }>): Promise<void> {
    const { where, fromStep, toStep, maxPoints } = message;
    const outcome = await this.ask('manticore/lossBetween', {
      dir: this.dir,
      where,
      fromStep,
      toStep,
      maxPoints,
    });
    if (outcome?.ok === true) this.post({ type: 'loss', curve: outcome.value });
  }

  private async control(message: Extract<PanelToHost, { type: 'control' }>): Promise<void> {
    const { request, control } = message;
    if (!this.host.isTrusted()) {
      this.post({ type: 'control', request, state: 'refused', error: untrusted });
      return;
    }
    const outcome = await this.ask('manticore/controlRun', { dir: this.dir, request: control });
    if (outcome?.ok === true) {
      this.post({ type: 'control', request, state: 'applied', step: outcome.value.step });
    } else {
      this.post({
        type: 'control',
        request,
        state: 'refused',
        error: outcome?.error ?? serverGone,
      });
    }
  }

  /** A request that never rejects: `undefined` and a line in the log where the server is down or broken. */
  private async ask<M extends keyof EditorRequests>(
    method: M,
    params: EditorRequests[M][0],
  ): Promise<EditorRequests[M][1] | undefined> {
    try {
      return await this.host.server.request(method, params);
    } catch (error) {
      // At the window's end the server ends first, and the log with this.
      if (!this.isDisposed) this.host.log.warn(`${method} was not answered: ${String(error)}`);
      return undefined;
    }
  }

  dispose(): void {
    this.isDisposed = true;
    if (this.listening) void this.unwatch();
    this.listening = false;
    this.question += 1;
    this.owned.dispose();
  }
}

const goneError: UserError = {
  code: 'run-gone',
  message: 'The run’s folder is gone: it was deleted or moved.',
  hint: 'Close this panel, or put the folder back and open it again.',
};

const serverGone: UserError = {
  code: 'server-gone',
  message: 'The language server did not answer.',
  hint: 'Try again; if it stays so, run “Manticore: Restart Language Server”.',
};
