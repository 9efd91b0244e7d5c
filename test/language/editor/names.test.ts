/** A component's name: definition, uses, rename. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  definitionAt,
  referencesAt,
  renameAt,
  renameRangeAt,
} from '../../../server/language/editor/names';
import { problemsOf, quickConfig } from '../marked';
import { check, edited, scene } from './scene';

const uses = (name: string, places: { tokenizer?: string; caret?: string } = {}) =>
  quickConfig({
    components: `  ${places.caret ?? name}: { source: ./neox }\n  mamba: { source: ./mamba }`,
    hybrid: [
      '  blocks: 5',
      `  tokenizer: ${places.tokenizer ?? name}`,
      '  mixture:',
      `    1: { pin: ${name} }`,
      `    2: { pin: { "${name}": 0.5, mamba: 0.5 } }`,
      `    3: { prune: ['${name}'] }`,
      `    4: { init: { ${name}: 0.5, mamba: 0.5 } }`,
      '    5:',
      '      prune:',
      `        - ${name} # not mamba`,
    ].join('\n'),
  });

async function renamed(marked: string, newName: string): Promise<string> {
  const { checked, text, offset } = await scene(marked);
  const result = renameAt(checked, offset, newName);
  assert.ok('edits' in result, 'refused' in result ? result.refused : '');
  const edits = [...result.edits].sort((a, b) => a.span.start - b.span.start);
  return edited(text, edits);
}

async function refused(marked: string, newName: string): Promise<string> {
  const { checked, offset } = await scene(marked);
  const result = renameAt(checked, offset, newName);
  assert.ok('refused' in result);
  return result.refused;
}

describe('the name of a component', () => {
  it('leads from each use to its definition, the caret anywhere in it', async () => {
    const text = uses('neox');
    const checked = await check(text);
    const definition = text.indexOf('neox: {');
    for (const { index } of text.matchAll(/neox(?=[\s:,"'\]}#])(?! \})/g)) {
      if (text.slice(index - 2, index) === './') continue;
      for (const offset of [index, index + 2, index + 4]) {
        assert.deepEqual(definitionAt(checked, offset), { start: definition, end: definition + 4 });
      }
    }
  });

  it('is found everywhere, the definition first', async () => {
    const { checked, text, offset } = await scene(uses('neox', { tokenizer: 'ne|ox' }));
    const found = referencesAt(checked, offset);
    assert.deepEqual(
      found.map(({ start, end }) => text.slice(start, end)),
      Array.from({ length: 7 }, () => 'neox'),
    );
    assert.equal(found[0]!.start, text.indexOf('neox: {'));
    assert.equal(new Set(found.map(({ start }) => start)).size, 7);
  });

  it('is no other word, nor a path', async () => {
    for (const marked of [
      quickConfig({ components: '  neox: { source: ./ne|ox }' }),
      quickConfig({ search: '  algorithm: da|rts' }),
      quickConfig({ hybrid: '  bl|ocks: 2' }),
      '|',
    ]) {
      const { checked, offset } = await scene(marked);
      assert.equal(definitionAt(checked, offset), undefined);
      assert.deepEqual(referencesAt(checked, offset), []);
      assert.equal(renameRangeAt(checked, offset), undefined);
      assert.match(await refused(marked, 'other'), /Only components/);
    }
  });

  it('of no component has uses and no definition', async () => {
    const { checked, offset } = await scene(uses('other', { caret: 'neox', tokenizer: 'oth|er' }));
    assert.equal(definitionAt(checked, offset), undefined);
    assert.equal(referencesAt(checked, offset).length, 6);
    assert.equal(renameRangeAt(checked, offset), undefined);
  });

  it('is renamed everywhere, quotes kept, and the config stays whole', async () => {
    const after = await renamed(uses('neox', { caret: 'neox|' }), 'pythia');
    assert.equal(after, uses('pythia'));
    const codes = async (text: string) => (await problemsOf(text)).map(({ code }) => code);
    assert.deepEqual(await codes(after), await codes(uses('neox')));
  });

  it('is renamed behind anchors and aliases', async () => {
    const text = (name: string, caret = name) =>
      quickConfig({
        components: `  ${name}: { source: ./neox }\n  mamba: { source: ./mamba }`,
        hybrid: `  blocks: 3\n  tokenizer: &t ${caret}\n  mixture:\n    1: &one { pin: *t }\n    2: *one\n    3: { pin: { *t : 1 } }`,
      });
    assert.equal(await renamed(text('neox', 'n|eox'), 'other'), text('other'));
    const alias = text('neox').replace('pin: *t', 'pin: *|t');
    assert.equal(await renamed(alias, 'other'), text('other'));
    const { checked, text: whole, offset } = await scene(alias);
    assert.equal(definitionAt(checked, offset)?.start, whole.indexOf('neox:'));
  });

  it('is not what an alias of a whole block stands for', async () => {
    const { checked, offset } = await scene(
      quickConfig({ hybrid: '  blocks: 2\n  mixture:\n    1: &one { pin: neox }\n    2: *on|e' }),
    );
    assert.equal(renameRangeAt(checked, offset), undefined);
  });

  it('can’t be one that is taken, reserved, or no name', async () => {
    const marked = uses('neox', { caret: 'n|eox' });
    assert.match(await refused(marked, 'mamba'), /There is a component `mamba` already/);
    assert.match(await refused(marked, 'hybrid'), /something else/);
    assert.match(await refused(marked, 'uniform'), /something else/);
    assert.match(await refused(marked, '1st'), /begin with a letter/);
    assert.match(await refused(marked, 'a b'), /begin with a letter/);
    assert.match(await refused(marked, ''), /begin with a letter/);
    assert.match(await refused(marked, 'a: {}\nb'), /begin with a letter/);
    assert.match(await refused(marked, 'True'), /YAML reads/);
    const { checked, offset } = await scene(marked);
    assert.deepEqual(renameAt(checked, offset, 'neox'), { edits: [] });
  });

  it('in a broken document', async () => {
    const marked =
      'components:\n  ne|ox: { source: ./neox }\nhybrid:\n  tokenizer: neox\nsearch: { a: [';
    assert.equal(
      await renamed(marked, 'b'),
      marked.replace('|', '').replaceAll(/neox(?=:|\n)/g, 'b'),
    );
  });

  it('stands in the same places whatever it is', async () => {
    const names = fc.stringMatching(/^[A-Za-z][\w-]{0,8}$/);
    await fc.assert(
      fc.asyncProperty(names, names, async (before, after) => {
        const taken = ['mamba', 'hybrid', 'uniform', 'true', 'false', 'null'];
        const isOut = (name: string) => taken.includes(name.toLowerCase());
        fc.pre(!isOut(before) && !isOut(after) && before !== after);
        const text = uses(before);
        const checked = await check(text);
        const definition = text.indexOf(`  ${before}:`) + 2;
        const result = renameAt(checked, definition, after);
        assert.ok('edits' in result);
        const edits = [...result.edits].sort((a, b) => a.span.start - b.span.start);
        const renamedText = edited(text, edits);
        assert.equal(renamedText, uses(after));
        assert.equal((await check(renamedText)).problems.length, checked.problems.length);
      }),
      { numRuns: 60 },
    );
  });
});
