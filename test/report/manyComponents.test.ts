/** Reports and the terminal for more components than two: nothing of any of them is lost. */
import assert from 'node:assert/strict';
import { heatmapSvg } from '../../server/report/heatmapSvg';
import { reportHtml } from '../../server/report/html';
import { buildReportModel } from '../../server/report/model';
import { renderPng } from '../../server/report/png';
import { createTerminalView } from '../../server/report/terminal';
import { textWidth } from '../../server/report/terminalDrawings';
import { syntheticConfig, syntheticPlan, syntheticRun } from './fixtures';

const NAMES = ['first', 'second', 'third', 'fourth', 'fifth'];

for (const K of [3, 4, 5]) {
  describe(`${K} components`, () => {
    const options = {
      components: NAMES.slice(0, K),
      ...{ blocks: 3, seeds: [1, 2], searchSteps: 20, finetuneSteps: 10, controls: true },
    };
    const events = syntheticRun(options);
    const model = buildReportModel(events, syntheticPlan(options), syntheticConfig);

    it('each have their mean α and their baseline', () => {
      assert.deepEqual(Object.keys(model.selection!.meanAlpha), options.components);
      const sum = Object.values(model.selection!.meanAlpha).reduce((all, alpha) => all + alpha, 0);
      assert.ok(Math.abs(sum - 1) < 1e-9);
      const subjects = new Set(model.results.summary.map(({ subject }) => subject));
      for (const name of options.components) {
        assert.ok(model.selection!.sentence.includes(name));
        assert.ok(subjects.has(name), name);
      }
    });

    it('each have a column of the heatmap, side by side, and the picture is made', async () => {
      const svg = heatmapSvg(model);
      const places = options.components.map((name) => {
        const [, x] = new RegExp(`<text x="([\\d.]+)"[^>]*>${name}<`, 'u').exec(svg) ?? [];
        assert.ok(x !== undefined, name);
        return Number(x);
      });
      const [, width] = /<svg[^>]* width="([\d.]+)"/u.exec(svg) ?? [];
      places.forEach((x, m) => {
        assert.ok(x > (places[m - 1] ?? 0) + 60 && x < Number(width), places.join(' '));
      });
      assert.deepEqual([...(await renderPng(svg)).subarray(1, 4)], [...Buffer.from('PNG')]);
      const html = reportHtml(model);
      for (const name of options.components) assert.ok(html.includes(`>${name}<`), name);
    });

    it('each stand in a line of their block, on a terminal of any width', () => {
      for (const columns of [40, 80, 120]) {
        const written: string[] = [];
        const out = (text: string) => void written.push(text);
        const view = createTerminalView({ out, isTTY: false, columns });
        events.forEach((event) => view.update(event));
        view.end();
        const lines = written.join('').split('\n');
        const blocks = lines.filter((line) => /^ {1,2}[123]( +\S+)* +(\d\.\d\d|–)/u.test(line));
        assert.ok(blocks.length >= 3, written.join(''));
        for (const line of blocks.slice(-3)) {
          assert.equal([...line.matchAll(/ (\d\.\d\d|–)(?= |$)/gu)].length, K, line);
          assert.ok(textWidth(line) <= columns, line);
        }
      }
    });
  });
}
