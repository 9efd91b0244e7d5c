/** The report of a sweep in Chromium: every kind of picture fits and can be read, in each theme, at any width. */
import { strict as assert } from 'node:assert';
import type axe from 'axe-core';
import type { Page } from 'playwright-core';
import { sweepHtml } from '../../server/report/sweep/sweepHtml';
import { madeSweeps } from '../report/sweepFixtures';
import { axeSource, openPage, shootPage, startBrowser, stopBrowser } from './scene';

/** Texts of a drawing that stand over its edge or over each other, in words. */
function crowded(): string[] {
  return [...document.querySelectorAll('svg')].flatMap((svg) => {
    const edge = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll('text')].map((text) => ({
      words: text.textContent,
      box: text.getBoundingClientRect(),
    }));
    const outside = texts.filter(
      ({ box }) =>
        box.left < edge.left - 1 ||
        box.right > edge.right + 1 ||
        box.top < edge.top - 1 ||
        box.bottom > edge.bottom + 1,
    );
    // Line boxes are higher than letters.
    const covers = (a: DOMRect, b: DOMRect): boolean =>
      a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 4 && b.top < a.bottom - 4;
    const pairs = texts.flatMap((one, k) =>
      texts.slice(k + 1).flatMap((other) => (covers(one.box, other.box) ? [[one, other]] : [])),
    );
    return [
      ...outside.map(({ words }) => `outside: ${words}`),
      ...pairs.map((pair) => `over each other: ${pair.map(({ words }) => words).join(' | ')}`),
    ];
  });
}

async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(axeSource());
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run(document, {
      resultTypes: ['violations'],
    }),
  );
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

describe('the report of a sweep', function () {
  before(startBrowser);
  after(stopBrowser);
  let page: Page;
  afterEach(() => page.context().close());

  for (const [name, model] of Object.entries(madeSweeps)) {
    it(`of ${name}`, async () => {
      page = await openPage(sweepHtml(model()), { colorScheme: 'light' });
      const complaints: string[] = [];
      page.on('console', (message) => complaints.push(message.text()));
      assert.deepEqual(await violationsOf(page), []);
      await shootPage(page, `sweep-${name.replaceAll(/\W+/g, '-')}`);
      assert.deepEqual(await page.evaluate(crowded), []);
      await page.setViewportSize({ width: 340, height: 800 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.equal(wide, 340, 'wide tables and pictures scroll by themselves');
      assert.deepEqual(complaints, [], 'its own policy lets through all that it has');
    });
  }

  it('in the colours of a dark theme', async () => {
    const model = madeSweeps['six subjects, and names that are long']!();
    page = await openPage(sweepHtml(model), { colorScheme: 'dark' });
    assert.deepEqual(await violationsOf(page), []);
    await shootPage(page, 'sweep-dark');
  });
});
