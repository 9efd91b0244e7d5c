/** Marks in an open config: after each block's line its trend, in the gutter what is pinned or pruned. */
import {
  MarkdownString,
  Range,
  ThemeColor,
  Uri,
  window,
  workspace,
  type DecorationOptions,
  type TextDocument,
  type TextEditor,
  type TextEditorDecorationType,
} from 'vscode';
import type { BlockWeights, ServerNotifications } from '../server/contract/editor';
import { DisposableList, type Disposable } from './disposables';
import { setting } from './extension';
import type { ServerConnection } from './server';
import { blockHover, decorationText, gutterMark } from './text/blockText';

type Told = ServerNotifications['manticore/blockWeights'];

export class BlockDecorations implements Disposable {
  private readonly owned = new DisposableList();
  private readonly told = new Map<string, Told>();
  private readonly after: TextEditorDecorationType;
  private readonly gutter: Readonly<Record<'pinned' | 'pruned', TextEditorDecorationType>>;

  constructor(server: ServerConnection, extensionUri: Uri) {
    this.after = this.owned.add(
      window.createTextEditorDecorationType({
        after: { margin: '0 0 0 3ch', color: new ThemeColor('editorCodeLens.foreground') },
      }),
    );
    this.gutter = {
      pinned: this.owned.add(gutterType(extensionUri, 'pinned')),
      pruned: this.owned.add(gutterType(extensionUri, 'pruned')),
    };
    this.owned.add(
      server.onNotification('manticore/blockWeights', (told) => {
        this.told.set(told.uri, told);
        this.redraw(told.uri);
      }),
    );
    // A server that has just started tells anew; what an old one said may not be true any more.
    this.owned.add(server.onDidStart(() => this.forget()));
    this.owned.add(
      window.onDidChangeVisibleTextEditors((editors) =>
        editors.forEach((editor) => this.draw(editor)),
      ),
    );
    this.owned.add(
      workspace.onDidCloseTextDocument(({ uri }) => void this.told.delete(uri.toString())),
    );
    this.owned.add(
      workspace.onDidChangeConfiguration((event) => {
        if (
          event.affectsConfiguration('manticore.decorations') ||
          event.affectsConfiguration('manticore.inlayHints') ||
          event.affectsConfiguration('editor.inlayHints')
        ) {
          window.visibleTextEditors.forEach((editor) => this.draw(editor));
        }
      }),
    );
  }

  private forget(): void {
    this.told.clear();
    window.visibleTextEditors.forEach((editor) => this.draw(editor));
  }

  private redraw(uri: string): void {
    for (const editor of window.visibleTextEditors) {
      if (editor.document.uri.toString() === uri) this.draw(editor);
    }
  }

  private draw(editor: TextEditor): void {
    const { document } = editor;
    if (document.languageId !== 'manticore') return;
    const told = this.told.get(document.uri.toString());
    // Lines of an older text would be wrong ones; the editor moves what is drawn, and the server tells again.
    if (told !== undefined && told.version !== document.version) return;
    const shown = told !== undefined && setting('decorations.enabled', true) ? told : undefined;
    const blocks = (shown?.blocks ?? []).filter(
      ({ line }) => line >= 0 && line < document.lineCount,
    );
    const at = (block: BlockWeights): Range => document.lineAt(block.line).range;
    const hints = showsHints(document);
    const texts: DecorationOptions[] = [];
    for (const block of blocks) {
      const contentText = decorationText(block, hints);
      if (contentText === '' || shown === undefined) continue;
      const { end } = at(block);
      texts.push({
        range: new Range(end, end),
        hoverMessage: new MarkdownString(blockHover(block, shown.source)),
        renderOptions: { after: { contentText } },
      });
    }
    editor.setDecorations(this.after, texts);
    for (const mark of ['pinned', 'pruned'] as const) {
      editor.setDecorations(
        this.gutter[mark],
        blocks.filter((block) => gutterMark(block) === mark).map(at),
      );
    }
  }

  dispose(): void {
    this.told.clear();
    this.owned.dispose();
  }
}

/** Whether inlay hints stand in the text without a key being held. */
function showsHints(document: TextDocument): boolean {
  const editor = workspace.getConfiguration('editor', document);
  const shown = editor.get<string>('inlayHints.enabled', 'on');
  return setting('inlayHints.enabled', true) && (shown === 'on' || shown === 'onUnlessPressed');
}

function gutterType(extensionUri: Uri, mark: 'pinned' | 'pruned'): TextEditorDecorationType {
  const icon = (theme: string): Uri => Uri.joinPath(extensionUri, 'media', `${mark}-${theme}.svg`);
  return window.createTextEditorDecorationType({
    light: { gutterIconPath: icon('light') },
    dark: { gutterIconPath: icon('dark') },
    gutterIconSize: '75%',
  });
}
