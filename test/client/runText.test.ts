/** What the tree, the status bar and notifications write about a run. */
import assert from 'node:assert/strict';
import type { RunListEntry, RunProgress } from '../../server/contract/runViews';
import type { RunState } from '../../server/contract/run';
import { ended, newestFirst, stateChanges } from '../../client/runs/runChanges';
import {
  endSentence,
  hasResult,
  isActive,
  isResumable,
  runDescription,
  runDetails,
  runTooltip,
  shortName,
  statusSpoken,
  statusText,
} from '../../client/runs/runText';

const now = new Date(2026, 10, 25, 12, 0);
const progress: RunProgress = {
  stage: 'search',
  subject: 'hybrid',
  seed: 1,
  step: 84,
  steps: 120,
  loss: 3.2141,
  tokensPerSecond: 1912,
  etaSeconds: 158,
  memoryBytes: 432e6,
  fraction: 0.34,
};

function run(change: Partial<RunListEntry> = {}): RunListEntry {
  return {
    id: 'a',
    dir: '/runs/a',
    name: '2026-11-12-quickstart',
    config: '/home/quickstart.manticore.yaml',
    state: 'running',
    preparing: undefined,
    startedAt: new Date(2026, 10, 12, 10, 31).toISOString(),
    engine: 'wasm',
    stage: 'search',
    bestValidationLoss: undefined,
    progress,
    failure: undefined,
    ...change,
  };
}

describe('a run in words', () => {
  it('runs: step, loss, date', () => {
    assert.equal(runDescription(run(), now), 'running · search 84/120 · loss 3.214 · 12 Nov 10:31');
  });

  it('is done: best loss, date', () => {
    const done = run({ state: 'done', bestValidationLoss: 2.9432, progress: undefined });
    assert.equal(runDescription(done, now), 'done · best 2.943 · 12 Nov 10:31');
  });

  it('fine-tunes, and trains baselines by name', () => {
    const baseline = { ...progress, stage: 'baseline', subject: 'mamba' } as const;
    assert.match(runDescription(run({ progress: baseline }), now), /baseline mamba 84\/120/u);
  });

  it('stands in the status bar with all that a glance needs', () => {
    assert.equal(
      statusText(run(), 0),
      'search 84/120 · loss 3.214 · 1.9k tok/s · 3 min left · 432 MB',
    );
    assert.equal(
      statusText(run({ progress: undefined, state: 'starting' }), 1),
      'Manticore: starting (+1)',
    );
  });

  it('says that large data are encoded, before anything else there is to say', () => {
    const encoding = run({ preparing: { split: 'train', fraction: 0.456 } });
    assert.equal(statusText(encoding, 0), 'Manticore: encoding training data 45 %');
    assert.equal(
      runDescription({ ...encoding, progress: undefined }, now),
      'running · encoding training data 45 % · 12 Nov 10:31',
    );
    assert.equal(
      runDetails(encoding, now).find(({ label }) => label === 'Progress')?.value,
      'encoding training data 45 %',
    );
    assert.match(statusSpoken(encoding), /, running, encoding training data 45 %$/u);
  });

  it('is paused: neither speed nor time left', () => {
    assert.equal(
      statusText(run({ state: 'paused' }), 0),
      'paused · search 84/120 · loss 3.214 · 432 MB',
    );
  });

  it('is spoken in whole words', () => {
    assert.equal(
      statusSpoken(run()),
      'Manticore run 2026-11-12-quickstart, running, step 84 of 120, loss 3.214',
    );
  });

  it('shows no NaN and no infinity', () => {
    const odd = {
      ...progress,
      loss: Number.NaN,
      tokensPerSecond: Infinity,
      etaSeconds: Number.NaN,
    };
    const written = [
      statusText(run({ progress: odd }), 0),
      ...runDetails(run({ progress: odd }), now).map(({ value }) => value),
    ].join('\n');
    assert.doesNotMatch(written, /NaN|Infinity/u);
  });

  it('is named without its date where that stands beside it', () => {
    assert.equal(shortName('20261112-103100-quickstart'), 'quickstart');
    assert.equal(shortName('20261112-103100-'), '20261112-103100-');
    assert.equal(shortName('mine'), 'mine');
  });

  it('says why it failed and what to do, first', () => {
    const failure = { code: 'memory', message: 'Out of memory.', hint: 'Lower search.batch.' };
    const failed = run({ state: 'failed', failure, progress: undefined });
    assert.deepEqual(
      runDetails(failed, now)
        .slice(0, 2)
        .map(({ value }) => value),
      ['Out of memory.', 'Lower search.batch.'],
    );
    assert.equal(
      endSentence(failed),
      'Search “2026-11-12-quickstart” failed: Out of memory. Lower search.batch.',
    );
  });

  it('says that a lost one can be resumed', () => {
    assert.match(endSentence(run({ state: 'lost' })), /Resume it from its last checkpoint/u);
  });

  it('escapes names in its hover', () => {
    const tooltip = runTooltip(run({ name: '[x](command:y)<img>', config: 'a|b' }), now);
    assert.doesNotMatch(tooltip, /[^\\]\[x|<img>/u);
    assert.match(tooltip, /a\\\|b/u);
  });
});

describe('states of runs', () => {
  const states: readonly RunState[] = [
    'starting',
    'running',
    'paused',
    'done',
    'stopped',
    'failed',
    'lost',
  ];

  it('every one has a way on: control, resume, or a result', () => {
    for (const state of states) {
      assert.ok(isActive(state) || isResumable(state) || hasResult(state), state);
    }
  });

  it('a change is news once; the end of what was active is told', () => {
    const before = [run(), run({ dir: '/runs/b', state: 'done' })];
    const after = [
      run({ state: 'failed' }),
      run({ dir: '/runs/b', state: 'done' }),
      run({ dir: '/runs/c', state: 'done' }),
    ];
    const changes = stateChanges(before, after);
    assert.deepEqual(
      changes.map(({ run: { dir }, was }) => [dir, was]),
      [
        ['/runs/a', 'running'],
        ['/runs/c', undefined],
      ],
    );
    assert.deepEqual(
      ended(changes).map(({ dir }) => dir),
      ['/runs/a'],
    );
    assert.deepEqual(stateChanges(after, after), []);
  });

  it('lists the newest first, and what has no date last', () => {
    const listed = newestFirst([
      run({ dir: 'none', startedAt: 'yesterday' }),
      run({ dir: 'old', startedAt: '2025-01-01T00:00:00Z' }),
      run({ dir: 'new', startedAt: '2026-01-01T00:00:00Z' }),
    ]);
    assert.deepEqual(
      listed.map(({ dir }) => dir),
      ['new', 'old', 'none'],
    );
  });
});
