/** What is drawn for a state: which search, which step, which marks, how far. */
import { strict as assert } from 'node:assert';
import type { ControlEvent, RunEvent, StepEvent } from '../../server/contract/events';
import { jobTitle } from '../../webview/format';
import { marksOf } from '../../webview/marks';
import {
  controlRefusal,
  finishedOf,
  progressOf,
  sceneOf,
  type Scene,
} from '../../webview/selectors';
import { initialModel, reduce, type PanelModel } from '../../webview/state';
import { syntheticRun } from '../report/fixtures';
import { snapshotOf } from './logSnapshot';

const plan = {
  components: ['neox', 'mamba'].map((name) => ({
    name,
    family: name,
    parameters: 10,
    groups: [
      { first: 0, end: 1 },
      { first: 1, end: 3 },
    ],
  })),
  blocks: [
    { live: [0, 1], pinned: undefined, initial: [0.5, 0.5] },
    { live: [0], pinned: undefined, initial: [1, 0] },
  ],
  jobs: [
    { stage: 'search', subject: 'hybrid', seed: 1, steps: 10 },
    { stage: 'finetune', subject: 'hybrid', seed: 1, steps: 30 },
  ],
} as const;
const programmed = {
  ...plan,
  jobs: [
    { stage: 'program', subject: 'memorization', seed: 1, steps: 10 },
    { stage: 'search', subject: 'hybrid', seed: 1, steps: 10 },
    { stage: 'finetune', subject: 'hybrid', seed: 1, steps: 30 },
  ],
} as const;
const where = { stage: 'search', subject: 'hybrid', seed: 1 } as const;
const time = '2026-01-01T00:00:00.000Z';

const step = (seq: number, at: number): StepEvent => ({
  ...{ seq, time, type: 'step', ...where, step: at, steps: 10, loss: 5 - at },
  alphas: [
    [0.5 + at / 100, 0.5 - at / 100],
    [1, 0],
  ],
  ...{ tokensPerSecond: 1, etaSeconds: 1, memoryBytes: 1 },
});
const control = (seq: number, at: number, rest: Partial<ControlEvent>): ControlEvent => ({
  ...{ seq, time, type: 'control', ...where, step: at, action: 'pin', block: 1 },
  ...rest,
});
const log: RunEvent[] = [
  step(0, 1),
  step(1, 2),
  control(2, 2, { weights: [0.25, 0.75] }),
  step(3, 3),
  step(4, 4),
  control(5, 4, { action: 'unpin' }),
  step(6, 5),
];

function modelOf(
  events: readonly RunEvent[],
  length = events.length,
  ofPlan: Parameters<typeof snapshotOf>[1] = plan,
): PanelModel {
  const snapshot = snapshotOf(events, ofPlan, length, 'running');
  const message = { type: 'snapshot', snapshot } as const;
  return reduce(initialModel(undefined, ''), { type: 'host', message });
}

function jobScene(model: PanelModel): Scene & { kind: 'job' } {
  const scene = sceneOf(model);
  assert.equal(scene.kind, 'job');
  return scene;
}

