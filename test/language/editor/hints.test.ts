/** The weights beside the blocks, and where blocks stand. */
import assert from 'node:assert/strict';
import { blockAnchors } from '../../../server/language/editor/blocks';
import { arrow, bar, inlayHints } from '../../../server/language/editor/inlayHints';
import type { RunWeights } from '../../../server/language/editor/runWeights';
import { quickConfig } from '../marked';
import { check } from './scene';

const weights = (changes: Partial<RunWeights> = {}): RunWeights => ({
  components: ['neox', 'mamba'],
  alphas: [
    [0.62, 0.38],
    [1, 0],
    [0.2, 0.8],
  ],
  before: undefined,
  pinned: [false, false, false],
  pruned: [
    [false, false],
    [false, false],
    [false, false],
  ],
  source: 'live',
  ...changes,
});

/** The text with each hint in brackets where it stands. */
async function hinted(hybrid: string, run: RunWeights): Promise<string> {
  const text = quickConfig({ hybrid });
  const hints = inlayHints(await check(text), run);
  const shown = [...hints]
    .reverse()
    .reduce(
      (rest, { offset, label }) => `${rest.slice(0, offset)}  ⟦${label}⟧${rest.slice(offset)}`,
      text,
    );
  return /hybrid:\n([^]*)\ndata:/.exec(shown)![1]!;
}

describe('hints of weights', () => {
  it('stand at each block that is written, and for the others at `blocks`', async () => {
    assert.equal(
      await hinted(
        '  blocks: 3\n  mixture:\n    1: { pin: neox } # why  \n    3:\n      prune: []',
        weights(),
      ),
      [
        '  blocks: 3  ⟦neox █ 1.00  mamba ▁ 0.00⟧',
        '  mixture:',
        '    1: { pin: neox } # why  ⟦neox ▆ 0.62  mamba ▄ 0.38⟧  ',
        '    3:  ⟦neox ▃ 0.20  mamba ▇ 0.80⟧',
        '      prune: []',
      ].join('\n'),
    );
    assert.equal(
      await hinted('  blocks: 3 # three', weights()),
      '  blocks: 3 # three  ⟦mean  neox ▆ 0.61  mamba ▄ 0.39⟧',
    );
  });

  it('say what is pinned, what is pruned, and how it moves', async () => {
    const run = weights({
      before: [
        [0.5, 0.5],
        [1, 0],
        [0.2, 0.8],
      ],
      pinned: [false, true, false],
      pruned: [
        [false, false],
        [false, false],
        [true, false],
      ],
    });
    assert.equal(
      await hinted('  blocks: 3\n  mixture: { 1: {}, 2: {} }', run),
      [
        '  blocks: 3  ⟦neox pruned  mamba ▇ 0.80⟧',
        '  mixture: { 1: {}, 2: {} }  ⟦1: neox ▆ 0.62 ↑  mamba ▄ 0.38 ↓⟧  ⟦2: pinned  neox █ 1.00  mamba ▁ 0.00⟧',
      ].join('\n'),
    );
  });

  it('show names of any kind harmlessly, and only so many', async () => {
    const name = '<img src=x onerror=y>[a](b)|\n\u202Ex';
    const run = weights({
      components: [name, 'b', 'c', 'd', 'e', 'f', 'g', 'h'],
      alphas: [[0.3, 0.7]],
    });
    const [hint] = inlayHints(await check(quickConfig({ hybrid: '  blocks: 1' })), run);
    assert.match(hint!.label, /^<img�src=x�onerror=… ▃ 0\.30 {2}b ▇ 0\.70 {2}c ▁ –.*\+2$/);
    assert.ok(hint!.tooltip.includes('`<img src=x onerror=y>[a](b)¦��x`'));
    assert.ok(!hint!.tooltip.includes('\n\u202E'));
  });

  it('are none where the run knows nothing of the block', async () => {
    assert.equal(
      await hinted('  blocks: 3\n  mixture:\n    3: {}', weights({ alphas: [] })),
      '  blocks: 3\n  mixture:\n    3: {}',
    );
  });

  it('draw α from 0 to 1 in eight bars', () => {
    assert.deepEqual(
      [0, 0.05, 0.0625, 0.38, 0.5, 0.62, 0.8, 1, NaN, 7, -1].map(bar).join(''),
      '▁▁▂▄▅▆▇█▁█▁',
    );
    assert.deepEqual([0.004, -0.004, 0.005, -0.2].map(arrow).join(''), '→→↑↓');
  });
});

describe('anchors of blocks', () => {
  it('are lines of blocks that exist, and `blocks` where some have none', async () => {
    const at = async (hybrid: string) => {
      const anchors = blockAnchors(await check(quickConfig({ hybrid })));
      return anchors.map(({ block, line }) => [block ?? 'rest', line - 5]);
    };
    assert.deepEqual(await at('  blocks: 2\n  mixture:\n    2: {}\n    9: {}\n    x: {}'), [
      ['rest', 0],
      [2, 2],
    ]);
    assert.deepEqual(await at('  blocks: 2\n  mixture:\n    2: {}\n    1: {}'), [
      [2, 2],
      [1, 3],
    ]);
    assert.deepEqual(await at('  blocks: [\n'), [['rest', 0]]);
  });
});
