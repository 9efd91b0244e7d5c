/** What the weights panel may say to its host: everything else is dropped. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describeRefused, panelMessage, panelState } from '../../client/panel/messages';

const where = { stage: 'search', subject: 'hybrid', seed: 1 };

describe('messages of the weights panel', () => {
  const fitting: readonly unknown[] = [
    { type: 'ready' },
    { type: 'alphasAt', where, step: 12 },
    { type: 'loss', where, fromStep: 1, toStep: 100, maxPoints: 500 },
    { type: 'control', request: 1, control: { action: 'pin', block: 2, weights: { neox: 1 } } },
    { type: 'control', request: 2, control: { action: 'unpin', block: 2 } },
    { type: 'control', request: 3, control: { action: 'prune', block: 1, component: 'mamba' } },
    { type: 'control', request: 4, control: { action: 'restore', block: 1, component: 'mamba' } },
    { type: 'command', command: 'writeToConfig' },
    { type: 'save', format: 'svg', name: 'weights', data: '<svg/>' },
  ];
  for (const message of fitting) {
    it(`takes ${JSON.stringify(message).slice(0, 60)}`, () => {
      assert.deepEqual(panelMessage(message), message);
    });
  }

  const refused: readonly (readonly [string, unknown])[] = [
    ['nothing', undefined],
    ['null', null],
    ['a list', [{ type: 'ready' }]],
    ['a type of its own', { type: 'eval', code: 'process.exit()' }],
    ['a type that every object has', { type: 'constructor' }],
    ['a stage that is none', { type: 'alphasAt', where: { ...where, stage: 'x' }, step: 1 }],
    [
      'a subject without end',
      { type: 'alphasAt', where: { ...where, subject: 'x'.repeat(1e5) }, step: 1 },
    ],
    ['half a step', { type: 'alphasAt', where, step: 1.5 }],
    ['a step before the first', { type: 'alphasAt', where, step: -1 }],
    [
      'a stretch that runs backwards',
      { type: 'loss', where, fromStep: 9, toStep: 1, maxPoints: 10 },
    ],
    [
      'more points than a screen has',
      { type: 'loss', where, fromStep: 1, toStep: 9, maxPoints: 1e9 },
    ],
    ['block 0', { type: 'control', request: 1, control: { action: 'unpin', block: 0 } }],
    [
      'stop in a control of blocks',
      { type: 'control', request: 1, control: { action: 'stop', checkpoint: false, block: 1 } },
    ],
    [
      'a pin without weights',
      { type: 'control', request: 1, control: { action: 'pin', block: 1, weights: {} } },
    ],
    [
      'a weight that is no number',
      { type: 'control', request: 1, control: { action: 'pin', block: 1, weights: { a: '1' } } },
    ],
    [
      'a weight above one',
      { type: 'control', request: 1, control: { action: 'pin', block: 1, weights: { a: 2 } } },
    ],
    [
      'NaN',
      {
        type: 'control',
        request: 1,
        control: { action: 'pin', block: 1, weights: { a: Number.NaN } },
      },
    ],
    ['a command that is no button', { type: 'command', command: 'workbench.action.quit' }],
    ['a command that every object has', { type: 'command', command: 'toString' }],
    ['a picture of another kind', { type: 'save', format: 'html', name: 'a', data: '<script>' }],
    ['a picture without data', { type: 'save', format: 'png', name: 'a', data: '' }],
  ];
  for (const [what, message] of refused) {
    it(`drops ${what}`, () => assert.equal(panelMessage(message), undefined));
  }

  it('hands on nothing that the type does not name', () => {
    const message = panelMessage({
      type: 'control',
      request: 1,
      extra: true,
      control: { action: 'prune', block: 1, component: 'a', weights: { b: 1 }, __proto__: null },
    });
    assert.deepEqual(message, {
      type: 'control',
      request: 1,
      control: { action: 'prune', block: 1, component: 'a' },
    });
  });

  it('keeps a component called __proto__ a name', () => {
    const raw: unknown = JSON.parse(
      '{"type":"control","request":1,"control":{"action":"pin","block":1,"weights":{"__proto__":1}}}',
    );
    const message = panelMessage(raw);
    assert.ok(message?.type === 'control' && message.control.action === 'pin');
    assert.deepEqual(Object.entries(message.control.weights), [['__proto__', 1]]);
    assert.equal(Object.getPrototypeOf(message.control.weights), Object.prototype);
  });

  it('never throws, and takes what it gave out', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.anything(), fc.record({ type: fc.string(), where: fc.anything() })),
        (value) => {
          const message = panelMessage(value);
          if (message !== undefined) assert.deepEqual(panelMessage(message), message);
          assert.equal(typeof describeRefused(value), 'string');
        },
      ),
    );
  });
});

describe('what a panel kept over a reload', () => {
  it('is read as it was written', () => {
    const kept = { version: 1, dir: '/runs/a', where, step: 7, view: 'table' };
    assert.deepEqual(panelState(kept), kept);
  });

  it('falls back to the newest, the latest and the heatmap', () => {
    assert.deepEqual(panelState({ version: 1, dir: '/runs/a', where: 3, step: 'x', view: 9 }), {
      version: 1,
      dir: '/runs/a',
      where: undefined,
      step: undefined,
      view: 'heatmap',
    });
  });

  for (const [what, kept] of [
    ['of another version', { version: 2, dir: '/runs/a' }],
    ['without a folder', { version: 1 }],
    ['with a folder that is no text', { version: 1, dir: ['/runs/a'] }],
    ['that never was', undefined],
  ] as const) {
    it(`is nothing ${what}`, () => assert.equal(panelState(kept), undefined));
  }
});
