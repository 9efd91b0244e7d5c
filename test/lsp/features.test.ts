/** Each feature of the language over the real server, the caret standing in the text as `|`. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type {
  CodeAction,
  CompletionItem,
  CompletionList,
  DocumentHighlight,
  DocumentLink,
  DocumentSymbol,
  FoldingRange,
  Hover,
  Location,
  Range,
  SelectionRange,
  SemanticTokens,
  SemanticTokensDelta,
  TextEdit,
  WorkspaceEdit,
} from 'vscode-languageserver-protocol';
import type { EditedDocument } from './editedDocument';
import { markdownOf } from './markdownOf';
import { eventually } from '../cli/scene';
import { quickstart, sceneFor } from './scene';

describe('lsp: features', () => {
  const scene = sceneFor();

  const open = (marked: string) => scene.session.open(marked);

  /** As an editor asks: again while the list says that it isn't whole. */
  async function completeList(document: EditedDocument): Promise<readonly CompletionItem[]> {
    for (;;) {
      const list = await document.request<CompletionList>('textDocument/completion');
      if (!list.isIncomplete) return list.items;
    }
  }

  async function completions(marked: string): Promise<readonly CompletionItem[]> {
    const document = await open(marked);
    const items = await completeList(document);
    await document.close();
    return items;
  }

  const labels = (items: readonly CompletionItem[]) => items.map(({ label }) => label);

  /** The text after taking the completion with this label. */
  async function completed(marked: string, label: string): Promise<string> {
    const document = await open(marked);
    const items = await completeList(document);
    const item = items.find((candidate) => candidate.label === label);
    assert.ok(item?.textEdit && 'range' in item.textEdit, `${label} in ${labels(items).join()}`);
    await document.close();
    return document.applied([item.textEdit]);
  }

  it('completion: keys that may stand here, not those that do', async () => {
    const found = labels(await completions(quickstart.replace('  batch: 4\n', '  |\n')));
    assert.ok(found.includes('algorithm') && found.includes('batch'));
    assert.ok(!found.includes('steps'));
  });

  it('completion: the values of a key', async () => {
    const found = labels(await completions(`${quickstart}  algorithm: |\n`));
    for (const value of ['darts', 'gaea', 'dash', 'fixed']) assert.ok(found.includes(value), value);
  });

  it('completion: names of components', async () => {
    const marked = quickstart.replace('blocks: 4', 'blocks: 4\n  tokenizer: |');
    assert.deepEqual(labels(await completions(marked)).sort(), ['mamba', 'neox']);
    assert.match(await completed(marked, 'mamba'), /tokenizer: mamba\n/);
  });

  it('completion: model folders', async () => {
    const marked = quickstart.replace('./models/tiny-neox', './models/|');
    const found = labels(await completions(marked));
    for (const name of ['tiny-neox', 'tiny-mamba']) {
      assert.ok(
        found.some((label) => label.startsWith(name)),
        found.join(),
      );
    }
  });

  it('completion: data files', async () => {
    const found = labels(await completions(quickstart.replace('./data/train.txt', './data/|')));
    for (const name of ['train.txt', 'valid.txt', 'test.txt']) assert.ok(found.includes(name));
  });

  it('completion: nothing in a comment', async () => {
    assert.deepEqual(await completions(`# com|\n${quickstart}`), []);
  });

  it('hover: what a key means, with its range', async () => {
    const document = await open(quickstart.replace('batch', 'ba|tch'));
    const hover = await document.request<Hover>('textDocument/hover');
    assert.equal(document.at(hover.range!), 'batch');
    assert.match(markdownOf(hover), /sequence/i);
    await document.close();
  });

  it('hover: what a model is', async () => {
    const document = await open(quickstart.replace('  neox:', '  ne|ox:'));
    // Once its headers are there; a config without problems has none before that, either.
    await eventually('its parameters', async () => {
      const hover = await document.request<Hover>('textDocument/hover');
      return /parameters/i.test(markdownOf(hover)) || undefined;
    });
    await document.close();
  });

  it('hover: nothing where nothing is', async () => {
    const document = await open(`${quickstart}\n\n|\n`);
    assert.equal(await document.request('textDocument/hover'), null);
    await document.close();
  });

  const pinned = quickstart.replace(
    'data:',
    '  mixture:\n    2: { pin: ma|mba }\n    3: { prune: [mamba] }\ndata:',
  );

  it('definition: of a component', async () => {
    const document = await open(pinned);
    const found = await document.request<Location>('textDocument/definition');
    assert.equal(found.uri, document.uri);
    assert.equal(document.at(found.range), 'mamba');
    assert.equal(found.range.start.line, 4);
    await document.close();
  });

  it('references: with the definition and without', async () => {
    const document = await open(pinned);
    const lines = async (includeDeclaration: boolean) => {
      const context = { includeDeclaration };
      const found = await document.request<Location[]>('textDocument/references', { context });
      return found.map(({ range }) => range.start.line);
    };
    assert.deepEqual(await lines(true), [4, 9, 10]);
    assert.deepEqual(await lines(false), [9, 10]);
    await document.close();
  });

  it('highlights: the definition as written, the uses as read', async () => {
    const document = await open(pinned);
    const found = await document.request<DocumentHighlight[]>('textDocument/documentHighlight');
    assert.deepEqual(
      found.map(({ kind }) => kind),
      [3, 2, 2],
    );
    await document.close();
  });

  it('rename: everywhere, tied to the version', async () => {
    const document = await open(pinned);
    const prepared = await document.request<{ range: Range; placeholder: string }>(
      'textDocument/prepareRename',
    );
    assert.equal(prepared.placeholder, 'mamba');
    const edit = await document.request<WorkspaceEdit>('textDocument/rename', { newName: 'ssm' });
    const [change] = edit.documentChanges!;
    assert.ok(change && 'edits' in change);
    assert.equal(change.textDocument.version, 1);
    const text = document.applied(change.edits as TextEdit[]);
    assert.match(text, /\n {2}ssm:\n/);
    assert.match(text, /pin: ssm \}/);
    assert.match(text, /prune: \[ssm\]/);
    await document.close();
  });

  it('rename: a name that is taken is refused with a sentence', async () => {
    const document = await open(pinned);
    await assert.rejects(document.request('textDocument/rename', { newName: 'neox' }), /neox/);
    await document.close();
  });

  it('rename: nothing to rename elsewhere', async () => {
    const document = await open(quickstart.replace('steps', 'st|eps'));
    assert.equal(await document.request('textDocument/prepareRename'), null);
    await document.close();
  });

  it('symbols: the outline', async () => {
    const document = await open(quickstart);
    const found = await document.request<DocumentSymbol[]>('textDocument/documentSymbol');
    assert.deepEqual(
      found.map(({ name }) => name),
      ['manticore', 'components', 'hybrid', 'data', 'search'],
    );
    assert.deepEqual(
      found[1]!.children!.map(({ name }) => name),
      ['neox', 'mamba'],
    );
    await document.close();
  });

  it('folding: sections and comments', async () => {
    const document = await open(`# One.\n# Two.\n${quickstart}`);
    const found = await document.request<FoldingRange[]>('textDocument/foldingRange');
    assert.ok(
      found.some(
        ({ kind, startLine, endLine }) => kind === 'comment' && startLine === 0 && endLine === 1,
      ),
    );
    const components = document.rangeOf('components:').start.line;
    assert.ok(
      found.some(
        ({ startLine, endLine }) => startLine === components && endLine === components + 4,
      ),
    );
    await document.close();
  });

  it('selection: from the word outwards', async () => {
    const document = await open(quickstart.replace('blocks: 4', 'blo|cks: 4'));
    const [found] = await document.request<SelectionRange[]>('textDocument/selectionRange', {
      positions: [document.position],
    });
    const texts: string[] = [];
    for (let at: SelectionRange | undefined = found; at; at = at.parent)
      texts.push(document.at(at.range));
    assert.equal(texts[0], 'blocks');
    assert.equal(texts.at(-1), document.text);
    texts.slice(1).forEach((text, index) => assert.ok(text.includes(texts[index]!)));
    await document.close();
  });

  it('formatting: blanks only, comments kept', async () => {
    const document = await open(
      'manticore:   1   # the version\ncomponents:\n      neox:\n            source: ./x\n',
    );
    const edits = await document.request<TextEdit[]>('textDocument/formatting', {
      options: { tabSize: 2, insertSpaces: true },
    });
    const text = document.applied(edits);
    assert.match(text, /^manticore: 1 +# the version\n/);
    assert.match(text, /\n {2}neox:\n {4}source: \.\/x\n$/);
    await document.close();
  });

  it('semantic tokens: whole, of a stretch, and what changed', async () => {
    const document = await open(quickstart);
    const whole = await document.request<SemanticTokens>('textDocument/semanticTokens/full');
    const stretch = await document.request<SemanticTokens>('textDocument/semanticTokens/range', {
      range: document.rangeOf('hybrid:\n  blocks: 4'),
    });
    assert.ok(whole.data.length > stretch.data.length && stretch.data.length >= 10);
    const { tokenTypes } = scene.session.initialized.capabilities.semanticTokensProvider!.legend;
    const types = new Set(
      whole.data.flatMap((type, at) => (at % 5 === 3 ? [tokenTypes[type]] : [])),
    );
    assert.ok(types.has('class') && types.has('number'), [...types].join());

    await document.replace('steps: 100', 'steps: 1000');
    const changed = await document.request<SemanticTokensDelta>(
      'textDocument/semanticTokens/full/delta',
      { previousResultId: whole.resultId },
    );
    assert.ok('edits' in changed && changed.edits.length > 0);
    const data = [...whole.data];
    for (const { start, deleteCount, data: put } of [...changed.edits].reverse()) {
      data.splice(start, deleteCount, ...(put ?? []));
    }
    const again = await document.request<SemanticTokens>('textDocument/semanticTokens/full');
    assert.deepEqual(data, again.data);
    await document.close();
  });

  it('links: a model’s config, a text, a page of the hub; none to what isn’t there', async () => {
    const document = await open(
      quickstart
        .replace('./models/tiny-mamba', 'hf:no-such-owner/none')
        .replace('./data/valid.txt', './data/nothing.txt'),
    );
    await document.expectCodes('not-cached', 'missing-file');
    const found = await document.request<DocumentLink[]>('textDocument/documentLink');
    assert.deepEqual(
      found.map(({ target }) => target),
      [
        pathToFileURL(path.join(scene.folder, 'models/tiny-neox/config.json')).href,
        'https://huggingface.co/no-such-owner/none',
        pathToFileURL(path.join(scene.folder, 'data/train.txt')).href,
      ],
    );
    assert.equal(document.at(found[0]!.range), './models/tiny-neox');
    await document.close();
  });

  it('refactoring: every block is written out', async () => {
    const document = await open(quickstart);
    const actions = await document.request<CodeAction[]>('textDocument/codeAction', {
      range: document.rangeOf('blocks: 4'),
      context: { diagnostics: [], only: ['refactor'] },
    });
    const [action] = actions.filter(({ title }) => /every block/i.test(title));
    assert.ok(action, actions.map(({ title }) => title).join());
    const edits = editsOf(action);
    assert.match(document.applied(edits), /mixture:\n(.*\n)* {4}4:/);
    await document.close();
  });

  function editsOf(action: CodeAction): readonly TextEdit[] {
    const [change] = action.edit!.documentChanges!;
    assert.ok(change && 'edits' in change);
    return change.edits as TextEdit[];
  }
});
