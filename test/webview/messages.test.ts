/** Messages of the host: believed only where they fit the contract. */
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { parseHostMessage, parsePanelState } from '../../webview/messages';
import { syntheticRun } from '../report/fixtures';
import { snapshotOf } from './logSnapshot';

const log = syntheticRun({ seeds: [1, 2], searchSteps: 10, finetuneSteps: 5, controls: true });
const snapshot = snapshotOf(log, {
  components: ['neox', 'mamba'].map((name) => ({
    name,
    family: name,
    parameters: 10,
    groups: [{ first: 0, end: 1 }],
  })),
  blocks: [{ live: [0, 1], pinned: undefined, initial: [0.5, 0.5] }],
  jobs: [{ stage: 'search', subject: 'hybrid', seed: 1, steps: 10 }],
});
/** As it comes out of JSON, and then of structured cloning. */
const sent = (message: unknown): unknown => structuredClone(JSON.parse(JSON.stringify(message)));

describe('a message of the host', () => {
  it('is believed when it fits: every type', () => {
    const where = { stage: 'search', subject: 'hybrid', seed: 1 };
    const costs = { kind: 'milliseconds', weight: 1, table: [[1, 2]], others: { neox: 1 } };
    const error = { code: 'run-folder-gone', message: 'The folder is gone.', hint: 'Close it.' };
    for (const message of [
      { type: 'snapshot', snapshot },
      { type: 'events', events: log, state: 'running' },
      { type: 'events', events: [{ seq: 9, time: '', type: 'costs', costs }], state: 'running' },
      { type: 'alphas', where, step: 3, alphas: [[0.5, 0.5]] },
      { type: 'alphas', where, step: 3, alphas: null },
      { type: 'loss', curve: { ...where, total: 9, steps: [1, 2], loss: [5, null] } },
      { type: 'control', request: 1, state: 'applied', step: 4 },
      { type: 'control', request: 1, state: 'refused', error },
      { type: 'unavailable', error },
    ]) {
      assert.notEqual(
        parseHostMessage(sent(message)),
        undefined,
        JSON.stringify(message).slice(0, 80),
      );
    }
  });

  it('may have keys that are there and undefined', () => {
    const control = { type: 'control', request: 1, state: 'applied', step: 4, error: undefined };
    assert.notEqual(parseHostMessage(control), undefined);
  });

  it('reads null as a loss that was no number', () => {
    const step = log.find(({ type }) => type === 'step');
    const read = parseHostMessage({
      type: 'events',
      events: [{ ...step, loss: null }],
      state: 'running',
    });
    assert.ok(read?.type === 'events' && read.events[0]?.type === 'step');
    assert.ok(Number.isNaN(read.events[0].loss));
  });

  it('is dropped where it fits no type', () => {
    const curve = { stage: 'search', subject: 'hybrid', seed: 1, total: 9, steps: [1], loss: [] };
    for (const message of [
      undefined,
      null,
      7,
      'snapshot',
      [],
      {},
      { type: 'reload' },
      { type: 'snapshot' },
      { type: 'snapshot', snapshot: { ...snapshot, state: 'flying' } },
      { type: 'snapshot', snapshot: { ...snapshot, nextSeq: -1 } },
      { type: 'snapshot', snapshot: { ...snapshot, plan: { components: [] } } },
      { type: 'events', events: [{ type: 'step' }], state: 'running' },
      { type: 'events', events: [], state: 'running?' },
      { type: 'loss', curve },
      { type: 'alphas', where: { stage: 'lunch', subject: 'x', seed: 1 }, step: 1, alphas: null },
      { type: 'control', request: 1.5, state: 'applied' },
    ]) {
      assert.equal(parseHostMessage(message), undefined);
    }
  });

  it('with α that are no matrix is dropped', () => {
    const where = { stage: 'search', subject: 'hybrid', seed: 1 };
    for (const alphas of [[], [[]], [[1], [0.5, 0.5]], [['1']], 'x', [[0.5], null], {}]) {
      assert.equal(parseHostMessage({ type: 'alphas', where, step: 1, alphas }), undefined);
    }
  });

  it('never makes the reader throw', () => {
    const nearly = fc.record({
      type: fc.constantFrom('snapshot', 'events', 'alphas', 'loss', 'control', 'unavailable'),
      snapshot: fc.anything(),
      events: fc.anything(),
      alphas: fc.anything(),
      curve: fc.anything(),
      error: fc.anything(),
    });
    fc.assert(
      fc.property(fc.oneof(fc.anything(), nearly), (message) => {
        parseHostMessage(message);
      }),
    );
  });
});

describe('the state that a page kept', () => {
  it('is believed when it fits', () => {
    const state = { version: 1, dir: '/runs/x', view: 'table', step: 3 };
    assert.equal(parsePanelState(state)?.step, 3);
  });

  it('is dropped when it is not ours', () => {
    const wrong = [undefined, null, {}, { version: 2, dir: '', view: 'table' }, { version: 1 }];
    for (const state of wrong) assert.equal(parsePanelState(state), undefined);
  });
});
