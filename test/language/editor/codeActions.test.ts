/** Refactorings of a config. */
import assert from 'node:assert/strict';
import { refactorings } from '../../../server/language/editor/codeActions';
import { quickConfig } from '../marked';
import { edited, scene } from './scene';

async function actions(marked: string): Promise<ReadonlyMap<string, string>> {
  const { checked, text, offset } = await scene(marked);
  const found = refactorings(checked, { start: offset, end: offset });
  return new Map(found.map(({ title, edits }) => [title, edited(text, edits)]));
}

const hybrid = (...lines: readonly string[]) => quickConfig({ hybrid: lines.join('\n') });

describe('refactorings', () => {
  it('write out every block, and leave what is written', async () => {
    const found = await actions(
      hybrid(
        '  blo|cks: 4',
        '  mixture:',
        '    # b',
        '    2: { pin: neox } # why',
        '    4:',
        '      prune: [neox]',
      ),
    );
    assert.equal(
      found.get('Write out every block'),
      hybrid(
        '  blocks: 4',
        '  mixture:',
        '    # b',
        '    1: {}',
        '    2: { pin: neox } # why',
        '    3: {}',
        '    4:',
        '      prune: [neox]',
      ).replace('    # b\n    1: {}\n', '    # b\n    1: {}\n'),
    );
    assert.equal(
      (await actions(hybrid('  blo|cks: 2'))).get('Write out every block'),
      hybrid('  blocks: 2', '  mixture:', '    1: {}', '    2: {}'),
    );
  });

  it('offer no writing out where every block is written, or elsewhere', async () => {
    const whole = await actions(hybrid('  blo|cks: 1', '  mixture: { 1: {} }'));
    assert.ok(!whole.has('Write out every block'));
    assert.deepEqual([...(await actions(quickConfig({ search: '  ste|ps: 3' }))).keys()], []);
    assert.deepEqual([...(await actions('|')).keys()], []);
  });

  it('pin, unpin and prune the block at the caret', async () => {
    const pinned = await actions(
      hybrid('  blocks: 2', '  mixture:', '    1: { pin: neo|x } # why'),
    );
    assert.deepEqual(
      [...pinned.keys()],
      ['Pin block 1 to mamba', 'Remove the pin of block 1', 'Write out every block'],
    );
    assert.equal(
      pinned.get('Pin block 1 to mamba'),
      hybrid('  blocks: 2', '  mixture:', '    1: { pin: mamba } # why'),
    );
    assert.equal(pinned.get('Remove the pin of block 1'), hybrid('  blocks: 2', '  # why'));

    const pruned = await actions(hybrid('  blocks: 2', '  mixture:', '    2|: { prune: [mamba] }'));
    assert.deepEqual(
      [...pruned.keys()],
      ['Pin block 2 to neox', 'Pin block 2 to mamba', 'Write out every block'],
    );
    assert.equal(
      pruned.get('Pin block 2 to mamba'),
      hybrid('  blocks: 2', '  mixture:', '    2: { pin: mamba }'),
    );
    const free = await actions(hybrid('  blocks: 1', '  mixture:', '    1: {|}'));
    assert.equal(
      free.get('Prune neox from block 1'),
      hybrid('  blocks: 1', '  mixture:', '    1: { prune: [neox] }'),
    );
  });

  it('leave texts with aliases to their writer', async () => {
    const found = await actions(
      hybrid('  blocks: 2', '  mixture:', '    1: &a { p|in: neox }', '    2: *a'),
    );
    assert.deepEqual([...found.keys()], []);
  });

  it('repeat a search with several seeds', async () => {
    const search = (line: string) => quickConfig({ search: `  steps: 3\n  ${line} # one` });
    assert.equal(
      (await actions(search('se|ed: 7'))).get('Repeat the search with three seeds'),
      search('seeds: [7, 8, 9]'),
    );
  });
});
