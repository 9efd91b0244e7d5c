/** Everything by keyboard: the grid, its menu and dialog, the slider; and what the host hears of it. */
import { strict as assert } from 'node:assert';
import { afterwards, finished, running } from './runs';
import { Scene, startBrowser, stopBrowser } from './scene';

describe('by keyboard', function () {
  let scene: Scene;
  before(startBrowser);
  after(stopBrowser);
  beforeEach(async () => {
    scene = await Scene.open();
    await scene.host({ type: 'snapshot', snapshot: running() });
  });
  afterEach(async () => {
    assert.deepEqual(scene.complaints, []);
    await scene.close();
  });

  const press = async (...keys: string[]): Promise<void> => {
    for (const key of keys) await scene.page.keyboard.press(key);
    await scene.settled();
  };
  /** `block component` of the cell that has the focus. */
  const focused = (): Promise<string> =>
    scene.page.evaluate(() => {
      const cell = document.activeElement as HTMLElement;
      return `${Number(cell.dataset['block']) + 1} ${Number(cell.dataset['component']) + 1}`;
    });
  const live = (): Promise<string> => scene.page.locator('[aria-live=polite]').innerText();
  const controls = async () => (await scene.sent('control')).map(({ control }) => control);
  /** Number of the newest control. */
  const asked = async (): Promise<number> => (await scene.sent('control')).at(-1)!.request;
  const slider = () => scene.page.getByRole('slider', { name: 'Step of the search' });

  it('the grid is one stop of the Tab key', async () => {
    assert.equal(await scene.page.locator('[role=gridcell][tabindex="0"]').count(), 1);
    await scene.cell(3, 1).focus();
    assert.equal(await scene.page.locator('[role=gridcell][tabindex="0"]').count(), 1);
    await press('Tab');
    await press('Shift+Tab');
    assert.equal(await focused(), '3 2');
  });

  it('arrows, Home and End walk the grid and stop at its ends', async () => {
    await scene.cell(1, 0).focus();
    const path: string[] = [];
    for (const key of [
      ...['ArrowRight', 'ArrowRight', 'ArrowDown', 'Home', 'Control+End', 'ArrowDown'],
      ...['Control+Home', 'ArrowUp', 'End', 'PageDown'],
    ]) {
      await press(key);
      path.push(await focused());
    }
    assert.deepEqual(path, ['1 2', '1 2', '2 2', '2 1', '4 2', '4 2', '1 1', '1 1', '1 2', '4 2']);
  });

  it('P pins to the component; pending until the search has done it', async () => {
    await scene.cell(3, 1).press('p');
    await scene.settled();
    assert.deepEqual(await controls(), [
      { action: 'pin', block: 3, weights: { neox: 0, mamba: 1 } },
    ]);
    const busy = scene.page.locator('.heatmap [aria-busy=true]');
    assert.equal(await busy.count(), 1);
    assert.match(
      await scene.page.getByRole('rowheader', { name: 'Block 3' }).innerText(),
      /pinning…/,
    );
    assert.match(await live(), /Block 3: pinning/);
    const [event] = afterwards(1);
    const pin = { action: 'pin', block: 3, weights: [0, 1], step: 54 } as const;
    await scene.host({
      type: 'events',
      events: [{ ...event!, ...pin, type: 'control', stage: 'search', subject: 'hybrid', seed: 1 }],
      state: 'running',
    });
    await scene.host({ type: 'control', request: await asked(), state: 'applied', step: 54 });
    assert.equal(await busy.count(), 0);
    assert.equal(await live(), 'Block 3 is pinned to mamba, after step 54.');
    assert.match(await scene.cell(3, 1).innerText(), /^1\.00/);
    assert.match(
      await scene.page.getByRole('rowheader', { name: 'Block 3' }).innerText(),
      /pinned/,
    );
  });

  it('U unpins, Delete prunes, R restores', async () => {
    await scene.cell(2, 0).press('u');
    await scene.cell(3, 0).press('Delete');
    await scene.cell(4, 1).press('r');
    assert.deepEqual(await controls(), [
      { action: 'unpin', block: 2 },
      { action: 'prune', block: 3, component: 'neox' },
      { action: 'restore', block: 4, component: 'mamba' },
    ]);
    const requests = (await scene.sent('control')).map(({ request }) => request);
    assert.deepEqual(requests, [requests[0], requests[0]! + 1, requests[0]! + 2]);
  });

  it('what makes no sense is refused at once, in words', async () => {
    await scene.cell(4, 0).press('Delete');
    assert.match(await live(), /neox is the last component of block 4/);
    await scene.cell(1, 0).press('u');
    assert.match(await live(), /Block 1 isn’t pinned/);
    await scene.settled();
    assert.match(await scene.page.locator('.notice').innerText(), /Block 1 isn’t pinned/);
    assert.deepEqual(await controls(), []);
  });

  it('what the search refuses is said where it was asked, until dismissed', async () => {
    await scene.cell(3, 0).press('Delete');
    const error = {
      code: 'late',
      message: 'The search is between two stages.',
      hint: 'Try again.',
    };
    await scene.host({ type: 'control', request: await asked(), state: 'refused', error });
    const notice = scene.page.locator('.notice');
    assert.match(await notice.innerText(), /Block 3 stays as it is\. The search is between/);
    assert.match(await live(), /Block 3 stays as it is/);
    await notice.getByRole('button', { name: 'Dismiss' }).press('Enter');
    await scene.settled();
    assert.equal(await notice.isVisible(), false);
  });

  it('a run that has ended says why nothing can be pinned', async () => {
    await scene.host({ type: 'snapshot', snapshot: finished() });
    await scene.cell(1, 0).press('p');
    assert.match(await live(), /The run has ended/);
    assert.deepEqual(await controls(), []);
    await scene.cell(1, 0).press('Enter');
    const items = scene.page.getByRole('menuitem');
    assert.match(await items.first().innerText(), /The run has ended/);
    assert.deepEqual(await scene.violations(), []);
  });

  it('Enter opens the cell’s menu; Escape closes it, and the focus is back', async () => {
    await scene.cell(1, 1).press('Enter');
    const menu = scene.page.getByRole('menu', { name: 'Block 1, mamba' });
    assert.deepEqual(await menu.getByRole('menuitem').locator('.menu-text').allInnerTexts(), [
      'Pin block 1 to mamba',
      'Pin block 1 to α now: 0.80 / 0.20',
      'Pin block 1 to weights…',
      'Unpin block 1',
      'Prune mamba from block 1',
    ]);
    await scene.shoot('menu', 'window');
    await press('Escape');
    assert.equal(await menu.count(), 0);
    assert.equal(await focused(), '1 2');
  });

  it('the menu’s items are chosen by arrows, letters and Enter', async () => {
    await scene.cell(1, 1).press('Shift+F10');
    await press('ArrowDown', 'Enter');
    const [pin] = await controls();
    assert.ok(pin?.action === 'pin');
    assert.ok(Math.abs(pin.weights['neox']! - 0.8) < 0.01);
    await scene.cell(3, 1).press('Enter');
    await press('ArrowUp', 'Enter');
    assert.deepEqual((await controls())[1], { action: 'prune', block: 3, component: 'mamba' });
  });

  it('a mouse opens the same menu', async () => {
    await scene.cell(3, 0).click({ button: 'right' });
    await scene.page.getByRole('menuitem', { name: 'Prune neox from block 3' }).click();
    assert.deepEqual(await controls(), [{ action: 'prune', block: 3, component: 'neox' }]);
  });

  it('a dialog pins to typed weights that sum to 1', async () => {
    await scene.cell(1, 1).press('Shift+P');
    const dialog = scene.page.getByRole('dialog', { name: 'Pin block 1' });
    const field = (name: string) =>
      dialog.getByRole('textbox', { name: `Weight of ${name}, typed` });
    await field('neox').fill('0.7');
    await field('mamba').fill('0.2');
    assert.match(await dialog.getByRole('status').innerText(), /Sum 0\.9: it has to be 1/);
    await press('Enter');
    assert.equal(await dialog.isVisible(), true);
    await scene.shoot('pin-dialog', 'window');
    await field('mamba').fill('0.3');
    await press('Enter');
    assert.equal(await dialog.count(), 0);
    const [pin] = await controls();
    assert.ok(pin?.action === 'pin' && Math.abs(pin.weights['neox']! - 0.7) < 1e-9);
    assert.equal(await focused(), '1 2');
  });

  it('what is no number is no weight', async () => {
    await scene.cell(1, 1).press('Shift+P');
    const dialog = scene.page.getByRole('dialog');
    for (const typed of ['', 'abc', '-0.5', '2', '0x1', 'Infinity', '1e400']) {
      await dialog.getByRole('textbox', { name: 'Weight of neox, typed' }).fill(typed);
      assert.match(await dialog.getByRole('status').innerText(), /number from 0 to 1/, typed);
    }
    await press('Escape');
    assert.deepEqual(await controls(), []);
  });

  it('the slider goes step by step, by tenths, and to both ends', async () => {
    await slider().focus();
    const seen: string[] = [];
    for (const key of ['ArrowLeft', 'ArrowLeft', 'ArrowRight', 'PageDown', 'Home', 'End']) {
      await press(key);
      seen.push((await slider().getAttribute('aria-valuetext')) ?? '');
    }
    const steps = seen.map((text) => Number(/^step (\d+) of 54/.exec(text)?.[1]));
    assert.deepEqual(steps.slice(0, 3), [53, 52, 53]);
    assert.ok(steps[3]! < 53 && steps[3]! > 40);
    assert.deepEqual(steps.slice(4), [0, 54]);
  });

  it('the heatmap is that of the slider’s step, pins and prunings too', async () => {
    await slider().press('Home');
    await scene.settled();
    assert.match(await scene.cell(4, 1).innerText(), /^0\.50/);
    assert.doesNotMatch(
      await scene.page.getByRole('rowheader', { name: 'Block 2' }).innerText(),
      /pinned/,
    );
    await scene.page.getByRole('checkbox', { name: 'Follow latest' }).press(' ');
    await scene.settled();
    assert.equal(await scene.cell(4, 1).innerText(), 'pruned');
    assert.equal((await scene.state()).step, undefined);
  });

  it('a step stays on show while the search goes on, and says so', async () => {
    await slider().press('Home');
    await press('ArrowRight');
    await scene.host({ type: 'events', events: afterwards(4), state: 'running' });
    assert.match((await slider().getAttribute('aria-valuetext')) ?? '', /^step 1 of 58/);
    const follow = scene.page.getByRole('checkbox', { name: 'Follow latest' });
    assert.equal(await follow.getAttribute('aria-checked'), 'false');
  });

  it('a replay ends at the latest step, with less motion where that is wished', async () => {
    await scene.close();
    scene = await Scene.open({ reducedMotion: true });
    await scene.host({ type: 'snapshot', snapshot: running() });
    await slider().press('Home');
    await scene.page.getByRole('button', { name: 'Replay the search' }).press('Enter');
    await scene.page.waitForFunction(
      () => document.querySelector<HTMLInputElement>('.track input')?.value === '54',
    );
    assert.equal(await scene.page.getByRole('button', { name: 'Replay the search' }).count(), 1);
  });

  it('buttons of the head reach the host', async () => {
    for (const name of [
      'Pause',
      'Checkpoint & Stop',
      'Write to Config',
      'Open Report',
      'Show Log',
    ]) {
      await scene.page.getByRole('button', { name, exact: true }).press('Enter');
    }
    assert.deepEqual(
      (await scene.sent('command')).map(({ command }) => command),
      ['pause', 'checkpointAndStop', 'writeToConfig', 'openReport', 'showLog'],
    );
  });

  it('the export menu saves what is drawn', async () => {
    for (const name of ['Heatmap as SVG', 'Heatmap as PNG', 'Weights on show as CSV']) {
      await scene.page.getByRole('button', { name: 'Export' }).press('Enter');
      await scene.page.getByRole('menuitem', { name }).press('Enter');
    }
    await scene.page.waitForFunction(
      () =>
        (globalThis as unknown as { fakeHost: { sent: { type: string }[] } }).fakeHost.sent.filter(
          ({ type }) => type === 'save',
        ).length === 3,
    );
    const saved = new Map((await scene.sent('save')).map((message) => [message.format, message]));
    assert.match(saved.get('svg')!.data, /^<svg[\s\S]*>0\.80</);
    assert.match(saved.get('csv')!.data, /^block,neox,mamba\r\n1,0\.80/);
    const png = Buffer.from(saved.get('png')!.data, 'base64');
    assert.equal(png.subarray(1, 4).toString('latin1'), 'PNG');
  });

  it('a legend’s entry hides its line', async () => {
    await scene.host({ type: 'snapshot', snapshot: finished() });
    const entry = scene.page.getByRole('button', { name: /^Baseline mamba/ });
    await entry.press('Enter');
    assert.equal(await entry.getAttribute('aria-pressed'), 'false');
  });
});
