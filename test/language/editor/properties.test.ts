/** What holds of every editor feature, whatever the text and wherever the caret. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { TextEdit, TextSpan } from '../../../server/contract/problem';
import type { CheckedConfig } from '../../../server/language/checkConfig';
import { blockAnchors } from '../../../server/language/editor/blocks';
import { refactorings } from '../../../server/language/editor/codeActions';
import { completionsAt } from '../../../server/language/editor/completion';
import { foldingSpans } from '../../../server/language/editor/folding';
import { formatConfig } from '../../../server/language/editor/formatting';
import { hoverAt } from '../../../server/language/editor/hover';
import { inlayHints } from '../../../server/language/editor/inlayHints';
import { mixtureEdit } from '../../../server/language/editor/mixtureEdit';
import {
  definitionAt,
  referencesAt,
  renameAt,
  renameRangeAt,
} from '../../../server/language/editor/names';
import type { RunWeights } from '../../../server/language/editor/runWeights';
import { outline, type OutlineNode } from '../../../server/language/editor/symbols';
import { semanticTokens } from '../../../server/language/editor/tokens';
import { readDocument } from '../../../server/language/configDocument';
import { quickConfig } from '../marked';
import { check, edited, somePlaces } from './scene';

const whole = quickConfig({
  components:
    '  neox: { source: ./neox }\n  mamba:\n    source: ./mamba\n  own:\n    family: gpt2\n    config: { n_embd: 12 }\n    init: random',
  hybrid:
    '  blocks: 2\n  tokenizer: &t neox\n  mixture: # two\n    1: { pin: { neox: 0.5, mamba: 0.5 }, prune: [own] }\n    2:\n      prune:\n        - mamba\n      init: { neox: 0.5, own: 0.5 }',
  search: '  steps: 30\n  algorithm: darts # how\n  seeds: [1, 2]',
  rest: 'engine: auto\n# end',
});

const piece = fc.oneof(
  fc.constantFrom(
    ...['\t', '\r\n', '\n', '\n  ', '- ', '? ', ': ', '[', ']', '{', '}', ',', '&a ', '*a', '*t'],
    ...['|', '>', '"', "'", '!!set', '---\n', '...\n', '#', ' # ', '%', '\uFEFF', '<<: '],
    ...['__proto__: ', 'constructor: ', '\uD800', '\u001f', '\u0018', '\u0002', 'hf:', './', '\r'],
    ...['neox', 'pin: ', 'source: ', 'text: ', 'prune: [', 'mixture:\n', '1e999', '.nan', 'null'],
  ),
  fc.string({ maxLength: 6 }),
);

const mutated = fc
  .array(fc.record({ at: fc.nat(), cut: fc.nat({ max: 40 }), put: piece }), { maxLength: 6 })
  .map((edits) =>
    edits.reduce((text, { at, cut, put }) => {
      const start = at % (text.length + 1);
      return text.slice(0, start) + put + text.slice(start + cut);
    }, whole),
  );

/** Half a config, as while it is typed. */
const cutOff = fc
  .tuple(mutated, fc.nat())
  .map(([text, at]) => text.slice(0, at % (text.length + 1)));

const garbage = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
);

const anyText = fc.oneof({ weight: 3, arbitrary: mutated }, cutOff, garbage);

const run: RunWeights = {
  components: ['neox', 'mamba', 'own'],
  alphas: [
    [0.2, 0.3, 0.5],
    [1, 0, 0],
  ],
  before: [[0.1, 0.1, 0.8]],
  pinned: [true],
  pruned: [[false, true, false]],
  source: 'last',
};

function inside(text: string, spans: readonly TextSpan[]): void {
  for (const { start, end } of spans) {
    assert.ok(Number.isInteger(start) && Number.isInteger(end));
    assert.ok(0 <= start && start <= end && end <= text.length, `${start}–${end}`);
  }
}

