/** The panel's state is the same however a log reaches it: as one snapshot, event by event, or anything between. */
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import type { RunEvent, StepEvent } from '../../server/contract/events';
import { initialModel, reduce, type PanelModel } from '../../webview/state';
import { syntheticRun } from '../report/fixtures';
import { snapshotOf } from './logSnapshot';

const take = (model: PanelModel, message: Parameters<typeof reduce>[1]): PanelModel =>
  reduce(model, message);

function withSnapshot(
  log: readonly RunEvent[],
  length: number,
  model = initialModel(undefined, ''),
) {
  const snapshot = snapshotOf(log, undefined, length, 'running');
  return take(model, { type: 'host', message: { type: 'snapshot', snapshot } });
}

const withEvents = (model: PanelModel, events: readonly RunEvent[]): PanelModel =>
  take(model, { type: 'host', message: { type: 'events', events, state: 'running' } });

/** A log with steps, evaluations, controls and resumptions, as a run that is cut at places writes it. */
const logs: fc.Arbitrary<RunEvent[]> = fc
  .record({
    jobs: fc.integer({ min: 1, max: 3 }),
    steps: fc.integer({ min: 1, max: 8 }),
    cuts: fc.array(fc.tuple(fc.nat(30), fc.nat(30)), { maxLength: 3 }),
    controls: fc.array(fc.nat(30), { maxLength: 4 }),
  })
  .map(({ jobs, steps, cuts, controls }) => writtenLog(jobs, steps, cuts, controls));

interface Place {
  readonly job: number;
  readonly step: number;
}

const stages = ['search', 'finetune', 'baseline'] as const;
const whereAt = (job: number) =>
  ({
    stage: stages[job]!,
    subject: job === 2 ? 'mamba' : 'hybrid',
    seed: 1,
  }) as const;

function stepEvent({ job, step }: Place, steps: number, seq: number): StepEvent {
  const alpha = 0.5 + 0.01 * step + 0.0001 * seq;
  return {
    ...{ seq, time: '2026-01-01T00:00:00.000Z', type: 'step', ...whereAt(job), step, steps },
    loss: 5 - 0.1 * step + 0.001 * seq,
    ...(job < 2 && { alphas: [[alpha, 1 - alpha]] }),
    tokensPerSecond: 1000,
    etaSeconds: 10,
    memoryBytes: 1e6,
  };
}

/** Checkpoints lie before every step; each cut goes back to one of those there were. */
function writtenLog(
  jobs: number,
  steps: number,
  cuts: readonly (readonly [number, number])[],
  controls: readonly number[],
): RunEvent[] {
  const log: RunEvent[] = [];
  const base = () => ({ seq: log.length, time: '2026-01-01T00:00:00.000Z' });
  const places = Array.from({ length: jobs * steps }, (_, at): Place => ({
    job: Math.floor(at / steps),
    step: (at % steps) + 1,
  }));
  const seqAfter: number[] = [0];
  const waiting = [...cuts];
  for (let at = 0; at < places.length; at++) {
    const place = places[at]!;
    seqAfter[at] = log.length;
    log.push(stepEvent(place, steps, log.length));
    if (controls.includes(at)) {
      const { job, step } = place;
      log.push({ ...base(), type: 'control', ...whereAt(job), action: 'pause', step });
    }
    if (place.step === steps) {
      const { job, step } = place;
      const scores = { split: 'validation', loss: 4, perplexity: 54 } as const;
      log.push({ ...base(), type: 'evaluation', ...whereAt(job), step, ...scores });
    }
    const cut = waiting[0];
    if (!cut || cut[0] > at) continue;
    waiting.shift();
    const back = Math.min(at, cut[1]);
    const { job, step } = places[back]!;
    log.push({
      ...base(),
      ...{
        type: 'resumed',
        ...whereAt(job),
        fromStep: step - 1,
        supersedesFromSeq: seqAfter[back]!,
      },
    });
    at = back - 1;
  }
  return log;
}

