/** The extension in the four kinds of themes, as pictures for who looks; and how long a user waits, as numbers, never asserted. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { configName, layQuickstart, longSearch } from './quickstart';
import { newestRun, stepBeyond } from './runFolders';
import { inVsCode } from './scene';
import { Weights } from './weights';

const themes = [
  { name: 'dark', label: 'Dark Modern', kind: 'vs-dark' },
  { name: 'light', label: 'Light Modern', kind: 'vs' },
  { name: 'hc-dark', label: 'Dark High Contrast', kind: 'hc-black' },
  { name: 'hc-light', label: 'Light High Contrast', kind: 'hc-light' },
] as const;

declare global {
  interface Window {
    /** Milliseconds, once a squiggle is drawn. */
    keystrokeToSquiggle: Promise<number>;
  }
}

/** Runs in the page: measures from the next key to the first squiggle in the editor that takes it. */
function watchKeystroke(): void {
  window.keystrokeToSquiggle = new Promise((resolve) => {
    const look = (start: number): void => {
      // An editor behind another tab keeps what it last drew.
      const editor = document.activeElement?.closest('.monaco-editor');
      if (editor?.querySelector('.squiggly-error')) resolve(performance.now() - start);
      else requestAnimationFrame(() => look(start));
    };
    addEventListener('keydown', () => look(performance.now()), { capture: true, once: true });
  });
}

inVsCode('pictures', { installed: true, isPath: true }, (scene) => {
  let weights: Weights;
  let folder: string;

  before(async () => {
    const { workbench } = scene();
    folder = await layQuickstart(scene(), 'quickstart', {
      ...longSearch,
      'search.alphaLearningRate': 0.01,
      'hybrid.mixture': { 1: {}, 2: {}, 3: {}, 4: {} },
    });
    weights = new Weights(workbench);
    await workbench.page.setViewportSize({ width: 1680, height: 1050 });
    await workbench.open(folder);
    await workbench.run('View: Toggle Primary Side Bar Visibility');
    await workbench.openFile(configName);
    await workbench.run('Manticore: Run Manticore Search');
    const run = await newestRun(folder);
    await weights.open();
    await stepBeyond(run, 150);
    await weights.key(2, 1, 'p');
    await weights.row(2).getByText('pinned').waitFor();
    await weights.key(4, 0, 'Delete');
    await weights.cell(4, 0).getByText('pruned').waitFor();
    await workbench.run('Manticore: Pause Search');
    await weights.says(/paused/i);
  });

  for (const { name, label, kind } of themes) {
    it(`in ${name}`, async () => {
      const { workbench } = scene();
      await workbench.chooseTheme(label);
      await workbench.page.locator(`.monaco-workbench.${kind}`).waitFor();
      await weights.open();
      assert.ok((await weights.numbers()).includes('pruned'));
      await scene().picture(`theme-${name}`);
    });
  }

  it('without hints and without marks where their settings say so', async () => {
    const { workbench } = scene();
    await workbench.openFile(configName);
    const hint = workbench.editor.locator('.view-line', { hasText: /neox.*mamba/ });
    const mark = workbench.editor.locator('.glyph-margin-widgets .cgmr');
    const change = async (settings: Readonly<Record<string, boolean>>): Promise<void> => {
      const file = path.join(folder, '.vscode', 'settings.json');
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, JSON.stringify(settings));
    };
    await hint.first().waitFor();
    await mark.first().waitFor();
    await change({ 'manticore.inlayHints.enabled': false });
    await hint.first().waitFor({ state: 'detached' });
    await mark.first().waitFor();
    await change({ 'manticore.inlayHints.enabled': false, 'manticore.decorations.enabled': false });
    await mark.first().waitFor({ state: 'detached' });
    await change({});
    await hint.first().waitFor();
    await mark.first().waitFor();
  });

  it('waits (numbers, no test of them)', async () => {
    const { workbench } = scene();
    await workbench.run('Developer: Show Running Extensions');
    const row = workbench.page
      .locator('.runtime-extensions-editor .extension')
      .filter({ hasText: 'Manticore' });
    const activation = await row.locator('.activation-time').innerText();
    console.log(`      ${activation.replace(/\s+/g, ' ')}`);
    const times = await keystrokesToSquiggle();
    const sorted = [...times].sort((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)]!;
    console.log(
      `      keystroke to squiggle: median ${median.toFixed(0)} ms of ${times.length} (${sorted[0]!.toFixed(0)} to ${sorted.at(-1)!.toFixed(0)})`,
    );
  });

  /** Milliseconds between the key that breaks the config and the first squiggle that is drawn, as the page measures them. */
  async function keystrokesToSquiggle(): Promise<number[]> {
    const { page, editor } = scene().workbench;
    await scene().workbench.openFile(configName);
    await scene().workbench.putCursorBehind('algorithm');
    const times: number[] = [];
    for (let round = 0; round < 15; round++) {
      await page.evaluate(watchKeystroke);
      await page.keyboard.press('Backspace');
      times.push(await page.evaluate(() => window.keystrokeToSquiggle));
      await page.keyboard.press('Control+Z');
      await editor.locator('.squiggly-error').first().waitFor({ state: 'detached' });
    }
    return times;
  }
});
