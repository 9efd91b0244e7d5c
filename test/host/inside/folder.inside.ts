/** The extension in a trusted folder that holds the quickstart. */
import assert from 'node:assert/strict';
import { commands, extensions, Uri, window, workspace } from 'vscode';
import { runInside } from './runInside';

const extensionId = 'manticore.manticore';

function inFolder(name: string): Uri {
  const folder = workspace.workspaceFolders?.[0];
  assert.ok(folder, 'a folder is open');
  return Uri.joinPath(folder.uri, name);
}

/** What VS Code calls to run the tests. */
export function run(): Promise<void> {
  return runInside(() => {
    describe('activation', () => {
      it('waits for a config, a command or a view', () => {
        assert.equal(extensions.getExtension(extensionId)?.isActive, false);
      });

      it('comes with a config', async () => {
        const document = await workspace.openTextDocument(inFolder('quickstart.manticore.yaml'));
        assert.equal(document.languageId, 'manticore');
        await window.showTextDocument(document);
        const extension = extensions.getExtension(extensionId);
        assert.ok(extension);
        await extension.activate();
        assert.equal(extension.isActive, true);
      });

      it('registers every command of the manifest', async () => {
        const manifest = extensions.getExtension(extensionId)?.packageJSON as {
          readonly contributes: { readonly commands: readonly { readonly command: string }[] };
        };
        const registered = new Set(await commands.getCommands(true));
        const missing = manifest.contributes.commands.filter(
          ({ command }) => !registered.has(command),
        );
        assert.deepEqual(missing, []);
      });
    });
  });
}
