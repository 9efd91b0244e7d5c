/** Tells the client what changed beside the text: α of the blocks, hints, lenses. At most twice a second. */
import type { Disposable } from 'vscode-languageserver';
import type { ServerNotifications } from '../contract/editor';
import { blockWeightsOf } from './blockWeights';
import type { LanguageContext } from './context';
import { lensCommands } from './features/codeLenses';
import { weightsFor } from './features/inlayHints';

const PERIOD = 500;
const METHOD: keyof ServerNotifications = 'manticore/blockWeights';

export class Liveness implements Disposable {
  private readonly listeners: readonly Disposable[];
  /** Of each open config, what the client was last told. */
  private readonly blocks = new Map<string, string>();
  private readonly hints = new Map<string, string>();
  private readonly lenses = new Map<string, string>();
  private timer: NodeJS.Timeout | undefined;
  private toldAt = 0;

  constructor(private readonly context: LanguageContext) {
    const tell = () => this.tellSoon();
    this.listeners = [
      context.runs.onChange(tell),
      context.checker.onChecked(tell),
      context.workspace.onTrusted(tell),
      context.settings.onChange(() => {
        // The client may hold hints that it asked for by itself, between two refreshes.
        this.hints.clear();
        tell();
      }),
      context.documents.onClose((uri) => {
        for (const kept of [this.blocks, this.hints, this.lenses]) kept.delete(uri);
      }),
    ];
  }

  dispose(): void {
    clearTimeout(this.timer);
    for (const listener of this.listeners) listener.dispose();
  }

  private tellSoon(): void {
    const wait = Math.max(0, this.toldAt + PERIOD - Date.now());
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.toldAt = Date.now();
      this.tell().catch((error: unknown) => this.context.failed('refreshing', error));
    }, wait);
  }

  private async tell(): Promise<void> {
    const { context } = this;
    let areHintsNew = false;
    let areLensesNew = false;
    for (const uri of context.documents.uris) {
      const snapshot = await context.checker.snapshot(uri);
      if (!snapshot || context.documents.get(uri)?.version !== snapshot.version) continue;
      const weights = weightsFor(context, snapshot);
      const { version, checked } = snapshot;
      const message = { uri, version, ...blockWeightsOf(checked, weights) };
      if (isNews(this.blocks, uri, message))
        await context.connection.sendNotification(METHOD, message);
      const { enabled } = context.settings.current.inlayHints;
      if (isNews(this.hints, uri, enabled ? weights : undefined)) areHintsNew = true;
      if (isNews(this.lenses, uri, lensCommands(context, snapshot))) areLensesNew = true;
    }
    const { workspace } = context.client();
    const { languages } = context.connection;
    if (areHintsNew && workspace?.inlayHint?.refreshSupport) await languages.inlayHint.refresh();
    if (areLensesNew && workspace?.codeLens?.refreshSupport) {
      await context.connection.sendRequest('workspace/codeLens/refresh');
    }
  }
}

/** Whether this differs from what was told; then it is what was told. */
function isNews(told: Map<string, string>, uri: string, value: unknown): boolean {
  const text = JSON.stringify([value]);
  if (told.get(uri) === text) return false;
  told.set(uri, text);
  return true;
}
