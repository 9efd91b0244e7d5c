import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { FinishedEvent, RunEvent } from '../../server/contract/events';
import { budgetSection, resultSection } from '../../server/report/htmlSections';
import { buildReportModel } from '../../server/report/model';
import { pairedDifference } from '../../server/report/resultReport';
import { resultLines } from '../../server/report/terminalDrawings';
import { syntheticPlan, syntheticRun } from './fixtures';

const report = (options: Parameters<typeof syntheticRun>[0] = {}) =>
  buildReportModel(syntheticRun(options), syntheticPlan(options), 'manticore: 1\n');

describe('the headline', () => {
  it('gives the difference to every component, and says when the interval is clear', () => {
    const { headline } = report();
    assert.equal(headline.outcome, 'better');
    assert.equal(headline.certain, true);
    assert.match(
      headline.sentence,
      /^The hybrid's validation loss of 2\.\d{3} nats a token \(perplexity \d\.\d\d\) is 0\.0\d\d below mamba alone \(2\.\d{3}\) and 0\.1\d\d below neox alone/,
    );
    assert.match(headline.details[0]!, /95 % interval −0\.\d+ to −0\.\d+ over 3 paired seeds\.$/);
  });

  it('says so when the hybrid lost to one component', () => {
    const { headline } = report({ handicap: 0.12 });
    assert.equal(headline.outcome, 'mixed');
    assert.match(
      headline.sentence,
      /is 0\.0\d\d above mamba alone \(\S+\), but 0\.\d+ below neox alone/,
    );
  });

  it('says so when it lost to all', () => {
    const { headline } = report({ handicap: 0.5 });
    assert.equal(headline.outcome, 'worse');
    assert.match(
      headline.sentence,
      /is 0\.\d+ above mamba alone \(\S+\) and 0\.\d+ above neox alone/,
    );
  });

  it('does not rule chance out from one seed', () => {
    const { headline, results } = report({ seeds: [7] });
    assert.equal(headline.certain, false);
    assert.ok(headline.details.some((detail) => detail.includes('One seed: no interval')));
    assert.ok(results.summary.every((row) => row.interval === 'one seed: no interval'));
  });

  it('calls an interval that includes zero what it is', () => {
    const { headline } = report({ handicap: 0.072 });
    assert.equal(headline.certain, false);
    assert.ok(headline.details.some((detail) => detail.includes('may be chance')));
  });

  it('claims nothing when no component was trained beside it', () => {
    const events = syntheticRun().map((event) =>
      event.type === 'finished'
        ? { ...event, results: event.results.filter((result) => result.subject === 'hybrid') }
        : event,
    );
    const { headline, budgets } = buildReportModel(events, syntheticPlan());
    assert.equal(headline.outcome, 'unknown');
    assert.match(headline.sentence, /what it gained is not known/);
    assert.match(budgets.sentences[0]!, /No baseline was trained/);
  });
});

describe('results over seeds', () => {
  it('are paired by seed, not by order', () => {
    const { rows } = report().results;
    const hybrid = rows.filter((row) => row.stage === 'finetune');
    const mamba = rows.filter((row) => row.subject === 'mamba');
    const straight = pairedDifference(hybrid, mamba)!;
    const shuffled = pairedDifference(hybrid, [...mamba].reverse())!;
    assert.equal(straight.n, 3);
    assert.ok(Math.abs(straight.interval!.low - shuffled.interval!.low) < 1e-12);
    const missing = pairedDifference(hybrid, mamba.slice(1))!;
    assert.equal(missing.n, 2);
  });

  it('are measured against the best baseline', () => {
    const { summary } = report().results;
    const neox = summary.find((row) => row.subject === 'neox')!;
    assert.equal(neox.versusBest!.component, 'mamba');
    assert.ok(neox.versusBest!.difference.mean > 0);
    assert.equal(summary.find((row) => row.subject === 'mamba')!.versusBest, null);
  });
});