describe('the state of the panel', () => {
  it('is the same for every split of a log into a snapshot and batches of events', () => {
    const splits = fc.tuple(logs, fc.array(fc.nat(60), { maxLength: 5 }));
    fc.assert(
      fc.property(splits, ([log, cuts]) => {
        const ends = [...cuts.map((cut) => cut % (log.length + 1)), log.length];
        ends.sort((left, right) => left - right);
        let model = withSnapshot(log, ends[0]!);
        ends.slice(1).forEach((end, at) => {
          model = withEvents(model, log.slice(ends[at], end));
        });
        assert.deepEqual(model.run, withSnapshot(log, log.length).run);
      }),
      { numRuns: 500 },
    );
  });

  it('leaves out events that a snapshot held already', () => {
    fc.assert(
      fc.property(logs, fc.nat(60), fc.nat(60), (log, at, overlap) => {
        const length = at % (log.length + 1);
        const from = Math.max(0, length - overlap);
        const model = withEvents(withSnapshot(log, length), log.slice(from));
        assert.deepEqual(model.run, withSnapshot(log, log.length).run);
        assert.equal(model.gap, false);
      }),
    );
  });

  it('holds a real-looking run with several seeds, pins and baselines', () => {
    const log = syntheticRun({ seeds: [1, 2], searchSteps: 40, finetuneSteps: 10, controls: true });
    const whole = withSnapshot(log, log.length);
    const replayed = withEvents(withSnapshot(log, 0), log);
    assert.deepEqual(replayed.run, whole.run);
    assert.equal(whole.run?.jobs.filter(({ stage }) => stage === 'search').length, 2);
  });

  it('sees that events are missing, and is whole again with the next snapshot', () => {
    const log = syntheticRun({ seeds: [1], searchSteps: 20, finetuneSteps: 5 });
    const torn = withEvents(withSnapshot(log, 5), log.slice(8, 12));
    assert.equal(torn.gap, true);
    const whole = withSnapshot(log, log.length, torn);
    assert.equal(whole.gap, false);
    assert.deepEqual(whole.run, withSnapshot(log, log.length).run);
  });

  it('lets a late snapshot replace everything', () => {
    const log = syntheticRun({ seeds: [1], searchSteps: 20, finetuneSteps: 5 });
    const ahead = withEvents(withSnapshot(log, 5), log.slice(5, 20));
    assert.deepEqual(withSnapshot(log, 10, ahead).run, withSnapshot(log, 10).run);
  });

  it('ignores events before the first snapshot', () => {
    const log = syntheticRun({ seeds: [1], searchSteps: 5, finetuneSteps: 5 });
    assert.equal(withEvents(initialModel(undefined, ''), log).run, undefined);
  });
});

describe('a control', () => {
  const control = { action: 'unpin', block: 2 } as const;

  it('is pending until the host answers with its number', () => {
    const asked = reduce(initialModel(undefined, ''), { type: 'control', control });
    assert.deepEqual(asked.pending, [{ request: 1, control }]);
    const other = { type: 'control', request: 7, state: 'applied', step: 3 } as const;
    assert.equal(reduce(asked, { type: 'host', message: other }), asked);
    const answer = { type: 'control', request: 1, state: 'applied', step: 40 } as const;
    const applied = reduce(asked, { type: 'host', message: answer });
    assert.deepEqual(applied.pending, []);
    assert.deepEqual(applied.outcome, { request: 1, control, step: 40, error: undefined });
  });

  it('that is refused keeps the reason until it is dismissed', () => {
    const asked = reduce(initialModel(undefined, ''), { type: 'control', control });
    const error = { code: 'not-pinned', message: 'Block 2 is not pinned.', hint: '' };
    const answer = { type: 'control', request: 1, state: 'refused', error } as const;
    const refused = reduce(asked, { type: 'host', message: answer });
    assert.deepEqual(refused.outcome?.error, error);
    assert.equal(reduce(refused, { type: 'dismiss' }).outcome, undefined);
  });

  it('gets a number of its own each time', () => {
    const once = reduce(initialModel(undefined, ''), { type: 'control', control });
    const twice = reduce(once, { type: 'control', control });
    assert.deepEqual(
      twice.pending.map(({ request }) => request),
      [1, 2],
    );
  });
});

describe('what an earlier page kept', () => {
  const saved = {
    version: 1,
    dir: '/runs/one',
    where: { stage: 'search', subject: 'hybrid', seed: 2 },
    step: 12,
    view: 'table',
  } as const;

  it('holds for the same run', () => {
    const model = initialModel(saved, '/runs/one');
    assert.deepEqual([model.where, model.step, model.view], [saved.where, 12, 'table']);
  });

  it('counts for nothing in another', () => {
    const model = initialModel(saved, '/runs/two');
    assert.deepEqual([model.where, model.step, model.view], [undefined, undefined, 'heatmap']);
  });
});