describe('the scene', () => {
  it('follows the latest step', () => {
    const scene = jobScene(modelOf(log));
    assert.deepEqual([scene.step, scene.lastStep, scene.following], [5, 5, true]);
    assert.equal(scene.alphas[0]![0], 0.55);
  });

  it('goes back to a step, and stays there when more come', () => {
    const back = reduce(modelOf(log, 5), { type: 'goTo', step: 2 });
    const message = { type: 'events', events: log.slice(5), state: 'running' } as const;
    const scene = jobScene(reduce(back, { type: 'host', message }));
    assert.deepEqual([scene.step, scene.lastStep, scene.following], [2, 5, false]);
  });

  it('begins before the first step, as the config starts the weights', () => {
    const scene = jobScene(reduce(modelOf(log), { type: 'goTo', step: 0 }));
    assert.deepEqual(scene.alphas, [
      [0.5, 0.5],
      [1, 0],
    ]);
    assert.equal(scene.exact, true);
  });

  it('shows the nearest weights at once, and the exact ones when the host has answered', () => {
    const snapshot = snapshotOf(log, plan);
    const [frames] = snapshot.frames;
    const thinned = { ...frames!, steps: [1, 5], alphas: [frames!.alphas[0]!, frames!.alphas[4]!] };
    const message = { type: 'snapshot', snapshot: { ...snapshot, frames: [thinned] } } as const;
    const model = reduce(initialModel(undefined, ''), { type: 'host', message });
    const moved = reduce(model, { type: 'goTo', step: 4 });
    const nearest = jobScene(moved);
    assert.deepEqual([nearest.exact, nearest.alphas[0]![0]], [false, 0.55]);
    const alphas = [
      [0.54, 0.46],
      [1, 0],
    ];
    const answer = { type: 'alphas', where, step: 4, alphas } as const;
    const exact = jobScene(reduce(moved, { type: 'host', message: answer }));
    assert.deepEqual([exact.exact, exact.alphas], [true, alphas]);
  });

  it('is the plan before the first step', () => {
    assert.equal(sceneOf(modelOf([])).kind, 'plan');
  });

  it('is the mean of a run of several seeds that ended, until a seed is chosen', () => {
    const run = syntheticRun({ seeds: [1, 2, 3], searchSteps: 5, finetuneSteps: 5 });
    const snapshot = snapshotOf(run, undefined);
    const message = { type: 'snapshot', snapshot } as const;
    const model = reduce(initialModel(undefined, ''), { type: 'host', message });
    const mean = sceneOf(model);
    assert.ok(mean.kind === 'mean' && mean.seeds === 3);
    assert.deepEqual(mean.alphas, finishedOf(model.run!)?.alphas);
    const chosen = jobScene(reduce(model, { type: 'choose', where: { ...where, seed: 2 } }));
    assert.equal(chosen.job.seed, 2);
  });

  it('of a program is the job that goes on: a task, pinned as a search is, then the hybrid', () => {
    const task = { stage: 'program', subject: 'memorization' } as const;
    const tasks = log.map((event) => ({ ...event, ...task }));
    const during = modelOf(tasks, tasks.length, programmed);
    const scene = jobScene(during);
    assert.equal(scene.job.subject, 'memorization');
    assert.equal(jobTitle(scene.job, 1), 'Program memorization');
    assert.equal(scene.firstStep, 0);
    assert.equal(controlRefusal(during.run!), undefined);
    assert.equal(marksOf(during.run!, { ...scene, step: 3 })[0]!.pinned, true);
    const tuning = [
      ...tasks.slice(0, 4),
      { ...step(7, 1), stage: 'search', subject: 'hybrid' } as const,
      { ...step(8, 1), stage: 'finetune', subject: 'hybrid', steps: 30 } as const,
    ];
    const after = modelOf(tuning, tuning.length, programmed);
    const hybrid = jobScene(after);
    assert.equal(hybrid.job.stage, 'finetune');
    // What was pinned in a task's supernet isn't pinned in the hybrid.
    assert.equal(marksOf(after.run!, hybrid)[0]!.pinned, false);
    assert.match(controlRefusal(after.run!)!, /fine-tuning/);
  });

  it('has nothing to show where shapes disagree', () => {
    const wrong = log.map((event) =>
      event.type === 'step' ? { ...event, alphas: [[1, 0, 0]] } : event,
    );
    assert.equal(sceneOf(modelOf(wrong)).kind, 'none');
  });
});

describe('marks', () => {
  const marksAt = (at: number) => {
    const model = reduce(modelOf(log), { type: 'goTo', step: at });
    return marksOf(model.run!, sceneOf(model));
  };

  it('are those of the step on show', () => {
    assert.deepEqual(
      [1, 2, 3, 4, 5].map((at) => marksAt(at)[0]!.pinned),
      [false, true, true, false, false],
    );
  });

  it('give a pin’s weights where no step has followed it yet', () => {
    assert.deepEqual(marksAt(2)[0]!.weights, [0.25, 0.75]);
    assert.equal(marksAt(3)[0]!.weights, undefined);
  });

  it('know what the config pruned', () => {
    assert.deepEqual(marksAt(3)[1]!.prunedByConfig, [1]);
  });
});

describe('progress', () => {
  it('counts the steps of the whole run', () => {
    assert.equal(progressOf(modelOf(log).run!)?.fraction, 5 / 40);
  });

  it('goes on without rates after a resumption', () => {
    const resumed: RunEvent = {
      ...{ seq: log.length, time, type: 'resumed', ...where },
      ...{ fromStep: 3, supersedesFromSeq: 4 },
    };
    const progress = progressOf(modelOf([...log, resumed]).run!);
    assert.deepEqual([progress?.step, progress?.latest], [3, undefined]);
  });
});

describe('pin and prune', () => {
  it('belong to the search', () => {
    assert.equal(controlRefusal(modelOf(log).run!), undefined);
    const tuned = { ...step(7, 1), stage: 'finetune' as const };
    assert.match(controlRefusal(modelOf([...log, tuned]).run!) ?? '', /frozen in fine-tuning/);
  });

  it('need a run that goes on', () => {
    const ended = { ...modelOf(log).run!, state: 'done' as const };
    assert.match(controlRefusal(ended) ?? '', /ended/);
  });
});
