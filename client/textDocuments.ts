/** Read-only documents of scheme `manticore-text`: logs, tables, generated text. They live as long as they are open. */
import {
  EventEmitter,
  Uri,
  languages,
  window,
  workspace,
  type Event,
  type TextDocumentContentProvider,
  type TextDocumentShowOptions,
} from 'vscode';
import { DisposableList, type Disposable } from './disposables';
import { safeFileName } from './text/escape';

export const textScheme = 'manticore-text';

export interface GrowingText {
  append(text: string): void;
}

export class TextDocuments implements TextDocumentContentProvider, Disposable {
  private readonly owned = new DisposableList();
  private readonly changed = this.owned.add(new EventEmitter<Uri>());
  private readonly contents = new Map<string, string>();
  private made = 0;
  readonly onDidChange: Event<Uri> = this.changed.event;

  constructor() {
    this.owned.add(workspace.registerTextDocumentContentProvider(textScheme, this));
    this.owned.add(
      workspace.onDidCloseTextDocument(({ uri }) => {
        if (uri.scheme === textScheme) this.contents.delete(uri.toString());
      }),
    );
  }

  provideTextDocumentContent(uri: Uri): string {
    return this.contents.get(uri.toString()) ?? 'This text was not kept. Ask for it again.\n';
  }

  /** Shows a text under a name; the same name shows the newest text in the same tab. */
  async show(name: string, text: string, options: TextDocumentShowOptions = {}): Promise<void> {
    const uri = Uri.from({ scheme: textScheme, path: `/${safeFileName(name, 'text')}` });
    this.put(uri, text);
    await window.showTextDocument(await workspace.openTextDocument(uri), {
      preview: true,
      ...options,
    });
  }

  /**
   * A document that grows as it is written, under a name of its own. It opens with its first words; at most ten changes
   * a second are shown.
   */
  grow(name: string, ending: string, beginning: string): GrowingText & Disposable {
    this.made += 1;
    const uri = Uri.from({
      scheme: textScheme,
      path: `/${safeFileName(`${name}-${this.made}`, 'text')}${ending}`,
    });
    let text = beginning;
    let shown = false;
    let timer: NodeJS.Timeout | undefined;
    const flush = (): void => {
      timer = undefined;
      this.put(uri, text);
      if (shown) return;
      shown = true;
      showWrapped(uri).then(undefined, () => {
        // Closed before it was shown: the text is kept, and nobody waits for it.
        shown = false;
      });
    };
    return {
      append: (part) => {
        text += part;
        timer ??= setTimeout(flush, 100);
      },
      dispose: () => {
        if (timer === undefined) return;
        clearTimeout(timer);
        flush();
      },
    };
  }

  private put(uri: Uri, text: string): void {
    this.contents.set(uri.toString(), text);
    this.changed.fire(uri);
  }

  dispose(): void {
    this.owned.dispose();
    this.contents.clear();
  }
}

/** Prose in a text editor, its lines as long as it likes. */
async function showWrapped(uri: Uri): Promise<void> {
  const document = await workspace.openTextDocument(uri);
  await languages.setTextDocumentLanguage(document, 'manticore-text');
  await window.showTextDocument(document, { preview: false });
}
