/** Pins and prunings of a run, for the commands that ask which block. */
import assert from 'node:assert/strict';
import type { RunSnapshot } from '../../server/contract/runViews';
import type { ControlEvent } from '../../server/contract/events';
import { blockStates, blockSummary, parseWeights } from '../../client/runs/blockState';

const where = { stage: 'search', subject: 'hybrid', seed: 1 } as const;

const control = (change: Partial<ControlEvent> & Pick<ControlEvent, 'action'>): ControlEvent => ({
  type: 'control',
  seq: 1,
  time: '2026-01-01T00:00:00Z',
  step: 3,
  ...where,
  ...change,
});

function snapshot(events: RunSnapshot['events'] = []): RunSnapshot {
  const component = (name: string) => ({ name, family: 'x', parameters: 1, groups: [] });
  return {
    id: 'a',
    dir: '/runs/a',
    name: 'a',
    config: '/a.manticore.yaml',
    state: 'running',
    startedAt: '2026-01-01T00:00:00Z',
    nextSeq: 9,
    plan: {
      components: [component('neox'), component('mamba')],
      blocks: [
        { live: [0, 1], pinned: undefined, initial: [0.5, 0.5] },
        { live: [0], pinned: undefined, initial: [1, 0] },
        { live: [0, 1], pinned: [1, 0], initial: [1, 0] },
      ],
      jobs: [],
    },
    events,
    curves: [],
    frames: [
      {
        ...where,
        recorded: 1,
        steps: [1],
        alphas: [
          [
            [0.62, 0.38],
            [1, 0],
            [1, 0],
          ],
        ],
      },
    ],
    latest: undefined,
    skipped: 0,
  };
}

describe('blocks of a run', () => {
  it('begin as the plan says, with α of the newest frame', () => {
    assert.deepEqual(blockStates(snapshot()).map(blockSummary), [
      'neox 0.62 · mamba 0.38',
      'neox 1.00 · mamba pruned',
      'neox 1.00 · mamba 0.00',
    ]);
    assert.deepEqual(
      blockStates(snapshot()).map(({ pinned }) => pinned),
      [false, false, true],
    );
  });

  it('are what was done to them since', () => {
    const states = blockStates(
      snapshot([
        control({ action: 'prune', block: 1, component: 'mamba' }),
        control({ action: 'restore', block: 2, component: 'mamba' }),
        control({ action: 'unpin', block: 3 }),
        control({ action: 'pause' }),
        control({ action: 'pin', block: 9 }),
      ]),
    );
    assert.deepEqual(
      states.map(({ components, pinned }) => [components.map(({ live }) => live), pinned]),
      [
        [[true, false], false],
        [[true, true], false],
        [[true, true], false],
      ],
    );
  });

  it('are none where the plan can’t be read', () => {
    assert.deepEqual(blockStates({ ...snapshot(), plan: undefined }), []);
  });
});

describe('weights as a person writes them', () => {
  const [first, second] = blockStates(snapshot());

  it('sum to one', () => {
    assert.deepEqual(parseWeights('neox=0.7, mamba: 0.3', first!), {
      weights: { neox: 0.7, mamba: 0.3 },
    });
    assert.deepEqual(parseWeights('mamba', first!), { weights: { mamba: 1 } });
  });

  for (const [text, problem] of [
    ['', /Write weights/u],
    ['neox=0.7', /sum to 0.7, and must sum to 1/u],
    ['neox=0.5 neox=0.5', /twice/u],
    ['gpt=1', /no component “gpt”/u],
    ['neox=2', /from 0 to 1/u],
    ['neox=1e999', /from 0 to 1/u],
  ] as const) {
    it(`“${text}”: says what is wrong`, () => {
      const parsed = parseWeights(text, first!);
      assert.ok('problem' in parsed);
      assert.match(parsed.problem, problem);
    });
  }

  it('gives nothing to what is pruned', () => {
    const parsed = parseWeights('neox=0.5 mamba=0.5', second!);
    assert.ok('problem' in parsed && /restore it first/u.test(parsed.problem));
  });
});
