/** Loss against cost over a sweep: what is drawn, and hybrids beside components at equal FLOPs. */
import assert from 'node:assert/strict';
import { costSection } from '../../server/report/sweep/paretoHtml';
import type { BesideComponent, BesideRow } from '../../server/report/sweep/sweepPareto';
import { sweepTable } from '../../server/report/sweep/sweepText';
import { madeSweep } from './sweepFixtures';

const lambdas = { key: 'search.cost.weight', values: [0, 1, 4] };
/** neox alone takes half of both components' FLOPs, mamba a third. */
const flops = (cell: number): number => [6e5, 5.2e5, 3.4e5][cell % 3]!;

describe('loss against cost over a sweep', () => {
  it('has a point for each model of each λ, and the hybrids’ in the order of λ', () => {
    const { pareto } = madeSweep({ axes: [lambdas], flops });
    assert.ok(pareto);
    assert.equal(pareto.points.length, 3 * 5);
    const trained = pareto.points.filter(
      ({ subject, mark }) => subject === 'hybrid' && mark === 'trained',
    );
    assert.deepEqual(
      trained.map(({ row, cost }) => [row, cost]),
      [
        [0, 6e5],
        [1, 5.2e5],
        [2, 3.4e5],
      ],
    );
  });

  it('calls FLOPs equal within a tenth, and pairs the difference by seed', () => {
    const model = madeSweep({ axes: [lambdas], seeds: [1, 2, 3], flops });
    const equal = model.pareto!.beside.flatMap(({ row, components }) =>
      components.flatMap(({ component, isEqual }) => (isEqual ? [[row, component]] : [])),
    );
    assert.deepEqual(equal, [
      [1, 'neox'],
      [2, 'mamba'],
    ]);
    const [{ components, loss }] = model.pareto!.beside as [BesideRow];
    const [neox] = components as [BesideComponent];
    assert.equal(neox.ratio, 1.2);
    assert.equal(neox.difference.n, 3);
    assert.ok(Math.abs(neox.difference.mean - (loss.mean - neox.loss.mean)) < 1e-12);
    assert.match(model.pareto!.sentence!, /^Of 2 pairs of .* lower test loss in \d, /);
  });

  it('takes the means of seeds that are cells of their own', () => {
    const axes = [lambdas, { key: 'search.seed', values: [1, 2] }];
    const { pareto, rows } = madeSweep({
      axes,
      flops: (cell) => flops(Math.floor(cell / 2)) * (cell % 2 === 0 ? 0.9 : 1.1),
    });
    assert.equal(pareto!.points.length, 3 * 5);
    assert.ok(Math.abs(pareto!.beside[0]!.flopsPerToken - 6e5) < 1);
    assert.equal(pareto!.beside[0]!.components[0]!.difference.n, 2);
    const hybrid = rows[0]!.subjects.find(({ subject }) => subject === 'hybrid')!;
    assert.ok(Math.abs(hybrid.flopsPerToken! - 6e5) < 1);
  });

  it('is nothing where cells cost the same, learn other data, or have no costs', () => {
    const rates = { key: 'search.learningRate', values: [1e-3, 1e-2] };
    assert.equal(madeSweep({ axes: [rates], flops: () => 5e5 }).pareto, null);
    assert.equal(madeSweep({ axes: [rates] }).pareto, null);
    const axes = [lambdas, { key: 'data.context', values: [32, 64] }];
    assert.equal(madeSweep({ axes, flops }).pareto, null);
    assert.equal(costSection(madeSweep({ axes: [rates] })), '');
  });

  it('compares no hybrid that was trained at soft α', () => {
    const { pareto } = madeSweep({ axes: [lambdas], flops: (cell) => (cell === 0 ? 1e6 : 5e5) });
    assert.deepEqual(
      pareto!.beside.map(({ row }) => row),
      [1, 2],
    );
  });

  it('names each λ beside the picture, and in the terminal’s table', () => {
    const model = madeSweep({ axes: [lambdas], flops });
    const section = costSection(model);
    for (const name of ['λ 0', 'λ 1', 'λ 4', 'neox alone']) {
      assert.match(section, new RegExp(`<text [^>]*>${name}</text>`), name);
    }
    assert.match(sweepTable(model, 120)[0]!, /^cell +λ +hybrid/);
  });

  it('stays within its height with many λ', () => {
    const values = Array.from({ length: 40 }, (_, k) => k);
    const model = madeSweep({
      axes: [{ key: 'search.cost.weight', values }],
      flops: (cell) => 6e5 - 5e3 * cell,
    });
    const section = costSection(model);
    const names = [...section.matchAll(/<text x="692" y="([\d.]+)"/g)].map(([, y]) => Number(y));
    assert.ok(names.length > 4 && names.length <= 16, `${names.length} names`);
    assert.ok(Math.max(...names) < 330);
  });
});
