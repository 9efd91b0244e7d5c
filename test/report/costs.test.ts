/** Hand-over, costs and the Pareto picture in a report. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { FinishedEvent, HandOver, RunEvent } from '../../server/contract/events';
import { reportHtml } from '../../server/report/html';
import { buildReportModel } from '../../server/report/model';
import { paretoFront, paretoSvg } from '../../server/report/paretoSvg';
import { syntheticRun } from './fixtures';

const table = [
  [10, 30],
  [10, 30],
  [10, 30],
  [10, 50],
];

function entry(seed: number, alphas: HandOver['alphas'], loss: number): HandOver {
  const flopsPerToken = alphas === 'soft' ? 180 : 90;
  const score = { split: 'validation' as const, loss, perplexity: Math.exp(loss) };
  const threshold = alphas === 'threshold' ? { threshold: 0.25 } : {};
  const cost = alphas === 'soft' ? 0.5 : 0.3;
  return { seed, alphas, ...threshold, ...score, parameters: 9, flopsPerToken, cost };
}

function events(changes: Partial<FinishedEvent> = {}): RunEvent[] {
  const handOver = [1, 2, 3].flatMap((seed) => [
    entry(seed, 'soft', 2.5),
    entry(seed, 'argmax', 3 + seed / 10),
    entry(seed, 'threshold', 2.6),
  ]);
  const costs = { kind: 'flops' as const, weight: 0.5, table };
  return syntheticRun({ seeds: [1, 2, 3] }).map((event) =>
    event.type === 'finished' ? { ...event, handOver, costs, ...changes } : event,
  );
}

describe('hand-over and cost in a report', () => {
  it('tells each kind of α over seeds, beside the soft one', () => {
    const { handOver } = buildReportModel(events());
    assert.deepEqual(
      handOver?.rows.map(({ alphas, seeds, versusSoft }) => [
        alphas,
        seeds.length,
        versusSoft && Number(versusSoft.mean.toFixed(3)),
      ]),
      [
        ['soft', 3, null],
        ['argmax', 3, 0.7],
        ['threshold', 3, 0.1],
      ],
    );
    assert.match(handOver.sentence, /3\.200 with the largest α of each block alone \(\+0\.700\)/);
  });

  it('a seed with fewer kinds counts in each: what it lacks is what it was found at', () => {
    const handOver = [
      entry(1, 'soft', 2),
      entry(1, 'argmax', 3),
      entry(1, 'threshold', 2.5),
      entry(2, 'soft', 4),
    ];
    const rows = buildReportModel(events({ handOver })).handOver!.rows;
    assert.deepEqual(
      rows.map(({ loss, versusSoft, seeds }) => [loss.mean, versusSoft?.mean, seeds]),
      [
        [3, undefined, [1, 2]],
        [3.5, 0.5, [1, 2]],
        [3.25, 0.25, [1, 2]],
      ],
    );
  });

  it('tells what α and each component alone are expected to cost', () => {
    const { costs } = buildReportModel(events());
    assert.equal(costs?.total, 180);
    const share = (name: string) => costs.rows.find((row) => row.name === name)!.share;
    assert.equal(share('uniform α'), 0.5);
    assert.equal(share('neox alone'), 40 / 180);
    assert.equal(share('mamba alone'), 140 / 180);
    assert.equal(share('the largest α of each block alone'), 0.3);
  });

  it('in milliseconds draws every model that was measured, and names the ones designed by hand', () => {
    const others = { neox: 9, mamba: 4, stripes: 6 };
    const costs = { kind: 'milliseconds' as const, weight: 0.5, table, others };
    const log = events({ costs }).map((event) => {
      if (event.type !== 'finished') return event;
      const first = event.results.find(({ subject }) => subject === 'neox')!;
      const own: Record<string, number> = { hybrid: 13, ...others };
      const results = [...event.results, { ...first, subject: 'stripes' }];
      const timed = results.map((each) => ({ ...each, milliseconds: own[each.subject]! }));
      return { ...event, results: timed };
    });
    const model = buildReportModel(log);
    const price = (subject: string) =>
      model.pareto!.points.find((each) => each.subject === subject && each.mark === 'trained')
        ?.cost;
    assert.deepEqual(['hybrid', 'neox', 'mamba', 'stripes'].map(price), [13, 9, 4, 6]);
    const share = (name: string) => model.costs!.rows.find((row) => row.name === name)?.share;
    assert.equal(share('neox alone'), 9 / 180);
    assert.equal(share('stripes, designed by hand'), 6 / 180);
    assert.match(reportHtml(model), /measured once before it/);
  });

  it('of a run that goes on has what it began with', () => {
    const costs = { kind: 'milliseconds' as const, weight: 0.5, table, others: { neox: 9 } };
    const log = syntheticRun().filter(({ type }) => type !== 'finished');
    const seq = log.length;
    const begun: RunEvent = { seq, time: log[0]!.time, type: 'costs', costs };
    const model = buildReportModel([...log, begun]);
    assert.deepEqual(
      model.costs?.rows.map(({ name }) => name),
      ['α so far', 'uniform α', 'neox alone', 'mamba alone'],
    );
  });

  it('draws what was trained, the soft and the hard α; a log without them has no such section', () => {
    const model = buildReportModel(events());
    const labels = model.pareto!.points.map(({ label, mark }) => `${label}: ${mark}`);
    assert.ok(labels.includes('hybrid, search, argmax: hard'));
    assert.ok(labels.includes('neox alone: trained'));
    const html = reportHtml(model);
    assert.match(html, /Hand-over and cost/);
    assert.match(html, /<svg id="pareto"/);
    const old = buildReportModel(syntheticRun());
    assert.equal(old.handOver, null);
    assert.equal(old.costs, null);
  });

  it('takes a table of another shape for none', () => {
    const costs = { kind: 'flops' as const, weight: 1, table: [[1]] };
    assert.equal(buildReportModel(events({ costs })).costs, null);
  });

  it('escapes what a label holds', () => {
    const point = { subject: 'x', mark: 'hard', cost: 1, loss: 2, colour: 'c-s0' } as const;
    const points = [
      { ...point, label: '<script>' },
      { ...point, label: 'b', cost: 2, loss: 1 },
    ];
    assert.ok(!paretoSvg(points, { unit: 'FLOPs' }).includes('<script>'));
  });

  it('the front holds what no point beats on both, and beats every other', () => {
    const point = fc.record({ cost: fc.nat(20), loss: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(point, { minLength: 1, maxLength: 12 }), (points) => {
        const front = paretoFront(points);
        const beats = (a: (typeof points)[0], b: (typeof points)[0]) =>
          a.cost <= b.cost && a.loss <= b.loss && (a.cost < b.cost || a.loss < b.loss);
        for (const one of front) assert.ok(!points.some((other) => beats(other, one)));
        for (const one of points) {
          const isSame = (other: typeof one) => other.cost === one.cost && other.loss === one.loss;
          assert.ok(front.some((other) => isSame(other) || beats(other, one)));
        }
      }),
    );
  });
});
