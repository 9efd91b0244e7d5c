/** What the tree, the status bar and notifications write about a sweep. */
import assert from 'node:assert/strict';
import type { SweepListEntry } from '../../server/contract/runViews';
import type { CellState } from '../../server/contract/sweep';
import {
  cellLabel,
  endedSweeps,
  isSweepResumable,
  sweepDescription,
  sweepEndSentence,
  sweepTooltip,
  waitingText,
} from '../../client/runs/sweepText';

const now = new Date(2026, 10, 25, 12, 0);

function sweep(states: readonly CellState[], change: Partial<SweepListEntry> = {}): SweepListEntry {
  return {
    id: 'a',
    dir: '/sweeps/a',
    name: '20261112-103100-grid',
    config: '/home/grid.manticore.yaml',
    startedAt: new Date(2026, 10, 12, 10, 31).toISOString(),
    state: 'running',
    cells: states.map((state, index) => ({
      cell: index + 1,
      name: `λ ${index}`,
      state,
      run: state === 'waiting' ? undefined : `/runs/${index}`,
      message: state === 'failed' ? 'There is no **memory**.' : undefined,
    })),
    ...change,
  };
}

describe('what is written about a sweep', () => {
  it('counts what is done and what failed', () => {
    assert.equal(
      sweepDescription(sweep(['done', 'done', 'running', 'waiting']), now),
      '2 of 4 · running · 12 Nov 10:31',
    );
    assert.equal(
      sweepDescription(sweep(['done', 'failed', 'lost'], { state: 'failed' }), now),
      '1 of 3 · failed · 2 failed · 12 Nov 10:31',
    );
  });

  it('names a cell by its settings, and says why it has no run', () => {
    const [first, second] = sweep(['waiting', 'failed']).cells;
    assert.equal(cellLabel(first!), '1: λ 0');
    assert.equal(cellLabel({ ...first!, name: '' }), 'Run 1');
    assert.equal(waitingText(first!), 'waiting');
    assert.equal(waitingText(second!), 'failed · There is no **memory**.');
  });

  it('says how it ended, and what to do', () => {
    assert.match(
      sweepEndSentence(sweep(['done', 'done'], { state: 'done' })),
      /is done: 2 runs\.$/,
    );
    assert.match(
      sweepEndSentence(sweep(['stopped', 'waiting'], { state: 'stopped' })),
      /has stopped with 0 of 2 runs done\. Resume it to go on\.$/,
    );
    assert.match(
      sweepEndSentence(sweep(['done', 'failed'], { state: 'failed' })),
      /1 of 2 runs done and 1 failed\. Resuming it tries those again\.$/,
    );
    assert.deepEqual((['running', 'done', 'stopped', 'failed'] as const).map(isSweepResumable), [
      false,
      false,
      true,
      true,
    ]);
  });

  it('tells an end once: of those that were running', () => {
    const running = sweep(['running']);
    const ended = sweep(['done'], { state: 'done' });
    assert.deepEqual(endedSweeps([running], [ended]), [ended]);
    assert.deepEqual(endedSweeps([ended], [ended]), []);
    assert.deepEqual(endedSweeps([], [ended]), []);
    assert.deepEqual(endedSweeps([running], [running]), []);
  });

  it('escapes names in the tooltip', () => {
    const tooltip = sweepTooltip(
      sweep(['done'], { name: '[x](command:evil)', config: '/a|b' }),
      now,
    );
    assert.doesNotMatch(tooltip, /\[x\]\(command/);
    assert.match(tooltip, /a\\\|b/);
  });
});
