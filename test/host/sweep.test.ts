/** A sweep in the window: started from the palette, seen with its runs in the tree, stopped, resumed, its report opened. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { readSweepManifest } from '../../server/runs/sweepFolder';
import { configName, layQuickstart, shortSearch } from './quickstart';
import { inVsCode } from './scene';
import { eventually } from './waiting';

inVsCode('a sweep', { installed: true, isPath: true }, (scene) => {
  let folder: string;

  const manifest = async () => {
    const sweeps = path.join(folder, '.manticore', 'sweeps');
    const [name] = await readdir(sweeps).catch((): string[] => []);
    return name === undefined ? undefined : readSweepManifest(path.join(sweeps, name));
  };

  it('is offered with the number of its runs, and starts from the palette', async () => {
    folder = await layQuickstart(scene(), 'sweep', {
      ...shortSearch,
      'search.steps': 3_000,
      finetune: false,
      sweep: { 'search.learningRate': [1e-3, 2e-3, 4e-3] },
    });
    const { workbench } = scene();
    await workbench.open(folder);
    await workbench.openFile(configName);
    await workbench.editor
      .locator('.codelens-decoration', { hasText: 'Run Sweep: 3 runs' })
      .waitFor();
    await workbench.run('Manticore: Run Manticore Search');
    await workbench.runRow(/0 of 3 · running/).waitFor();
    await workbench.runRow(/^1: learningRate 0\.001\s*running · search/).waitFor();
    await workbench.runRow(/^3: learningRate 0\.004\s*waiting/).waitFor();
    await workbench.statusBar
      .getByText(/sweep 0 of 3 · search/)
      .first()
      .waitFor();
    await scene().picture('sweep-tree');
  });

  it('goes on while the window is loaded again', async () => {
    const { workbench } = scene();
    await workbench.reload();
    await workbench.showRuns();
    await workbench.runRow(/0 of 3 · running/).waitFor();
  });

  it('stops from the palette, with a checkpoint, and is resumed', async () => {
    const { workbench } = scene();
    await workbench.run('Manticore: Stop Sweep');
    await workbench.runRow(/0 of 3 · stopped/).waitFor();
    await workbench.notification(/has stopped with 0 of 3 runs done/).waitFor();
    assert.deepEqual(
      (await manifest())?.cells.map(({ state }) => state),
      ['stopped', 'waiting', 'waiting'],
    );
    await workbench.closeNotifications();
    await workbench.run('Manticore: Resume Sweep');
    await workbench.runRow(/0 of 3 · running/).waitFor();
    await eventually('the first cell again', async () =>
      (await manifest())?.cells[0]?.state === 'running' ? true : undefined,
    );
    await workbench.run('Manticore: Stop Sweep');
    await workbench.runRow(/0 of 3 · stopped/).waitFor();
  });

  it('opens its report, made from its data', async () => {
    const { workbench } = scene();
    await workbench.run('Manticore: Open Sweep Report');
    await workbench.panel.getByRole('heading', { name: 'Every cell' }).waitFor();
    await workbench.panel.getByText('0 of 3 runs done').waitFor();
    await scene().picture('sweep-report');
  });
});
