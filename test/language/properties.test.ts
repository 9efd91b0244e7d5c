/** Invariants over texts that nobody would write. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseConfig } from '../../server/language/parseConfig';
import { checkConfig } from '../../server/language/checkConfig';
import { editDistance, nearestName } from '../../server/language/suggestion';
import { positionsIn } from '../../server/language/textPosition';
import { parseBytes } from '../../server/language/resolve';
import { applyOverrides } from '../../server/language/override';
import { fakeReader } from './fakeReader';
import { quickConfig } from './marked';

/** A whole config with pieces cut out, doubled, or replaced by what means something to YAML. */
const mutated = fc
  .array(
    fc.record({
      at: fc.nat(),
      cut: fc.nat({ max: 30 }),
      put: fc.oneof(
        fc.constantFrom(
          '\t',
          '\r\n',
          '\n  ',
          '- ',
          '? ',
          ': ',
          '[',
          '{',
          '}',
          '&a ',
          '*a',
          '|',
          '>',
          '"',
          "'",
          '!!set',
          '---\n',
          '#',
          '%',
          '\uFEFF',
          '<<: ',
          '__proto__: ',
          'constructor: ',
          '\uD800',
        ),
        fc.constantFrom(
          'neox',
          'mamba',
          'pin: neox',
          'prune: [neox, mamba]',
          '.nan',
          '-1',
          '1e999',
          'null',
          'seeds: [1, 1]',
        ),
        fc.string({ maxLength: 8 }),
      ),
    }),
    { maxLength: 6 },
  )
  .map((edits) =>
    edits.reduce(
      (text, { at, cut, put }) => {
        const start = at % (text.length + 1);
        return text.slice(0, start) + put + text.slice(start + cut);
      },
      quickConfig({ hybrid: '  blocks: 2\n  mixture:\n    1: { pin: { neox: 0.5, mamba: 0.5 } }' }),
    ),
  );

const anyText = fc.oneof(
  mutated,
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ maxLength: 60 }),
);

describe('any text', () => {
  it('is parsed without throwing, spans inside the text, the same problems each time', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { problems } = parseConfig(text);
        for (const { span, fixes, message } of problems) {
          for (const { start, end } of [
            span,
            ...(fixes ?? []).flatMap(({ edits }) => edits.map((edit) => edit.span)),
          ]) {
            assert.ok(Number.isInteger(start) && Number.isInteger(end));
            assert.ok(
              0 <= start && start <= end && end <= text.length,
              `${start}–${end} of ${text.length}`,
            );
          }
          assert.ok(message.length > 0);
        }
        assert.deepEqual(parseConfig(text).problems, problems);
      }),
      { numRuns: 400 },
    );
  });

  it('is checked without throwing; a plan comes only without errors, or beside one about memory', async () => {
    await fc.assert(
      fc.asyncProperty(mutated, async (text) => {
        const { plan, problems, config } = await checkConfig(text, {
          name: 'any',
          base: '/base',
          reader: fakeReader(),
        });
        const errors = problems.filter(({ severity }) => severity === 'error');
        if (plan)
          assert.deepEqual(
            errors.filter(({ code }) => code !== 'memory'),
            [],
          );
        else if (config) assert.ok(errors.length > 0);
      }),
      { numRuns: 250 },
    );
  });

  it('takes overrides without throwing', () => {
    fc.assert(
      fc.property(
        anyText,
        fc.array(
          fc.oneof(
            fc.string(),
            fc.constantFrom(
              'search.steps=5',
              'engine.threads=2',
              'hybrid.mixture.2.pin=neox',
              '=',
              'a.b',
              'search.seeds=[1, {',
              'finetune=false',
            ),
          ),
          { maxLength: 3 },
        ),
        (text, overrides) => {
          const { text: result } = applyOverrides(text, overrides);
          assert.equal(typeof result, 'string');
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('positions', () => {
  it('agree with splitting the text into lines', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', '\n', '\r', '\r\n', '🜏')).map((parts) => parts.join('')),
        fc.nat(),
        (text, seed) => {
          const offset = seed % (text.length + 1);
          // Inside `\r\n` the line has not ended yet.
          const before = text.slice(0, offset);
          const isInside = text[offset - 1] === '\r' && text[offset] === '\n';
          const lines = (isInside ? before.slice(0, -1) : before).split(/\r\n|\r|\n/);
          const { line, column } = positionsIn(text)(offset);
          assert.equal(line, lines.length);
          assert.equal(column, lines.at(-1)!.length + (isInside ? 2 : 1));
        },
      ),
    );
  });
});

describe('suggestions', () => {
  it('the edit distance is a metric on short names, and counts one swap as one', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 });
    fc.assert(
      fc.property(name, name, (a, b) => {
        assert.equal(editDistance(a, b), editDistance(b, a));
        assert.equal(editDistance(a, b) === 0, a === b);
        assert.ok(editDistance(a, b) <= Math.max(a.length, b.length));
      }),
    );
    assert.equal(editDistance('drats', 'darts'), 1);
    assert.equal(editDistance('kitten', 'sitting'), 3);
  });

  it('nothing far away is proposed', () => {
    assert.equal(nearestName('banana', ['search', 'engine']), undefined);
    assert.equal(nearestName('Serach', ['search', 'engine']), 'search');
  });
});

describe('sizes', () => {
  it('decimal and binary', () => {
    assert.equal(parseBytes('4 GB'), 4e9);
    assert.equal(parseBytes('1.5GiB'), 1.5 * 2 ** 30);
    assert.equal(parseBytes('4'), undefined);
  });
});
