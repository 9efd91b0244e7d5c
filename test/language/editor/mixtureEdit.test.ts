/** "Write to config": the pins and prunings of a run as the smallest edit of a config. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { mixtureEdit, type BlockState } from '../../../server/language/editor/mixtureEdit';
import { mixtureObstacle } from '../../../server/language/editor/mixtureState';
import { commentSpans } from '../../../server/language/editor/textEdits';
import { quickConfig } from '../marked';
import { check, edited } from './scene';

const free: BlockState = { pin: undefined, prune: [] };
const pin = (weights: Record<string, number>): BlockState => ({ pin: weights, prune: [] });
const prune = (...names: string[]): BlockState => ({ pin: undefined, prune: names });

/** `hybrid:` with these lines in it, before and after the edit. */
async function written(lines: string, state: readonly BlockState[]): Promise<string> {
  const frame = (hybrid: string) => quickConfig({ hybrid });
  const text = frame(lines);
  const after = edited(text, mixtureEdit(await check(text), state));
  const [head, tail] = frame('\0').split('\0');
  assert.ok(after.startsWith(head!) && after.endsWith(tail!), after);
  return after.slice(head!.length, after.length - tail!.length);
}

describe('write to config', () => {
  it('adds a mixture where there is none', async () => {
    assert.equal(
      await written('  blocks: 3', [free, pin({ neox: 1, mamba: 0 }), prune('mamba')]),
      '  blocks: 3\n  mixture:\n    2: { pin: neox }\n    3: { prune: [mamba] }',
    );
  });

  it('fills an empty one', async () => {
    const state = [pin({ neox: 0.7, mamba: 0.3 })];
    const filled = '  blocks: 3\n  mixture:\n    1: { pin: { neox: 0.7, mamba: 0.3 } }';
    assert.equal(await written('  blocks: 3\n  mixture: {}', state), filled);
    assert.equal(
      await written('  blocks: 3\n  mixture: {} # nothing yet\n  head: last', state),
      `${filled.replace('mixture:', 'mixture: # nothing yet')}\n  head: last`,
    );
    assert.equal(await written('  blocks: 3\n  mixture:', state), filled);
  });

  it('knows what `all` says of a block, and gives one that differs an entry of its own', async () => {
    const text = '  blocks: 3\n  mixture:\n    2: { pin: mamba }\n    all: { pin: neox }';
    const neox = pin({ neox: 1 });
    assert.equal(await written(text, [neox, pin({ mamba: 1 }), neox]), text);
    assert.equal(
      await written(text, [neox, free, prune('mamba')]),
      '  blocks: 3\n  mixture:\n    2: {}\n    3: { prune: [mamba] }\n    all: { pin: neox }',
    );
    assert.equal(
      await written('  blocks: 2\n  mixture: { all: { prune: [mamba] } }', [free, prune('mamba')]),
      '  blocks: 2\n  mixture: { 1: {}, all: { prune: [mamba] } }',
    );
  });

  it('changes what is written and leaves the rest', async () => {
    const text = [
      '  blocks: 4',
      '  # decided by hand',
      '  mixture:',
      '    1: { pin: neox }   # the first layers',
      '    # the middle',
      '    2:',
      '      prune: [mamba] # too slow',
      '    4: { init: { neox: 0.9, mamba: 0.1 } }',
      '  head: last',
    ].join('\n');
    assert.equal(
      await written(text, [
        pin({ mamba: 1 }),
        pin({ neox: 1 }),
        { pin: { neox: 0.5, mamba: 0.5 }, prune: [] },
        prune('mamba'),
      ]),
      [
        '  blocks: 4',
        '  # decided by hand',
        '  mixture:',
        '    1: { pin: mamba }   # the first layers',
        '    # the middle',
        '    2:',
        '      pin: neox',
        '      # too slow',
        '    3: { pin: { neox: 0.5, mamba: 0.5 } }',
        '    4: { init: { neox: 0.9, mamba: 0.1 }, prune: [mamba] }',
        '  head: last',
      ].join('\n'),
    );
  });

  it('takes entries away that say nothing more, and keeps their comments', async () => {
    assert.equal(
      await written('  blocks: 2\n  mixture:\n    1: { pin: neox } # why\n    2: { pin: neox }', [
        free,
        free,
      ]),
      '  blocks: 2\n  # why',
    );
    assert.equal(
      await written('  blocks: 2\n  mixture:\n    1: { pin: neox } # why\n    2: { pin: neox }', [
        free,
        pin({ neox: 1 }),
      ]),
      '  blocks: 2\n  mixture:\n    # why\n    2: { pin: neox }',
    );
    assert.equal(
      await written(
        '  blocks: 2\n  mixture: { 1: { pin: neox, init: { neox: 1 } }, 2: { pin: neox } }',
        [free, free],
      ),
      '  blocks: 2\n  mixture: { 1: { init: { neox: 1 } } }',
    );
  });

  it('stays in the style that is written', async () => {
    assert.equal(
      await written('  { blocks: 2 }', [pin({ neox: 1 })]),
      '  { blocks: 2, mixture: { 1: { pin: neox } } }',
    );
    assert.equal(
      await written('  blocks: 3\n  mixture: { 2: { pin: neox } }', [
        prune('mamba'),
        pin({ mamba: 1 }),
        prune('neox'),
      ]),
      '  blocks: 3\n  mixture: { 1: { prune: [mamba] }, 2: { pin: mamba }, 3: { prune: [neox] } }',
    );
    assert.equal(
      await written('  blocks: 1\n  mixture:\n    1:\n      prune:\n        - mamba\n', [
        prune('neox'),
      ]),
      '  blocks: 1\n  mixture:\n    1:\n      prune:\n        - neox\n',
    );
    assert.equal(
      await written(
        '  blocks: 1\n  mixture:\n    1:\n      pin:\n        neox: 0.5\n        mamba: 0.5',
        [pin({ neox: 0.25, mamba: 0.75 })],
      ),
      '  blocks: 1\n  mixture:\n    1:\n      pin:\n        neox: 0.25\n        mamba: 0.75',
    );
    assert.equal(
      await written(
        '  blocks: 1\n  mixture:\n    1:\n      pin:\n        neox: 0.5 # half\n        mamba: 0.5',
        [pin({ neox: 1 })],
      ),
      '  blocks: 1\n  mixture:\n    1:\n      pin: neox\n        # half',
    );
  });

  it('writes aliases out where they say something else now', async () => {
    assert.equal(
      await written('  blocks: 2\n  mixture:\n    1: &one { pin: neox }\n    2: *one', [
        pin({ neox: 1 }),
        prune('neox'),
      ]),
      '  blocks: 2\n  mixture:\n    1: &one { pin: neox }\n    2: { prune: [neox] }',
    );
    assert.equal(
      await written('  blocks: 2\n  mixture:\n    1: &one { pin: neox }\n    2: *one', [
        prune('neox'),
        pin({ neox: 1 }),
      ]),
      '  blocks: 2\n  mixture:\n    1: &one { prune: [neox] }\n    2: { pin: neox }',
    );
  });

  it('keeps Windows line ends', async () => {
    const text = quickConfig({ hybrid: '  blocks: 2' }).replaceAll('\n', '\r\n');
    const after = edited(text, mixtureEdit(await check(text), [pin({ neox: 1 })]));
    assert.equal(
      after,
      quickConfig({ hybrid: '  blocks: 2\n  mixture:\n    1: { pin: neox }' }).replaceAll(
        '\n',
        '\r\n',
      ),
    );
  });

  it('is nothing where the config says it already, and where it can’t be edited', async () => {
    const same =
      '  blocks: 3\n  mixture:\n    1: { pin: { neox: 1, mamba: 0 } }\n    2: { prune: [mamba] }';
    assert.equal(await written(same, [pin({ neox: 1 }), prune('mamba', 'mamba'), free]), same);
    assert.equal(await written(same, [pin({ neox: Math.fround(1) }), prune('mamba')]), same);
    const broken = quickConfig({ hybrid: '  blocks: 3\n  mixture: { 1: ' });
    assert.deepEqual(mixtureEdit(await check(broken), [pin({ neox: 1 })]), []);
    assert.deepEqual(mixtureEdit(await check(''), [pin({ neox: 1 })]), []);
  });

  it('writes the shortest number for a 32-bit weight', async () => {
    assert.equal(
      await written('  blocks: 1', [pin({ neox: Math.fround(0.7), mamba: Math.fround(0.3) })]),
      '  blocks: 1\n  mixture:\n    1: { pin: { neox: 0.7, mamba: 0.3 } }',
    );
  });

  it('leaves blocks alone whose state names what is no component', async () => {
    assert.equal(
      await written('  blocks: 2', [pin({ 'x: {}\nevil': 1 }), pin({ neox: 1 }), pin({ neox: 1 })]),
      '  blocks: 2\n  mixture:\n    2: { pin: neox }',
    );
  });
});

