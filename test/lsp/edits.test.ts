/** However a text came to be, its diagnostics are those of reading it afresh. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import path from 'node:path';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { checkConfig } from '../../server/language/checkConfig';
import { diagnosticOf } from '../../server/lsp/diagnostics';
import { createNodeModelReader } from '../../server/weights/nodeModelReader';
import { quickstart, sceneFor } from './scene';
import type { EditedDocument } from './editedDocument';

/** Edits in all, and in one batch between two looks at the diagnostics. */
const EDITS = 1000;
const BATCH = 10;

/** What is typed: pieces of the language, letters, garbage. */
const pieces = fc.oneof(
  fc.constantFrom(
    ...['\n', '  ', ': ', '- ', '#', '{', '}', '[', ']', ',', '"', "'", '&a ', '*a', '|', '\r\n'],
    ...['blocks: 4', 'mixture:', '\n    1: { pin: neox }', 'prune: [mamba]', 'source: ', 'hf:gpt2'],
    ...['./models/tiny-neox', 'search:', 'steps: 0', '\t', '---\n', '!!str ', 'é', '𝛼', '\u0000'],
  ),
  fc.string({ maxLength: 6 }),
  fc.constant(''),
);

const edits = fc.array(
  fc.record({
    /** Share of the text at which it starts. */
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.oneof({ weight: 4, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(60) }),
    text: pieces,
    /** Whether it is sent as a change of its own. */
    alone: fc.boolean(),
  }),
  { minLength: BATCH, maxLength: BATCH },
);

describe('lsp: random edits', () => {
  const scene = sceneFor();
  const reader = createNodeModelReader();

  async function fresh(document: EditedDocument): Promise<unknown> {
    const { text, uri } = document;
    const name = path.basename(new URL(uri).pathname).replace('.manticore.yaml', '');
    const { problems } = await checkConfig(text, { name, base: scene.folder, reader });
    const lines = TextDocument.create(uri, 'manticore', 1, text);
    return JSON.parse(JSON.stringify(problems.map((problem) => diagnosticOf(problem, lines))));
  }

  it(`${EDITS} edits: diagnostics equal those of a fresh parse`, async function () {
    this.timeout(300_000);
    const document = await scene.session.open(quickstart);
    const start = document.text;
    await fc.assert(
      fc.asyncProperty(edits, async (batch) => {
        // Broken ever further a text says one thing only; so now and then it is whole again.
        if (document.text.length < 40 || document.text.length > 2000) await replaceAll(start);
        let together: { at: number; length: number; text: string; alone: boolean }[] = [];
        for (const edit of batch) {
          together.push(edit);
          if (!edit.alone) continue;
          await send(together);
          together = [];
        }
        if (together.length > 0) await send(together);
        const expected = await fresh(document);
        const shown = await document.diagnosticsWhere(
          (found) => JSON.stringify(found) === JSON.stringify(expected),
        );
        assert.deepEqual(shown, expected);
      }),
      // An edit depends on the ones before it, so a failure can't be made smaller.
      { numRuns: EDITS / BATCH, endOnFailure: true },
    );
    await document.close();

    async function send(
      changes: readonly { at: number; length: number; text: string }[],
    ): Promise<void> {
      const copy = TextDocument.create('', '', 0, document.text);
      const made = changes.map(({ at, length, text }) => {
        const size = copy.getText().length;
        const from = Math.floor(at * size);
        const range = {
          start: copy.positionAt(from),
          end: copy.positionAt(Math.min(size, from + length)),
        };
        TextDocument.update(copy, [{ range, text }], 1);
        return { range, text };
      });
      await document.change(made);
    }

    async function replaceAll(text: string): Promise<void> {
      const end = document.positionAt(document.text.length);
      await document.change([{ range: { start: { line: 0, character: 0 }, end }, text }]);
    }
  });
});
