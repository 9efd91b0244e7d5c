/** What a user does with the packaged extension, from the quickstart to the report, in a folder whose name is none of ASCII alone. */
import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { RunEvent } from '../../server/contract/events';
import { isAlive } from '../../server/runs/processIdentity';
import { ofType, rawEvents } from '../cli/runFiles';
import { installedExtension } from './codeServer';
import { changeConfig, configName, longSearch } from './quickstart';
import {
  ended,
  eventOf,
  languageServersOf,
  lastStep,
  newestRun,
  processOf,
  stepBeyond,
} from './runFolders';
import { inVsCode } from './scene';
import { eventually } from './waiting';
import { Weights } from './weights';

/** Every event once, in its place. */
function assertNoGap(events: readonly RunEvent[]): void {
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_, index) => index),
  );
}

inVsCode('a user’s path', { installed: true, isPath: true }, (scene) => {
  let folder: string;
  let config: string;
  let run: string;
  let weights: Weights;

  it('opens the quickstart into a folder', async () => {
    folder = scene().path('Größe λ ещё & más');
    config = path.join(folder, configName);
    await mkdir(folder, { recursive: true });
    const { workbench } = scene();
    await workbench.open(folder);
    await workbench.run('Manticore: Open Quickstart');
    await workbench.choose('In Größe');
    await workbench.page.locator('.tab', { hasText: configName }).waitFor();
    for (const file of ['models/tiny-neox/model.safetensors', 'data/train.txt']) {
      const laid = await readFile(path.join(folder, file));
      const shipped = path.join(await installedExtension(scene().server.folder), 'examples', file);
      assert.ok(laid.equals(await readFile(shipped)), file);
    }
  });

  it('breaks a key and sees the squiggle', async () => {
    const { workbench } = scene();
    await changeConfig(config, longSearch);
    await workbench.openFile(configName);
    await workbench.editor.locator('.view-lines', { hasText: '20000' }).waitFor();
    await workbench.putCursorBehind('algorithm');
    await workbench.page.keyboard.press('Backspace');
    await workbench.editor.locator('.squiggly-error').first().waitFor();
    await scene().picture('squiggle');
  });

  it('is told what is wrong when it tries to run that', async () => {
    const { workbench } = scene();
    await workbench.run('Manticore: Run Manticore Search');
    await workbench.notification(/so it was not run.*algorithm/s).waitFor();
    await workbench.closeNotifications();
  });

  it('takes the quick fix', async () => {
    const { workbench } = scene();
    await workbench.putCursorBehind('algorith');
    await workbench.page.keyboard.press('Control+.');
    await workbench.page
      .locator('.action-widget .monaco-list-row', { hasText: 'algorithm' })
      .first()
      .click();
    await workbench.editor.locator('.view-lines', { hasText: 'algorithm: darts' }).waitFor();
    await workbench.editor.locator('.squiggly-error').first().waitFor({ state: 'detached' });
  });

  it('runs the search from the palette, and sees the weights move', async () => {
    const { workbench } = scene();
    weights = new Weights(workbench);
    await workbench.run('Manticore: Run Manticore Search');
    run = await newestRun(folder);
    await weights.open();
    const first = await weights.numbers();
    assert.equal(first.length, 8, 'four blocks of two components');
    await eventually('moved weights', async () =>
      (await weights.numbers()).some((number, index) => number !== first[index]) ? true : undefined,
    );
    await workbench.statusBar
      .getByText(/search [\d,]+\/20,?000/)
      .first()
      .waitFor();
    // The same numbers beside the config.
    await workbench.editor.locator('.view-lines', { hasText: /neox\s[▁-█]\s[\d.]+/ }).waitFor();
    await scene().picture('weights');
  });

  it('pins a block in the panel: recorded between two steps, and obeyed by the next', async () => {
    await weights.key(2, 1, 'p');
    const pin = await eventOf(run, 'control', ({ action }) => action === 'pin');
    assert.equal(pin.block, 2);
    assert.deepEqual(pin.weights, [0, 1]);
    const next = await stepBeyond(run, pin.step);
    assert.deepEqual(next.alphas?.[1], [0, 1]);
    const steps = ofType(await rawEvents(run), 'step');
    assert.equal(steps.findLast(({ seq }) => seq < pin.seq)?.step, pin.step);
    assert.equal(steps.find(({ seq }) => seq > pin.seq)?.step, pin.step + 1);
    await weights.row(2).getByText('pinned').waitFor();
    await scene().picture('pinned');
  });

  it('prunes and restores in another block', async () => {
    await weights.key(4, 0, 'Delete');
    const prune = await eventOf(run, 'control', ({ action }) => action === 'prune');
    assert.equal(prune.block, 4);
    assert.equal(prune.component, 'neox');
    await weights.cell(4, 0).getByText('pruned').waitFor();
    await weights.key(4, 0, 'r');
    await eventOf(run, 'control', ({ action }) => action === 'restore');
    await weights
      .cell(4, 0)
      .getByText(/\d\.\d/)
      .waitFor();
  });

  it('reloads the window, and finds the search running with nothing lost', async () => {
    const search = await processOf(run);
    assert.ok(search, 'the search runs');
    const before = (await lastStep(run))!.step;
    await scene().workbench.reload();
    await weights.open();
    await weights.movesBeyond(before);
    assert.deepEqual(await processOf(run), search, 'it is the same process');
    await weights.row(2).getByText('pinned').waitFor();
    assertNoGap(await rawEvents(run));
    await scene()
      .workbench.statusBar.getByText(/search [\d,]+\/20,?000/)
      .first()
      .waitFor();
  });

  it('loses its language server, and goes on', async () => {
    const { workbench } = scene();
    const extension = await installedExtension(scene().server.folder);
    const [pid, ...others] = await languageServersOf(extension);
    assert.ok(pid !== undefined && others.length === 0, 'one language server');
    const search = await processOf(run);
    process.kill(pid, 'SIGKILL');
    await eventually('another language server', async () =>
      (await languageServersOf(extension)).some((each) => each !== pid) ? true : undefined,
    );
    assert.ok(search && (await isAlive(search)), 'the search never stopped');
    await weights.movesBeyond((await lastStep(run))!.step);
    await workbench.openFile(configName);
    await workbench.putCursorBehind('algorithm');
    await workbench.page.keyboard.press('Backspace');
    await workbench.editor.locator('.squiggly-error').first().waitFor();
    await workbench.page.keyboard.press('Control+Z');
    await workbench.editor.locator('.squiggly-error').first().waitFor({ state: 'detached' });
    assertNoGap(await rawEvents(run));
  });

  it('writes what was pinned into the config, as an edit that can be undone', async () => {
    const { workbench } = scene();
    await workbench.run('Manticore: Open Weights');
    await weights.open();
    await weights.press('Write to Config');
    await workbench.editor.locator('.view-lines', { hasText: /2:.*pin.*mamba/ }).waitFor();
    await scene().picture('written');
    await workbench.page.keyboard.press('Control+Z');
    await workbench.editor
      .locator('.view-lines', { hasText: /2:.*pin.*mamba/ })
      .waitFor({ state: 'detached' });
  });

  it('is refused a second search beside it, with a sentence and a way', async () => {
    const { workbench } = scene();
    await workbench.openFile(configName);
    await workbench.run('Manticore: Run Manticore Search');
    const notice = workbench.notification(/already|another|running/i);
    await notice.getByRole('button', { name: 'Start Anyway' }).waitFor();
    await workbench.closeNotifications();
  });

  it('stops it', async () => {
    const { workbench } = scene();
    const search = await processOf(run);
    assert.ok(search);
    await workbench.run('Manticore: Stop Search');
    const finished = await eventOf(run, 'finished');
    assert.equal(finished.status, 'stopped');
    await ended(search);
    assertNoGap(await rawEvents(run));
    await workbench.run('Manticore: Open Weights');
    await weights.says(/stopped/i);
  });

  it('opens the report', async () => {
    const { workbench } = scene();
    await workbench.run('Manticore: Open Report');
    await workbench.page.locator('.tab.active', { hasText: 'Report' }).waitFor();
    await workbench.panel.getByRole('heading', { level: 1 }).first().waitFor();
    await workbench.panel.locator('svg').first().waitFor();
    await scene().picture('report');
  });

  it('has asked nothing outside this machine', () => {
    assert.deepEqual([...scene().browser.outside], []);
  });
});
