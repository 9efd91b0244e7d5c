/** Formatting changes blanks, and nothing that a config says. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { formatConfig } from '../../../server/language/editor/formatting';
import { commentSpans } from '../../../server/language/editor/textEdits';
import { parseConfig } from '../../../server/language/parseConfig';
import { quickConfig } from '../marked';
import { edited } from './scene';

function formatted(text: string): string {
  return edited(text, formatConfig(text));
}

const lines = (...parts: readonly string[]) => `${parts.join('\n')}\n`;

describe('formatting', () => {
  it('indents by two, with one space behind colons, commas and dashes', () => {
    assert.equal(
      formatted(
        lines(
          'manticore:   1',
          'components:',
          '    neox:   # the first',
          '        source:  ./neox  ',
          '    mamba: {source: ./mamba,tokenizer:   ./neox}',
          'hybrid:',
          '     blocks :  2   ',
          '     mixture:',
          '       1: { prune: [ neox,mamba ] , pin : neox}',
          '       2:',
          '          prune:',
          '          -   neox',
          '          - mamba',
          'search: { }',
        ),
      ),
      lines(
        'manticore: 1',
        'components:',
        '  neox:   # the first',
        '    source: ./neox',
        '  mamba: { source: ./mamba, tokenizer: ./neox }',
        'hybrid:',
        '  blocks: 2',
        '  mixture:',
        '    1: { prune: [neox, mamba], pin: neox }',
        '    2:',
        '      prune:',
        '        - neox',
        '        - mamba',
        'search: {}',
      ),
    );
  });

  it('keeps numbers, quotes, blank lines, order and comments as they are written', () => {
    const text = lines(
      '# first',
      '',
      "search: # 'of α'",
      '  learningRate: 3e-4   # aligned',
      '  alphaLearningRate: 1.50    # aligned',
      '',
      '',
      '  "algorithm": \'darts\'',
      '  # steps: 3',
      'manticore: 1',
      '# last',
    );
    assert.equal(formatted(text), text);
  });

  it('moves comments with the lines that they are aligned with', () => {
    assert.equal(
      formatted(
        lines(
          '  # begin',
          'hybrid:',
          '    # above blocks',
          '    blocks: 2',
          '    # below blocks',
          '  # odd',
          '# search follows',
          'search:',
          '      steps: 3',
          '      # seed: 1',
        ),
      ),
      lines(
        '# begin',
        'hybrid:',
        '  # above blocks',
        '  blocks: 2',
        '  # below blocks',
        '# odd',
        '# search follows',
        'search:',
        '  steps: 3',
        '  # seed: 1',
      ),
    );
  });

  it('leaves texts over several lines as they are, and moves them whole', () => {
    assert.equal(
      formatted(
        lines(
          'components:',
          '    neox:',
          '        source: >-',
          '            ./ne',
          '',
          '              ox ',
          '    mamba:',
          '        source: "./ma  ',
          '          mba"',
          '        tokenizer: {',
          '          a: 1,   ',
          '          b: [1,2] }',
        ),
      ),
      lines(
        'components:',
        '  neox:',
        '    source: >-',
        '        ./ne',
        '',
        '          ox ',
        '  mamba:',
        '    source: "./ma  ',
        '      mba"',
        '    tokenizer: {',
        '      a: 1,',
        '      b: [1, 2] }',
      ),
    );
  });

  it('ends the last line, once', () => {
    assert.equal(formatted('manticore: 1'), 'manticore: 1\n');
    assert.equal(formatted('manticore: 1  \n\n  \n'), 'manticore: 1\n');
    assert.equal(
      formatted('manticore: 1\r\nsearch:\r\n    steps: 3'),
      'manticore: 1\r\nsearch:\r\n  steps: 3\r\n',
    );
  });

  it('keeps the space before the colon of an alias, and anchors and tags', () => {
    const text = lines('a: &x   name', '*x : 1', 'b: !!str 1', 'c: { *x : 1, d: *x }');
    assert.equal(formatted(text), text);
  });

  it('does nothing to what is no YAML', () => {
    for (const text of ['', 'search: {', '\tsearch: 1\n', 'a: 1\n---\nb: 2\n', 'a: "']) {
      assert.deepEqual(formatConfig(text), []);
    }
  });

  it('changes nothing in the examples', () => {
    for (const file of ['quickstart', 'pretrain/tiny-neox', 'pretrain/tiny-mamba']) {
      const text = readFileSync(`examples/${file}.manticore.yaml`, 'utf8');
      assert.deepEqual(formatConfig(text), [], file);
    }
  });
});

const styled = [
  quickConfig({
    hybrid:
      '  blocks: 2\n  mixture:\n    1: { pin: { neox: 0.5, mamba: 0.5 } }\n    2:\n      prune:\n      - neox # x\n      # y',
    rest: 'finetune:\n    steps: 3 # a\n\n    # b\n    alphas: { threshold: 0.1 }\nbaselines: {\n  match: flops, # c\n  uniform: true }\n',
  }),
  quickConfig({
    components:
      '     neox:\n          source: >\n              ./ne\n\n              ox\n     mamba: {source: "./mam\n       ba"}',
    search: '     steps:    30\n     seeds: [ 1,2 , 3 ]\n     # end',
  }),
].flatMap((text) => [text, text.replaceAll('\n', '\r\n')]);

/** Blanks put in and taken out, pieces doubled, lines moved. */
const messy = fc
  .tuple(
    fc.constantFrom(...styled),
    fc.array(
      fc.record({
        at: fc.nat(),
        cut: fc.nat({ max: 3 }),
        put: fc.constantFrom(
          '',
          ' ',
          '  ',
          '\n',
          '\t',
          ' # c\n',
          '    ',
          '\n\n',
          ',',
          '- ',
          '&a ',
          '*a',
          '|\n',
          '"',
          ': ',
        ),
      }),
      { maxLength: 5 },
    ),
  )
  .map(([text, edits]) =>
    edits.reduce((before, { at, cut, put }) => {
      const start = at % (before.length + 1);
      return before.slice(0, start) + put + before.slice(start + cut);
    }, text),
  );

describe('formatting any text', () => {
  it('keeps its data, comments and problems, is done after once, and changes blanks only', () => {
    fc.assert(
      fc.property(messy, (text) => {
        const after = formatted(text);
        assert.deepEqual(formatConfig(after), [], JSON.stringify([text, after]));
        const [before, now] = [parseConfig(text), parseConfig(after)];
        assert.deepEqual(now.document.data, before.document.data);
        assert.deepEqual(
          now.problems.map(({ code }) => code),
          before.problems.map(({ code }) => code),
        );
        assert.equal(after.replace(/\s/g, ''), text.replace(/\s/g, ''));
        assert.equal(commentSpans(after).length, commentSpans(text).length);
      }),
      { numRuns: 500 },
    );
  });

  it('formats whatever is whole YAML in these styles', () => {
    for (const text of styled) assert.notDeepEqual(formatConfig(text), []);
  });
});
