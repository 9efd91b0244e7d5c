/** What a person sees in each state of a run, and that nobody is shut out of it. */
import { strict as assert } from 'node:assert';
import type { RunSnapshot } from '../../server/contract/runViews';
import {
  failed,
  finished,
  fourComponents,
  lost,
  madeUp,
  paused,
  running,
  starting,
  stopped,
  warned,
} from './runs';
import { Scene, startBrowser, stopBrowser, themes, type SceneOptions } from './scene';

const error = {
  code: 'run-gone',
  message: 'The run folder 20261125-0950-quickstart is gone: it was deleted or moved.',
  hint: 'Start the search again, or put the folder back.',
};

async function shown(snapshot: RunSnapshot, options: SceneOptions = {}): Promise<Scene> {
  const scene = await Scene.open(options);
  await scene.host({ type: 'snapshot', snapshot });
  return scene;
}

describe('the panel', function () {
  let scene: Scene;
  before(startBrowser);
  after(stopBrowser);
  afterEach(async () => {
    assert.deepEqual(scene.complaints, [], 'the console and the content policy are silent');
    await scene.close();
  });

  const buttons = async (): Promise<string[]> => {
    const texts = await scene.page.locator('.head vscode-button:visible').allInnerTexts();
    return texts.map((text) => text.trim());
  };
  const words = (): Promise<string> => scene.page.locator('main').innerText();

  it('says that it listens, and waits in words', async () => {
    scene = await Scene.open();
    assert.equal((await scene.sent('ready')).length, 1);
    assert.match(await words(), /Reading the run…/);
  });

  it('shows the numbers of a running search, pinned and pruned', async () => {
    scene = await shown(running());
    assert.match(await scene.cell(1, 0).innerText(), /^0\.80\s+layer 1$/);
    assert.match(await scene.cell(1, 1).innerText(), /^0\.20\s+layers 1–2$/);
    assert.equal(await scene.cell(4, 1).innerText(), 'pruned');
    assert.match(
      await scene.page.getByRole('rowheader', { name: 'Block 2' }).innerText(),
      /pinned/,
    );
    assert.match(await words(), /Search · step 54 of 60 · 36 % of the run/);
    assert.deepEqual((await buttons()).slice(0, 3), ['Pause', 'Checkpoint & Stop', 'Stop']);
  });

  it('moves with the events that come', async () => {
    scene = await shown(running());
    const { afterwards } = await import('./runs');
    await scene.host({ type: 'events', events: afterwards(2), state: 'running' });
    assert.match(await words(), /step 56 of 60/);
    assert.match(await words(), /After step 56/);
  });

  it('offers what makes sense while it is paused', async () => {
    scene = await shown(paused());
    assert.deepEqual((await buttons()).slice(0, 3), ['Resume', 'Checkpoint & Stop', 'Stop']);
    assert.match(await words(), /Paused/);
  });

  it('says why a run failed, what to do, and offers both', async () => {
    scene = await shown(failed());
    assert.match(await words(), /Step 55 needed 1\.2 GiB.*\s+Lower search\.batch/);
    const shownButtons = await buttons();
    assert.ok(shownButtons.includes('Resume') && shownButtons.includes('Show Log'));
    assert.ok(!shownButtons.includes('Stop'));
  });

  it('sums up a run that is done', async () => {
    scene = await shown(finished());
    const text = await words();
    assert.match(text, /The search leans on neox, with a mean α of 0\.84 over the blocks/);
    const table = scene.page.getByRole('table', { name: 'Scores of the hybrid' });
    assert.equal(await table.getByRole('row').count(), 9);
    assert.equal(await table.getByRole('rowheader', { name: 'hybrid' }).count(), 4);
  });

  it('shows what is left of a hybrid at hard α, right after the search', async () => {
    scene = await shown(fourComponents());
    const table = scene.page.getByRole('table', { name: /^Right after the search, .*2 seeds/ });
    const rows = await table.getByRole('row').allInnerTexts();
    assert.deepEqual(
      rows.map((row) => row.split('\t')),
      [
        [
          ...['α', 'Split', 'Loss', 'Beside as found', 'Parameters', 'FLOPs/token'],
          'Expected cost',
        ],
        ['as found', 'test', '3.415', '–', '2.11 M', '4.77 M', '0.620'],
        ['the largest of each block alone', 'test', '3.900', '+0.485', '1.06 M', '1.97 M', '–'],
        ['below 0.25 dropped', 'test', '3.500', '+0.085', '2.11 M', '4.77 M', '–'],
      ],
    );
  });

  it('shows the mean of several seeds, and each of them', async () => {
    scene = await shown(
      madeUp({ components: ['neox', 'mamba'], seeds: [1, 2, 3], searchSteps: 30 }),
    );
    assert.match(await words(), /Mean over 3 seeds, as the run ended/);
    await scene.page.getByRole('combobox', { name: 'Weights of' }).click();
    await scene.page.getByRole('option', { name: 'Search, seed 2' }).click();
    await scene.settled();
    assert.match(await words(), /After step 30, the latest/);
    assert.deepEqual((await scene.state()).where, { stage: 'search', subject: 'hybrid', seed: 2 });
  });

  it('tells of a folder that is gone, in place of everything', async () => {
    scene = await shown(running());
    await scene.host({ type: 'unavailable', error });
    assert.match(await words(), /There is nothing to show\s+The run folder .* is gone/);
    assert.equal(await scene.page.getByRole('grid').isVisible(), false);
  });

  it('shows the same as tables', async () => {
    scene = await shown(running());
    await scene.page.getByRole('button', { name: 'Tables' }).click();
    await scene.settled();
    const alphas = scene.page.getByRole('table', { name: 'Mixture weights α by block' });
    const rows = await alphas.getByRole('row').allInnerTexts();
    assert.match(rows[1]!, /^Block 1\s+0\.80\d\d\s+0\.19\d\d/);
    assert.match(rows[2]!, /pinned/);
    assert.match(rows[4]!, /pruned/);
    const losses = scene.page.getByRole('table', { name: 'Losses of each job' });
    assert.match((await losses.getByRole('row').allInnerTexts())[1]!, /^Search\s+54 of 60/);
    assert.equal((await scene.state()).view, 'table');
  });

  it('writes names as text, whatever is in them', async () => {
    const name = '<img src=x onerror="document.title=1">**b**';
    const snapshot = madeUp({ components: [name, 'mamba'], seeds: [1, 2], searchSteps: 10 });
    scene = await shown({ ...snapshot, name, skipped: 1 });
    assert.equal(await scene.page.getByRole('columnheader').nth(1).innerText(), `${name}\ngptNeox`);
    assert.equal(await scene.page.getByRole('heading', { level: 1 }).innerText(), name);
    assert.equal(await scene.page.locator('img').count(), 0);
    assert.notEqual(await scene.page.title(), '1');
  });

  it('ignores a message that fits no type', async () => {
    scene = await shown(running());
    const before = await words();
    for (const message of [
      null,
      'snapshot',
      { type: 'snapshot', snapshot: {} },
      { type: 'evil' },
    ]) {
      await scene.tell(message);
    }
    assert.equal(await words(), before);
  });

  it('comes back as it was, from what it kept', async () => {
    scene = await shown(running());
    await scene.page.getByRole('slider', { name: 'Step of the search' }).press('Home');
    await scene.page.getByRole('button', { name: 'Tables' }).click();
    const saved = await scene.state();
    await scene.close();
    scene = await shown(running(), { saved });
    assert.match(await words(), /Before the first step/);
    assert.equal(await scene.page.getByRole('table').first().isVisible(), true);
  });

  it('fits 320 pixels and 1600', async () => {
    for (const width of [320, 1600]) {
      if (width === 1600) await scene.close();
      scene = await shown(finished(), { width });
      const [content, window] = await scene.page.evaluate(() => [
        document.documentElement.scrollWidth,
        innerWidth,
      ]);
      assert.equal(content, window, 'nothing sticks out');
      await scene.shoot(`width-${width}`);
    }
  });

  describe('has nothing that axe would complain about', () => {
    const states: Readonly<Record<string, () => RunSnapshot>> = {
      starting,
      running,
      paused,
      stopped,
      failed,
      lost,
      finished,
      warned: () => warned('The loss of step 12 was no finite number.'),
      'of several seeds': () =>
        madeUp({ components: ['neox', 'mamba'], seeds: [1, 2], searchSteps: 20, controls: true }),
      'of twelve components': () =>
        madeUp({
          components: Array.from({ length: 12 }, (_, m) => `component-${m}`),
          seeds: [1],
          searchSteps: 20,
          end: 'none',
        }),
    };
    for (const [name, snapshot] of Object.entries(states)) {
      it(`when it is ${name}`, async () => {
        scene = await shown(snapshot());
        assert.deepEqual(await scene.violations(), []);
      });
    }

    it('while it waits, and without a run', async () => {
      scene = await Scene.open();
      assert.deepEqual(await scene.violations(), []);
      await scene.host({ type: 'unavailable', error });
      assert.deepEqual(await scene.violations(), []);
    });

    it('in a menu, a dialog, tables and a refusal', async () => {
      scene = await shown(running());
      await scene.cell(1, 1).press('Enter');
      assert.deepEqual(await scene.violations(), [], 'menu');
      await scene.page.keyboard.press('Escape');
      await scene.cell(1, 1).press('Shift+P');
      assert.deepEqual(await scene.violations(), [], 'dialog');
      await scene.page.keyboard.press('Escape');
      await scene.cell(1, 1).press('p');
      await scene.settled();
      assert.deepEqual(await scene.violations(), [], 'pending');
      const refusal = { code: 'no', message: 'Not now.', hint: 'Later.' };
      const { request } = (await scene.sent('control'))[0]!;
      await scene.host({ type: 'control', request, state: 'refused', error: refusal });
      assert.equal(await scene.page.locator('.notice').isVisible(), true);
      assert.deepEqual(await scene.violations(), [], 'refusal');
      await scene.page.getByRole('button', { name: 'Tables' }).click();
      await scene.settled();
      assert.deepEqual(await scene.violations(), [], 'tables');
    });

    for (const theme of themes) {
      it(`in the theme ${theme}`, async () => {
        for (const [name, snapshot] of [
          ['finished', finished()],
          ['running', running()],
          ['four', fourComponents()],
        ] as const) {
          if (name !== 'finished') await scene.close();
          scene = await shown(snapshot, { theme });
          assert.deepEqual(await scene.violations(), []);
          await scene.shoot(`${name}-${theme}`);
        }
      });
    }
  });

  describe('in high contrast', () => {
    for (const options of [{ theme: 'hcDark' }, { theme: 'hcLight' }] as const) {
      it(`tells α by bars and numbers, not by colour: ${options.theme}`, async () => {
        scene = await shown(running(), options);
        const grounds = await Promise.all(
          [1, 3].map((block) =>
            scene.cell(block, 0).evaluate((cell) => getComputedStyle(cell).backgroundColor),
          ),
        );
        assert.equal(new Set(grounds).size, 1, 'every cell has the same ground');
        const widths = await Promise.all(
          [0, 1].map((m) =>
            scene
              .cell(1, m)
              .locator('.fill')
              .evaluate((bar) => bar.getBoundingClientRect().width),
          ),
        );
        assert.ok(widths[0]! > 3 * widths[1]!, `bars ${widths.join(' and ')}`);
      });
    }

    it('keeps marks where the system takes the colours', async () => {
      scene = await shown(running(), { forcedColors: true });
      const pruned = scene.cell(4, 1);
      assert.match(
        await pruned.evaluate((cell) => getComputedStyle(cell).backgroundImage),
        /^url\(/,
      );
      assert.equal(
        await pruned.evaluate((cell) => getComputedStyle(cell).borderTopStyle),
        'dashed',
      );
      assert.equal(
        await scene.cell(2, 0).evaluate((cell) => getComputedStyle(cell).borderTopWidth),
        '3px',
      );
      await scene.shoot('forced-colors');
    });
  });
});
