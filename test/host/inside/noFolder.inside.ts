/** The extension in a window without a folder. */
import assert from 'node:assert/strict';
import { commands, extensions, workspace } from 'vscode';
import { codeOf, diagnosticsWhen, extensionId, shown } from './editorText';
import { runInside } from './runInside';

/** What VS Code calls to run the tests. */
export function run(): Promise<void> {
  return runInside(() => {
    describe('without a folder', () => {
      it('waits for a config, a command or a view to activate', async () => {
        assert.equal(workspace.workspaceFolders, undefined);
        assert.equal(extensions.getExtension(extensionId)?.isActive, false);
        await commands.executeCommand('manticore.showLog');
        assert.equal(extensions.getExtension(extensionId)?.isActive, true);
      });

      it('checks a config that was never saved', async () => {
        const document = await workspace.openTextDocument({
          language: 'manticore',
          content: 'manticore: 1\nsaerch: {}\n',
        });
        await shown(document.uri);
        const found = await diagnosticsWhen(document.uri, 'problems', (all) => all.length > 0);
        assert.ok(found.map(codeOf).includes('unknown-key'));
      });
    });
  });
}
