/** What can go wrong around a search, each with its good end. */
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isAlive, signalProcess } from '../../server/runs/processIdentity';
import { configName, layQuickstart, longSearch, shortSearch } from './quickstart';
import { makeReadOnly } from './readOnly';
import { ended, eventOf, lastStep, newestRun, processOf, runsIn, stepBeyond } from './runFolders';
import { inVsCode } from './scene';
import { eventually } from './waiting';
import { Weights } from './weights';

const runSearch = 'Manticore: Run Manticore Search';

inVsCode('bad cases', { installed: true }, (scene) => {
  const workbench = () => scene().workbench;
  const weights = () => new Weights(workbench());

  // What one case left running would be "another search" for the next.
  afterEach(() => scene().server.endSearches());

  it('no workspace: says so, and offers the quickstart', async () => {
    await workbench().open();
    await workbench().run(runSearch);
    await workbench()
      .notification('No folder and no hybrid config')
      .getByRole('button', { name: 'Open Quickstart' })
      .waitFor();
  });

  it('a folder without a config: says so, and offers to make one', async () => {
    const folder = scene().path('empty');
    await mkdir(folder, { recursive: true });
    await workbench().open(folder);
    await workbench().run(runSearch);
    await workbench()
      .notification('no hybrid config')
      .getByRole('button', { name: 'New Hybrid Config' })
      .waitFor();
  });

  it('a folder that nobody may write to: says which, and what to do', async function () {
    const folder = await layQuickstart(scene(), 'read only', shortSearch);
    const undo = await makeReadOnly(folder);
    if (undo === undefined) return this.skip();
    try {
      await workbench().open(folder);
      await workbench().openFile(configName);
      await workbench().run(runSearch);
      await workbench()
        .notification(/read only.*(runsFolder|folder)/s)
        .waitFor();
      assert.deepEqual(await runsIn(folder), []);
    } finally {
      await undo();
    }
  });

  it('a file where the runs would go: says which', async () => {
    const folder = await layQuickstart(scene(), 'taken', shortSearch);
    await writeFile(path.join(folder, '.manticore'), '');
    await workbench().open(folder);
    await workbench().openFile(configName);
    await workbench().run(runSearch);
    await workbench().notification(/taken/).waitFor();
    assert.ok((await stat(path.join(folder, '.manticore'))).isFile());
  });

  it('a config with an error, in no editor yet: says which, and runs nothing', async () => {
    const folder = await layQuickstart(scene(), 'broken', { 'search.algorithm': 'dart' });
    await workbench().open(folder);
    await workbench().runFromExplorer(configName, 'Run Manticore Search');
    await workbench()
      .notification(/so it was not run.*algorithm/s)
      .waitFor();
    assert.deepEqual(await runsIn(folder), []);
  });

  it('a config outside the workspace: runs beside itself, and its run is listed', async () => {
    const inside = scene().path('inside');
    await mkdir(inside, { recursive: true });
    const outside = await layQuickstart(scene(), 'outside', shortSearch);
    await workbench().open(inside);
    await workbench().openOutside(outside, configName);
    await workbench().run(runSearch);
    const dir = await newestRun(outside);
    await weights().open();
    const finished = await eventOf(dir, 'finished');
    assert.equal(finished.status, 'done');
    await workbench().showRuns();
    await workbench().runRow(/done/).waitFor();
  });

  it('two searches at once: the second starts when the user says so, and both go on', async () => {
    const folder = await layQuickstart(scene(), 'two', longSearch);
    const other = 'other.manticore.yaml';
    await cp(path.join(folder, configName), path.join(folder, other));
    await workbench().open(folder);
    await workbench().openFile(configName);
    await workbench().run(runSearch);
    const first = await newestRun(folder);
    await stepBeyond(first, 0);
    await workbench().openFile(other);
    await workbench().run(runSearch);
    await workbench().notificationButton('Start Anyway').click();
    const second = await newestRun(folder, 2);
    await stepBeyond(second, 0);
    await stepBeyond(first, (await lastStep(first))!.step);
    await workbench().showRuns();
    await eventually('two running', async () =>
      (await workbench()
        .runRows(/running/)
        .count()) === 2
        ? true
        : undefined,
    );
    for (const dir of [first, second]) {
      const search = await processOf(dir);
      assert.ok(search);
      await workbench().run('Manticore: Stop Search');
      // With two that run it asks which; with one it takes that one.
      if (dir === first) await workbench().choose(path.basename(dir));
      await ended(search);
      await workbench()
        .runRow(/stopped/)
        .waitFor();
    }
  });

  it('the run folder deleted during a run: the panel and the list say so, nothing is left', async () => {
    const folder = await layQuickstart(scene(), 'deleted', longSearch);
    await workbench().open(folder);
    await workbench().openFile(configName);
    await workbench().run(runSearch);
    const dir = await newestRun(folder);
    await stepBeyond(dir, 1);
    await weights().open();
    const search = await processOf(dir);
    assert.ok(search);
    await rm(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    await weights().says(/folder is gone|deleted or moved/i);
    await workbench().showRuns();
    await eventually('an empty list', async () =>
      (await workbench()
        .runRows(/running/)
        .count()) === 0
        ? true
        : undefined,
    );
    await ended(search);
    assert.deepEqual(await runsIn(folder), []);
  });

  it('the compute process killed: the run is lost with a reason, and resumes from its checkpoint', async () => {
    const folder = await layQuickstart(scene(), 'killed', longSearch);
    await workbench().open(folder);
    await workbench().openFile(configName);
    await workbench().run(runSearch);
    const dir = await newestRun(folder);
    const checkpoint = await eventOf(dir, 'checkpoint', ({ step }) => step > 0);
    const search = await processOf(dir);
    assert.ok(search);
    await weights().open();
    await signalProcess(search, 'SIGKILL');
    await ended(search);
    await weights().says(/lost/i);
    await workbench().showRuns();
    await workbench().runRow(/lost/).waitFor();
    await weights().press('Resume');
    const resumed = await eventOf(dir, 'resumed');
    assert.ok(resumed.fromStep >= checkpoint.step);
    await stepBeyond(dir, resumed.fromStep);
    const again = await processOf(dir);
    assert.ok(again && (await isAlive(again)));
    await workbench().run('Manticore: Checkpoint and Stop');
    await ended(again);
    await weights().says(/stopped/i);
  });

  it('a log that is damaged in the middle: the panel draws the rest', async () => {
    const folder = scene().path('killed');
    const [dir] = await runsIn(folder);
    assert.ok(dir);
    const log = path.join(dir, 'events.jsonl');
    const lines = (await readFile(log, 'utf8')).split('\n');
    lines.splice(Math.floor(lines.length / 2), 1, '{"type":"step","seq":', '\u0000\u0001 nonsense');
    await writeFile(log, lines.join('\n'));
    await workbench().reload();
    await workbench().run('Manticore: Open Weights');
    await weights().open();
    assert.equal((await weights().numbers()).length, 8);
  });
});