describe('a hybrid that is designed by hand', () => {
  it('is measured against as the components are, and the hybrid with another α is not', () => {
    const events = syntheticRun().map((event) =>
      event.type === 'finished'
        ? {
            ...event,
            results: event.results.flatMap((result) =>
              result.subject === 'mamba'
                ? [
                    result,
                    { ...result, subject: 'former', loss: result.loss - 0.9 },
                    { ...result, subject: 'uniform', loss: result.loss - 1.9 },
                    { ...result, subject: 'searched', loss: result.loss - 1.9 },
                  ]
                : [result],
            ),
          }
        : event,
    );
    const { headline, results, budgets } = buildReportModel(events, syntheticPlan());
    assert.equal(headline.outcome, 'mixed');
    assert.match(headline.sentence, /above former alone .*but .*below mamba alone/);
    const neox = results.summary.find((row) => row.subject === 'neox')!;
    assert.equal(neox.versusBest!.component, 'former');
    assert.match(budgets.sentences[0]!, /former/);
    assert.doesNotMatch([headline.sentence, ...budgets.sentences].join(), /uniform|searched/);
  });
});

describe('fine-tuning left out', () => {
  it('reports the search’s own result', () => {
    const events = syntheticRun().map((event) =>
      event.type === 'finished'
        ? {
            ...event,
            results: event.results.map((r) =>
              r.stage === 'finetune'
                ? { ...r, stage: 'search' as const, split: 'test' as const }
                : r,
            ),
          }
        : event,
    );
    const { headline } = buildReportModel(events, syntheticPlan());
    assert.match(
      headline.sentence,
      /^The hybrid's test loss is 2\.\d+ .* no component was trained beside it/,
    );
  });
});

describe('selection', () => {
  it('takes the largest mean α, with its spread and how many seeds agree', () => {
    const { selection, alphas } = report({ controls: false });
    const meanOf = (m: number): number =>
      alphas.mean!.reduce((sum, row) => sum + row[m]!, 0) / alphas.mean!.length;
    const best = meanOf(0) > meanOf(1) ? 'neox' : 'mamba';
    assert.equal(selection!.component, best);
    assert.equal(selection!.seeds, 3);
    assert.ok(selection!.spread!['neox']! > 0);
  });

  it('is no question with one component', () => {
    assert.equal(report({ components: ['neox'], controls: false }).selection, null);
  });

  it('owns up to blocks that were held by hand', () => {
    assert.match(report().selection!.sentence, /2 of 4 blocks were pinned or pruned by hand/);
  });
});

describe('α', () => {
  it('marks what is pinned and pruned, also when only some seeds are', () => {
    const all = report().alphas.marks;
    assert.equal(all[1]!.pinned, 'all');
    assert.deepEqual(all[3]!.pruned, ['none', 'all']);
    const events = syntheticRun().filter((event) => event.type !== 'control' || event.seed === 2);
    const some = buildReportModel(events).alphas.marks;
    assert.equal(some[1]!.pinned, 'some');
    assert.deepEqual(some[3]!.pruned, ['none', 'some']);
  });

  it('forgets a pin that was taken back', () => {
    const events = syntheticRun({ seeds: [1] });
    const pin = events.findIndex((event) => event.type === 'control');
    const undone = { ...events[pin]!, action: 'unpin', seq: events.length } as RunEvent;
    assert.equal(buildReportModel([...events, undone]).alphas.marks[1]!.pinned, 'none');
  });

  it('has paths of recorded steps, at most 400 of them, and the statistics of all', () => {
    const events = syntheticRun({ seeds: [1], searchSteps: 3000, finetuneSteps: 10 });
    const { paths, mean } = buildReportModel(events).alphas;
    assert.equal(paths[0]!.recorded, 3000);
    assert.ok(paths[0]!.points.length <= 400);
    const steps = new Map(
      events.flatMap((event) =>
        event.type === 'step' && event.alphas ? [[event.step, event.alphas]] : [],
      ),
    );
    for (const point of paths[0]!.points) {
      const recorded = steps.get(point.step)!;
      assert.ok(Math.abs(recorded[0]![0]! - point.alphas[0]![0]!) < 1e-5);
    }
    const finished = events.at(-1) as FinishedEvent;
    assert.deepEqual(mean, finished.perSeed[0]);
  });
});

