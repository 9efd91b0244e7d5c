/** A search of 100,000 steps × 24 blocks × 3 components: the nearest frame at once, the exact one when it comes. */
import { strict as assert } from 'node:assert';
import type { PanelToHost } from '../../server/contract/panel';
import { longAlphas, longRun } from './runs';
import { Scene, startBrowser, stopBrowser } from './scene';

const components = ['neox', 'mamba', 'gpt2'];
const blocks = 24;

describe('a long search', function () {
  let scene: Scene;
  before(startBrowser);
  after(stopBrowser);
  beforeEach(async () => {
    scene = await Scene.open({ width: 1440, height: 1000 });
    await scene.host({ type: 'snapshot', snapshot: longRun(blocks, components) });
  });
  afterEach(async () => {
    assert.deepEqual(scene.complaints, []);
    await scene.close();
  });

  const goTo = async (step: number): Promise<void> => {
    await scene.page
      .getByRole('slider', { name: 'Step of the search' })
      .evaluate((range, value) => {
        (range as HTMLInputElement).value = String(value);
        range.dispatchEvent(new Event('input'));
      }, step);
    await scene.settled();
  };
  const number = (block: number, component: number): Promise<string> =>
    scene.cell(block, component).locator('.value').innerText();

  it('draws the nearest frame, says so, and asks for the exact one', async () => {
    await goTo(31_415);
    const slider = scene.page.getByRole('slider', { name: 'Step of the search' });
    assert.match((await slider.getAttribute('aria-valuetext')) ?? '', /31,415 .*nearest known/);
    assert.equal(await number(5, 1), longAlphas(31_400, blocks, 3)[4]![1]!.toFixed(2));
    const where = { stage: 'search', subject: 'hybrid', seed: 1 } as const;
    assert.deepEqual(await scene.sent('alphasAt'), [{ type: 'alphasAt', where, step: 31_415 }]);
    const alphas = longAlphas(31_415, blocks, 3).map(() => [0.11, 0.22, 0.67]);
    await scene.host({ type: 'alphas', where, step: 31_415, alphas });
    assert.equal(await number(5, 1), '0.22');
    assert.doesNotMatch((await slider.getAttribute('aria-valuetext')) ?? '', /nearest/);
  });

  it('asks one question at a time while the slider is dragged, the newest last', async () => {
    for (const step of [10_001, 20_001, 30_001, 40_001]) await goTo(step);
    const asked = async (): Promise<number[]> =>
      (await scene.sent('alphasAt')).map(
        (message: PanelToHost & { type: 'alphasAt' }) => message.step,
      );
    assert.deepEqual(await asked(), [10_001]);
    const where = { stage: 'search', subject: 'hybrid', seed: 1 } as const;
    await scene.host({
      type: 'alphas',
      where,
      step: 10_001,
      alphas: longAlphas(10_001, blocks, 3),
    });
    assert.deepEqual(await asked(), [10_001, 40_001]);
  });

  it('asks for the losses of a stretch that is zoomed into', async () => {
    await scene.page.getByRole('button', { name: 'Zoom to step' }).click();
    const [asked] = await scene.sent('loss');
    assert.deepEqual([asked?.fromStep, asked?.toStep], [50_000, 100_000]);
    await scene.page.getByRole('button', { name: 'Whole run' }).click();
    await scene.settled();
    assert.equal(await scene.page.getByRole('button', { name: 'Whole run' }).isVisible(), false);
  });

  it('moves without stutter: the times are printed, not judged', async () => {
    const stats = await scene.page.evaluate(async () => {
      const range = document.querySelector<HTMLInputElement>('.track input')!;
      const frames: number[] = [];
      const started = performance.now();
      let last = started;
      for (let at = 0; at < 180; at++) {
        range.value = String(Math.round((at / 180) * 100_000));
        range.dispatchEvent(new Event('input'));
        await new Promise((resolve) => requestAnimationFrame(resolve));
        const now = performance.now();
        frames.push(now - last);
        last = now;
      }
      frames.sort((left, right) => left - right);
      return {
        perSecond: (frames.length * 1000) / (last - started),
        median: frames[90]!,
        slowest: frames.at(-1)!,
      };
    });
    const { perSecond, median, slowest } = stats;
    console.log(
      `      slider over 100,000 × ${blocks} × ${components.length}: ${perSecond.toFixed(0)} frames a second, median ${median.toFixed(1)} ms, slowest ${slowest.toFixed(1)} ms`,
    );
    assert.ok(perSecond > 0);
    await scene.shoot('long-run');
  });

  it('is on show soon after its snapshot came: the time is printed', async () => {
    await scene.close();
    scene = await Scene.open({ width: 1440, height: 1000 });
    const snapshot = longRun(blocks, components);
    const took = await scene.page.evaluate(
      async (message) => {
        const started = performance.now();
        postMessage(message, '*');
        while (!document.querySelector('[role=gridcell]')) {
          await new Promise((resolve) => requestAnimationFrame(resolve));
        }
        return performance.now() - started;
      },
      { type: 'snapshot', snapshot },
    );
    console.log(`      from snapshot to heatmap: ${took.toFixed(0)} ms`);
    assert.equal(await scene.page.getByRole('gridcell').count(), blocks * components.length);
  });
});
