/** A cloned repository that nobody trusts yet: the language works, nothing runs, and what it brought harms nobody. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { installedExtension } from './codeServer';
import { evilName, layHostileRun, layLinkedRun } from './hostileRun';
import { place } from './place';
import { configName, layQuickstart, shortSearch } from './quickstart';
import { eventOf, newestRun, runsIn } from './runFolders';
import { inVsCode, type HostScene } from './scene';
import { Weights } from './weights';

const runFile = promisify(execFile);

/** A whole run, made by the packaged command line. */
async function madeRun(scene: HostScene): Promise<string> {
  const folder = await layQuickstart(scene, 'made', shortSearch);
  const cli = path.join(await installedExtension(scene.server.folder), 'dist', 'cli.js');
  await runFile(place.node, [cli, 'search', path.join(folder, configName), '--json'], {
    maxBuffer: 64 * 1024 * 1024,
  });
  const [dir] = await runsIn(folder);
  assert.ok(dir);
  return dir;
}

inVsCode(
  'a folder that is not trusted',
  { installed: true, asksForTrust: true, isPath: true },
  (scene) => {
    let folder: string;
    let present: number;
    const secret = 'a secret that no panel may show';

    before(async () => {
      folder = await layQuickstart(scene(), 'cloned', shortSearch);
      await layHostileRun(folder, await madeRun(scene()));
      await layLinkedRun(folder, scene().path('secret.txt'));
      await scene().workbench.open(folder);
      present = (await runsIn(folder)).length;
    });

    it('checks a config as it is typed', async () => {
      const { workbench } = scene();
      await workbench.statusBar.getByText('Restricted Mode').waitFor();
      await workbench.openFile(configName);
      await workbench.putCursorBehind('algorithm');
      await workbench.page.keyboard.press('Backspace');
      await workbench.editor.locator('.squiggly-error').first().waitFor();
      await workbench.page.keyboard.press('Control+Z');
      await workbench.editor.locator('.squiggly-error').first().waitFor({ state: 'detached' });
    });

    it('lists no run that it brought, and says why', async () => {
      const { workbench } = scene();
      await workbench.showRuns();
      await workbench.page.getByText('This workspace is not trusted').first().waitFor();
      assert.equal(await workbench.runRows(/evil|links/).count(), 0);
    });

    it('refuses to run, with a sentence and the way to trust', async () => {
      const { workbench } = scene();
      await workbench.run('Manticore: Run Manticore Search');
      await workbench
        .notification('needs a trusted workspace')
        .getByRole('button', { name: 'Manage Workspace Trust' })
        .waitFor();
      assert.equal((await runsIn(folder)).length, present);
      await scene().picture('untrusted');
    });

    it('runs once it is trusted', async () => {
      const { workbench } = scene();
      await workbench.run('Workspaces: Manage Workspace Trust');
      await workbench.page
        .locator('.workspace-trust-editor')
        .getByRole('button', { name: /^Trust$/ })
        .first()
        .click();
      await workbench.statusBar.getByText('Restricted Mode').waitFor({ state: 'detached' });
      await workbench.openFile(configName);
      await workbench.run('Manticore: Run Manticore Search');
      const run = await newestRun(folder, present + 1);
      assert.equal((await eventOf(run, 'finished')).status, 'done');
    });

    it('shows what a hostile run folder holds as text, and follows no link out of it', async () => {
      const { workbench } = scene();
      await workbench.showRuns();
      await workbench.runRow(/evil/).click();
      const weights = new Weights(workbench);
      await weights.open();
      await weights.says(evilName);
      for (const frame of workbench.page.frames()) {
        assert.equal(await frame.evaluate(() => 'pwned' in window), false);
      }
      assert.doesNotMatch(await weights.words(), new RegExp(secret));
      assert.equal(await workbench.runRows(secret).count(), 0);
      assert.match(await readFile(scene().path('secret.txt'), 'utf8'), new RegExp(secret));
    });
  },
);