describe('what stands in the way of writing', () => {
  it('is said in a sentence', async () => {
    const state = [pin({ neox: 1 }), prune('mamba')];
    const obstacle = async (text: string) => mixtureObstacle(await check(text), state);
    assert.equal(await obstacle(quickConfig()), undefined);
    assert.equal(await obstacle(quickConfig({ search: '  stps: 3' })), undefined);
    assert.match(
      (await obstacle('hybrid: {'))!,
      /^The config is no whole YAML\. This `\{` is never/,
    );
    assert.match((await obstacle('manticore: 1'))!, /no `hybrid`/);
    assert.match(
      (await obstacle(quickConfig({ components: '  neox: { source: ./neox }' })))!,
      /prunes `mamba`, and the config has no component of that name/,
    );
  });
});

const weight = fc.integer({ min: 0, max: 100 });
const state: fc.Arbitrary<BlockState> = fc.oneof(
  fc.constant(free),
  fc.constantFrom('neox', 'mamba').map((name) => pin({ [name]: 1 })),
  weight.map((neox) => pin({ neox: neox / 100, mamba: (100 - neox) / 100 })),
  fc.constantFrom('neox', 'mamba').map((name) => prune(name)),
);

const startings = [
  '  blocks: 4',
  '  blocks: 4 # four\n  mixture: {}\n  head: last',
  '  blocks: 4\n  mixture: # empty\n  head: last',
  '  { blocks: 4 }',
  '  { blocks: 4, # four\n    mixture: { 2: { pin: neox } } }',
  '  blocks: 4\n  mixture: { 2: { pin: neox }, 4: { prune: [mamba] } } # flow',
  '  blocks: 4\n  mixture:\n    # a\n    2: { pin: neox } # b\n    # c\n    4: { init: { neox: 0.5, mamba: 0.5 }, prune: [] }\n    # d',
  '  mixture:\n    4:\n      # a\n      pin:\n        neox: 0.5 # b\n        # c\n        mamba: 0.5\n    1:\n      prune:\n      - mamba # d\n      # e\n  # f\n  blocks: 4',
  '  blocks: 4\n  mixture:\n    1: &one { pin: &p neox } # a\n    2: *one\n    3: { pin: *p }\n    4: { pin: { neox: &w 0.5, mamba: *w } }',
  '  blocks: 4\n  mixture:\n    1: {\n      pin: neox, # a\n      prune: [ # b\n      ]\n    }\n    "2": { "pin": \'mamba\' }\n    3:\n    4: ~',
  '  blocks: 4\n  mixture:\n      1 : { pin : neox, }\n      3: {pin: {neox: 0.25,mamba: 0.75,},}',
];