describe('a log that is not whole', () => {
  it('gives a report for every prefix', () => {
    const events = syntheticRun({ seeds: [1, 2], searchSteps: 9, finetuneSteps: 6 });
    for (let length = 0; length <= events.length; length++) {
      const model = buildReportModel(events.slice(0, length));
      const whole = length === events.length;
      assert.equal(model.run.state, whole ? 'done' : 'unfinished');
      assert.doesNotThrow(() => JSON.stringify(model));
    }
  });

  it('tells a failure with its way out', () => {
    const { run, headline } = report({ end: 'failed' });
    assert.equal(run.state, 'failed');
    assert.equal(run.failure!.code, 'disk-full');
    assert.ok(headline.details.some((detail) => detail.includes('No space is left')));
  });

  it('is going on again once it was resumed after a failure', () => {
    const events = syntheticRun({ end: 'failed' });
    const last = events.at(-1)!;
    const where = { stage: 'finetune', subject: 'hybrid', seed: 1 } as const;
    const resumed: RunEvent = {
      type: 'resumed',
      ...where,
      fromStep: 10,
      supersedesFromSeq: last.seq,
      seq: last.seq + 1,
      time: last.time,
    };
    assert.equal(buildReportModel([...events, resumed]).run.state, 'unfinished');
  });

  it('leaves out what is no event, and counts it', () => {
    const hostile = [
      ...syntheticRun({ seeds: [1], searchSteps: 5, finetuneSteps: 5 }),
      { type: 'step', stage: 'search', subject: 'hybrid', seed: 1, step: 6, steps: 6, loss: '<b>' },
      { type: 'evaluation', loss: null },
      null,
    ] as unknown as RunEvent[];
    const model = buildReportModel(hostile, { name: 3, blocks: 'many' });
    assert.match(model.warnings.at(-1)!.message, /^3 lines of the log could not be read/);
  });

  it('never throws, whatever the values', () => {
    fc.assert(
      fc.property(fc.array(fc.anything()), fc.anything(), (events, plan) => {
        buildReportModel(events as RunEvent[], plan);
      }),
    );
  });

  it('keeps losses that are no number out of the curves, and says so', () => {
    const events = syntheticRun({ seeds: [1], searchSteps: 20, finetuneSteps: 5 }).map((event) =>
      event.type === 'step' && event.step === 7 ? { ...event, loss: Number.NaN } : event,
    );
    const model = buildReportModel(events);
    assert.ok(model.curves.every((curve) => curve.points.every((point) => point.mean > 0)));
    assert.ok(model.warnings.some((warning) => warning.code === 'loss-not-finite'));
  });
});