const spansOf = (edits: readonly TextEdit[]) => edits.map(({ span }) => span);

const allNodes = (nodes: readonly OutlineNode[]): readonly OutlineNode[] =>
  nodes.flatMap((node) => [node, ...allNodes(node.children)]);

async function everything(checked: CheckedConfig, offset: number): Promise<void> {
  const { text } = checked.document;
  for (const { edit } of await completionsAt(checked, offset, somePlaces)) {
    inside(text, [edit.span]);
    assert.ok(edit.span.start <= offset && offset <= edit.span.end);
    assert.ok(!/[\r\n]/.test(text.slice(edit.span.start, edit.span.end)), 'on one line');
  }
  const hover = hoverAt(checked, offset, run);
  if (hover) inside(text, [hover.span]);
  const definition = definitionAt(checked, offset);
  inside(text, [...(definition ? [definition] : []), ...referencesAt(checked, offset)]);
  const range = renameRangeAt(checked, offset);
  if (range) assert.ok(range.span.start <= offset && offset <= range.span.end);
  const renamed = renameAt(checked, offset, 'other');
  if ('edits' in renamed) {
    const edits = [...renamed.edits].sort((a, b) => a.span.start - b.span.start);
    inside(text, spansOf(edits));
    edited(text, edits);
  }
  for (const { edits } of refactorings(checked, { start: offset, end: offset }))
    edited(text, edits);
}

function ofTheWhole(checked: CheckedConfig): void {
  const { text } = checked.document;
  for (const { span, selection } of allNodes(outline(checked))) {
    inside(text, [span, selection]);
    assert.ok(span.start <= selection.start && selection.end <= span.end);
  }
  inside(
    text,
    foldingSpans(checked).map(({ span }) => span),
  );
  let end = 0;
  for (const { span } of semanticTokens(checked)) {
    inside(text, [span]);
    assert.ok(span.start >= end && !/[\r\n]/.test(text.slice(span.start, span.end)));
    end = span.end;
  }
  for (const { offset } of [...blockAnchors(checked), ...inlayHints(checked, run)]) {
    inside(text, [{ start: offset, end: offset }]);
  }
  edited(text, formatConfig(text));
  edited(
    text,
    mixtureEdit(checked, [
      { pin: { neox: 1 }, prune: [] },
      { pin: undefined, prune: ['own'] },
    ]),
  );
}

describe('any text, the caret anywhere', () => {
  it('no feature throws, every span lies in the text, completions hold the caret', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyText,
        fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
        async (text, at) => {
          const checked = await check(text);
          ofTheWhole(checked);
          for (const place of at) await everything(checked, place % (text.length + 1));
        },
      ),
      { numRuns: 400 },
    );
  });

  it('at every offset of a whole config', async () => {
    const checked = await check(whole);
    for (let offset = 0; offset <= whole.length; offset++) await everything(checked, offset);
  });

  it('a key that is completed is one that the config may have there', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (at) => {
        const lines = whole.split('\n');
        const line = at % lines.length;
        const indent = /^ */.exec(lines[line]!)![0];
        const text = [...lines.slice(0, line), indent, ...lines.slice(line)].join('\n');
        const offset = [...lines.slice(0, line), indent].join('\n').length;
        const found = await completionsAt(await check(text), offset, somePlaces);
        const before = (await check(text)).problems.map(({ code }) => code);
        for (const { kind, edit, snippet } of found) {
          if (kind !== 'key' || snippet) continue;
          const after = await check(edited(text, [edit]));
          assert.ok(
            !after.problems.some(({ code }) => code === 'unknown-key' || code === 'duplicate-key'),
            edited(text, [edit]),
          );
          assert.deepEqual(
            after.document.problems.map(({ code }) => code),
            readDocument(text).problems.map(({ code }) => code),
          );
          assert.ok(!before.includes('unknown-key'));
        }
      }),
      { numRuns: 60 },
    );
  });
});
