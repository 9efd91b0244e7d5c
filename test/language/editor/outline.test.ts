/** Outline, folding and semantic tokens. */
import assert from 'node:assert/strict';
import { foldingSpans } from '../../../server/language/editor/folding';
import { outline, type OutlineNode } from '../../../server/language/editor/symbols';
import { semanticTokens } from '../../../server/language/editor/tokens';
import { check } from './scene';

const config = `# A config
# of two models
manticore: 1
components:
  neox:
    source: ./neox
  mamba: { source: ./mamba }
hybrid:
  blocks: 2
  mixture:
    1: { pin: neox }
    2:
      prune: [mamba] # slow
# end
search:
  algorithm: darts
  learningRate: 3e-4
`;

function tree(nodes: readonly OutlineNode[], depth = 0): string {
  return nodes
    .map(({ name, detail, kind, children }) => {
      const line = `${'  '.repeat(depth)}${kind} ${name}${detail === '' ? '' : ` = ${detail}`}`;
      return `${line}\n${tree(children, depth + 1)}`;
    })
    .join('');
}

describe('the outline', () => {
  it('has sections, components, blocks and settings', async () => {
    assert.equal(
      tree(outline(await check(config))),
      `setting manticore = 1
section components
  component neox = ./neox
    setting source = ./neox
  component mamba = { source: ./mamba }
    setting source = ./mamba
section hybrid
  setting blocks = 2
  section mixture
    block block 1 = { pin: neox }
      setting pin = neox
    block block 2
      setting prune = [mamba]
section search
  setting algorithm = darts
  setting learningRate = 3e-4
`,
    );
  });

  it('holds every selection inside its span, children inside their parents', async () => {
    const inside = (nodes: readonly OutlineNode[], start: number, end: number) => {
      for (const node of nodes) {
        assert.ok(start <= node.span.start && node.span.end <= end);
        assert.ok(node.span.start <= node.selection.start);
        assert.ok(node.selection.end <= node.span.end);
        inside(node.children, node.span.start, node.span.end);
      }
    };
    const broken = `${config}finetune: {\n  steps: [\n`;
    for (const text of [config, broken, config.replaceAll('\n', '\r\n')]) {
      inside(outline(await check(text)), 0, text.length);
    }
    assert.ok(outline(await check(broken)).length >= 4);
  });

  it('shows names of any kind on one line', async () => {
    const [first] = outline(await check('"a\\nb\\u202E": "x\\ty"\n'));
    assert.equal(first?.name, 'a\uFFFDb\uFFFD');
  });
});

describe('folding', () => {
  it('folds mappings over several lines and comments', async () => {
    const text = config;
    const found = foldingSpans(await check(text)).map(({ span, kind }) => [
      kind,
      text.slice(span.start, span.end).split('\n').length,
      /^[^\n]*/.exec(text.slice(span.start))![0],
    ]);
    assert.deepEqual(found, [
      ['comment', 2, '# A config'],
      ['region', 4, 'components:'],
      ['region', 2, 'neox:'],
      ['region', 6, 'hybrid:'],
      ['region', 4, 'mixture:'],
      ['region', 2, '2:'],
      ['region', 3, 'search:'],
    ]);
  });
});

describe('semantic tokens', () => {
  it('tell keys, components, values and numbers apart', async () => {
    const text = config;
    const found = semanticTokens(await check(text)).map(
      ({ span, type, declaration }) =>
        `${text.slice(span.start, span.end)} ${type}${declaration ? '!' : ''}`,
    );
    assert.deepEqual(found, [
      'manticore keyword',
      '1 number',
      'components keyword',
      'neox component!',
      'source property',
      './neox string',
      'mamba component!',
      'source property',
      './mamba string',
      'hybrid keyword',
      'blocks property',
      '2 number',
      'mixture property',
      '1 number',
      'pin property',
      'neox component',
      '2 number',
      'prune property',
      'mamba component',
      'search keyword',
      'algorithm property',
      'darts enumMember',
      'learningRate property',
      '3e-4 number',
    ]);
  });
});
