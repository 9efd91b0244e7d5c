/** The panel's state and pictures for more components than two. */
import { strict as assert } from 'node:assert';
import type { RunSnapshot } from '../../server/contract/runViews';
import type { ControlEvent } from '../../server/contract/events';
import { pinTo, pinWeights, prune } from '../../webview/blockControls';
import { frameCsv } from '../../webview/csv';
import { marksOf } from '../../webview/marks';
import { heatmapSvg } from '../../webview/pictures';
import { componentsOf, sceneOf } from '../../webview/selectors';
import { componentStyle } from '../../webview/seriesStyle';
import { initialModel, reduce } from '../../webview/state';
import { syntheticRun } from '../report/fixtures';
import { snapshotOf } from './logSnapshot';

const NAMES = ['gpt', 'llama', 'mamba', 'mamba2'];

/** Blocks that are free, two layers each. */
const planOf = (names: readonly string[], blocks: number): NonNullable<RunSnapshot['plan']> => ({
  components: names.map((name) => ({
    ...{ name, family: 'llama', parameters: 1000 },
    groups: Array.from({ length: blocks }, (_, i) => ({ first: 2 * i, end: 2 * i + 2 })),
  })),
  blocks: Array.from({ length: blocks }, () => ({
    ...{ live: names.map((_, m) => m), pinned: undefined },
    initial: names.map(() => 1 / names.length),
  })),
  jobs: [],
});

for (const K of [3, 4]) {
  describe(`the panel for ${K} components`, () => {
    const components = NAMES.slice(0, K);
    const log = syntheticRun({
      components,
      blocks: 3,
      seeds: [1],
      searchSteps: 12,
      finetuneSteps: 4,
    });
    const plan = planOf(components, 3);

    it('has the same state by one snapshot as event by event', () => {
      const start = (length: number) => {
        const snapshot = snapshotOf(log, plan, length, 'running');
        return reduce(initialModel(undefined, ''), {
          ...{ type: 'host', message: { type: 'snapshot', snapshot } },
        });
      };
      let model = start(3);
      for (const event of log.slice(3)) {
        const message = { type: 'events', events: [event], state: 'running' } as const;
        model = reduce(model, { type: 'host', message });
      }
      const [grown, whole] = [sceneOf(model), sceneOf(start(log.length))];
      assert.deepEqual(grown, whole);
      assert.ok(grown.kind === 'job' || grown.kind === 'mean');
      for (const row of grown.alphas) assert.equal(row.length, K);
    });

    it('shows and controls each of them', () => {
      const snapshot = snapshotOf(log, plan, 6, 'running');
      const message = { type: 'snapshot', snapshot } as const;
      const { run } = reduce(initialModel(undefined, ''), { type: 'host', message });
      assert.ok(run);
      const shown = componentsOf(run);
      assert.deepEqual(
        shown.map(({ name }) => name),
        components,
      );
      const marks = [0, 1, 2].map(() => ({
        ...{ pinned: false, pinnedByConfig: false, weights: undefined },
        ...{ pruned: components.slice(1).map((_, m) => m + 1), prunedByConfig: [] },
      }));
      const alphas = marks.map(() => components.map((_, m) => (m + 1) / ((K * (K + 1)) / 2)));
      const svg = heatmapSvg({
        ...{ title: 'α', subtitle: '', components: shown, alphas },
        marks: marks.map((mark) => ({ ...mark, pruned: [] })),
      });
      for (const name of components) assert.ok(svg.includes(`>${name}<`), name);
      assert.equal(frameCsv(alphas, shown).split('\r\n')[0], ['block', ...components].join(','));
      const cell = (component: number, mark = { ...marks[0]!, pruned: [] as number[] }) => ({
        ...{ run, components: shown, block: 1, component, marks: mark },
      });
      const pinned = pinTo(cell(K - 1));
      assert.ok('control' in pinned && pinned.control.action === 'pin');
      assert.deepEqual(
        Object.values(pinned.control.weights),
        components.map((_, m) => (m === K - 1 ? 1 : 0)),
      );
      const mixed = pinWeights(cell(0), alphas[0]!);
      assert.ok('control' in mixed && mixed.control.action === 'pin');
      assert.equal(Object.keys(mixed.control.weights).length, K);
      // All but the first are gone: it stays.
      assert.match(JSON.stringify(prune(cell(0, marks[0]))), /last component/u);
      assert.ok('control' in prune(cell(0)));
    });

    it('has a line of its own for each', () => {
      const styles = components.map((_, m) => JSON.stringify(componentStyle(m)));
      assert.equal(new Set(styles).size, K);
    });
  });
}

describe('marks of a block of four', () => {
  it('hold what a mixture is pinned to and what is pruned', () => {
    const time = '2026-01-01T00:00:00.000Z';
    const where = { stage: 'search', subject: 'hybrid', seed: 1 } as const;
    const log = ['llama', 'mamba'].map((component, seq): ControlEvent => ({
      ...{ seq, time, type: 'control', ...where, step: 1, action: 'prune', block: 2, component },
    }));
    const step = syntheticRun({ components: NAMES, blocks: 3, seeds: [1], controls: false }).find(
      ({ type }) => type === 'step',
    )!;
    const snapshot = snapshotOf([step, ...log], planOf(NAMES, 3), 3, 'running');
    const message = { type: 'snapshot', snapshot } as const;
    const model = reduce(initialModel(undefined, ''), { type: 'host', message });
    const marks = marksOf(model.run!, sceneOf(model));
    assert.deepEqual(marks[1]!.pruned, [1, 2]);
  });
});