describe('writing any state into any style', () => {
  it('says exactly that, keeps comments, and is stable', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...startings),
        fc.array(state, { minLength: 4, maxLength: 4 }),
        fc.boolean(),
        async (hybrid, wanted, windows) => {
          const plain = quickConfig({ hybrid });
          const text = windows ? plain.replaceAll('\n', '\r\n') : plain;
          const before = await check(text);
          const after = edited(text, mixtureEdit(before, wanted));
          const checked = await check(after);
          assert.deepEqual(
            checked.document.problems.filter(({ severity }) => severity === 'error'),
            [],
            after,
          );
          const mixture = checked.config?.hybrid.mixture ?? {};
          for (const [index, block] of wanted.entries()) {
            const found = mixture[index + 1];
            assert.deepEqual(nonZero(found?.pin), nonZero(block.pin), after);
            assert.deepEqual([...(found?.prune ?? [])], [...block.prune], after);
          }
          for (const key of ['data', 'search', 'components'] as const) {
            assert.deepEqual(checked.config?.[key], before.config?.[key] ?? checked.config?.[key]);
          }
          const comments = (source: string) =>
            commentSpans(source).map(({ start, end }) => source.slice(start, end));
          assert.deepEqual(comments(after), comments(text), after);
          assert.deepEqual(mixtureEdit(checked, wanted), []);
          if (windows) assert.ok(!/[^\r]\n/.test(after));
        },
      ),
      { numRuns: 600 },
    );
  });
});

function nonZero(weights: Readonly<Record<string, number>> | undefined) {
  return (
    weights &&
    Object.fromEntries(
      Object.entries(weights)
        .filter(([, value]) => value > 0)
        .toSorted(),
    )
  );
}
