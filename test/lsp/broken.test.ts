/** Garbage and half-typed configs: every request is answered, nothing is logged as an error. */
import assert from 'node:assert/strict';
import { quickstart, sceneFor } from './scene';
import type { EditedDocument } from './editedDocument';

describe('lsp: texts that are no configs yet', () => {
  const scene = sceneFor();
  const open = (marked: string) => scene.session.open(marked);

  const texts = [
    '',
    '\n',
    '|',
    'manticore',
    'manticore: [',
    'components: { neox: { source: ./models/',
    'components:\n\tneox: 1',
    'a: &x [*x, *x]',
    '%YAML 9.9\n---\n? a\n: b\n--- !!binary x',
    '\u0000\u0001\ufeff\ud800',
    '- - - - - -',
    '"unclosed',
    '['.repeat(5000),
    'a: '.repeat(2000),
    'hybrid: {blocks: 999999999999, mixture: {1: {pin: {__proto__: 1}}}}',
    quickstart.replaceAll('\n', '\r\n'),
    quickstart.replaceAll('\n', '\r'),
  ];
  const methods = [
    'textDocument/completion',
    'textDocument/hover',
    'textDocument/definition',
    'textDocument/references',
    'textDocument/documentHighlight',
    'textDocument/prepareRename',
    'textDocument/documentSymbol',
    'textDocument/foldingRange',
    'textDocument/selectionRange',
    'textDocument/formatting',
    'textDocument/semanticTokens/full',
    'textDocument/semanticTokens/range',
    'textDocument/inlayHint',
    'textDocument/codeAction',
    'textDocument/codeLens',
    'textDocument/documentLink',
  ];

  async function askEverything(document: EditedDocument): Promise<void> {
    const middle = document.positionAt(document.text.length >> 1);
    const end = document.positionAt(document.text.length);
    for (const position of [middle, end, { line: 99, character: 99 }]) {
      await Promise.all(
        methods.map((method) =>
          document.request(method, {
            position,
            positions: [position],
            range: { start: position, end },
            context: { diagnostics: [], includeDeclaration: true },
            options: { tabSize: 2, insertSpaces: true },
          }),
        ),
      );
    }
  }

  texts.forEach((text, index) => {
    it(`${index + 1}: ${JSON.stringify(text.slice(0, 30))}: everything is answered`, async () => {
      const document = await open(text);
      await askEverything(document);
      await document.diagnosticsWhere(() => true);
      await document.close();
      assert.deepEqual(scene.session.errors.splice(0), []);
    });
  });

  it('half-typed: every beginning of a config', async () => {
    const document = await open('');
    for (const line of quickstart.split('\n')) {
      const end = document.positionAt(document.text.length);
      const half = line.slice(0, line.length >> 1);
      await document.change([{ range: { start: end, end }, text: half }]);
      await askEverything(document);
      const at = document.positionAt(document.text.length);
      const rest = `${line.slice(half.length)}\n`;
      await document.change([{ range: { start: at, end: at }, text: rest }]);
    }
    await document.expectCodes();
    await document.close();
    assert.deepEqual(scene.session.errors.splice(0), []);
  });
});