describe('budgets', () => {
  it('says that baselines saw the hybrid’s tokens, and what the search used beside', () => {
    const { sentences, rows } = report().budgets;
    assert.match(
      sentences[0]!,
      /mamba and neox saw exactly the hybrid's 307,200 training tokens in 300 updates/,
    );
    assert.match(sentences.at(-1)!, /The search read 153,600 tokens/);
    assert.equal(
      rows.find((row) => row.stage === 'finetune')!.trainingFlops,
      3 * 4_730_000 * 307_200,
    );
  });

  it('takes the training’s cost as the run counted it, not as the last model’s would be', () => {
    const counted = 9e12;
    const events = syntheticRun().map((event) =>
      event.type === 'finished'
        ? { ...event, results: event.results.map((r) => ({ ...r, trainingFlops: counted })) }
        : event,
    );
    const { rows, sentences } = buildReportModel(events, syntheticPlan()).budgets;
    assert.equal(rows.find((row) => row.stage === 'finetune')!.trainingFlops, counted);
    assert.ok(sentences.some((s) => s.includes('took 1.00 times the floating-point operations')));
  });

  it('counts the search into the budget of baselines where its weights were kept', () => {
    const events = syntheticRun().map((event) =>
      event.type === 'finished'
        ? { ...event, results: event.results.map((r) => ({ ...r, tokens: r.tokens + 153_600 })) }
        : event,
    );
    const { sentences } = buildReportModel(events, syntheticPlan()).budgets;
    assert.match(sentences.at(-1)!, /search read .*in the baselines' budget\.$/);
  });

  it('count the blocks that gradient checkpointing computes again', () => {
    const plan = { ...(syntheticPlan() as object), memory: { checkpointing: true } };
    const { budgets } = buildReportModel(syntheticRun(), plan);
    assert.equal(budgets.passes, 4);
    const tuned = budgets.rows.find((row) => row.stage === 'finetune')!;
    assert.equal(tuned.trainingFlops, 4 * 4_730_000 * 307_200);
    assert.match(budgetSection(buildReportModel(syntheticRun(), plan)), /four times the forward/);
    assert.match(
      budgetSection(report()),
      /three times the forward FLOPs of all its tokens, the usual/,
    );
  });

  it('says by how much they differ when they do', () => {
    const events = syntheticRun().map((event) =>
      event.type === 'finished'
        ? {
            ...event,
            results: event.results.map((r) =>
              r.subject === 'neox' ? { ...r, tokens: r.tokens * 2 } : r,
            ),
          }
        : event,
    );
    const { sentences } = buildReportModel(events, syntheticPlan()).budgets;
    assert.ok(sentences.some((s) => s.includes('neox saw 614,400 tokens, 2.00 times the hybrid')));
  });
});

describe('a report on a synthetic task', () => {
  const plan = {
    ...(syntheticPlan() as object),
    config: { data: { train: { kind: 'mad', task: 'compression' } } },
  };
  /** The hybrid is right more often, though its loss is higher. */
  const events = (hybrid: number) =>
    syntheticRun({ handicap: 0.5 }).map((event) =>
      event.type === 'finished'
        ? {
            ...event,
            results: event.results.map((result) => ({
              ...result,
              accuracy: (result.subject === 'hybrid' ? hybrid : 0.8) + result.seed * 0.001,
            })),
          }
        : event,
    );

  it('compares by accuracy, in points', () => {
    const { headline, task } = buildReportModel(events(0.9), plan);
    assert.equal(task, 'compression');
    assert.equal(headline.outcome, 'better');
    assert.match(
      headline.sentence,
      /^The hybrid's validation accuracy of 9\d\.\d % \(loss \d\.\d{3} nats an answer\) is 10\.0 points above \w+ alone \(8\d\.\d %\) and 10\.0 points above/,
    );
    assert.match(headline.details[0]!, /: \+10\.0 points/);
    const worse = buildReportModel(events(0.7), plan).headline;
    assert.equal(worse.outcome, 'worse');
    assert.match(worse.sentence, /10\.0 points below/);
    const same = buildReportModel(events(0.8), plan).headline;
    assert.match(same.sentence, /is the same to a tenth of a percent as that of/);
  });

  it('shows accuracy first, and no perplexity, in the table and on the terminal', () => {
    const model = buildReportModel(events(0.9), plan);
    const html = resultSection(model);
    assert.match(html, /On validation examples/);
    assert.ok(html.indexOf('>Accuracy<') < html.indexOf('>Loss<'));
    const lines = resultLines(model.results.summary, model.task, 100, (text) => text);
    assert.match(lines[0]!, /^validation examples +accuracy +loss/);
    assert.ok(lines.some((line) => / 9\d\.\d % /.test(line)));
    assert.ok(!lines.join().includes('perplexity'));
  });

  it('of a text is as it was: loss and perplexity', () => {
    const model = report();
    assert.equal(model.task, null);
    const lines = resultLines(model.results.summary, model.task, 100, (text) => text);
    assert.match(lines[0]!, /^validation text +loss .*perplexity/);
  });
});
