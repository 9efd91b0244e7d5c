/** What the text shows of runs: lenses, hints, weights for decorations, an edit of the mixture. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CodeLens, Hover, InlayHint } from 'vscode-languageserver-protocol';
import type { EditorRequests, ServerNotifications } from '../../server/contract/editor';
import { makeRun } from './madeRun';
import { markdownOf } from './markdownOf';
import { quickstart, sceneFor } from './scene';
import type { EditedDocument } from './editedDocument';

type BlockWeightsMessage = ServerNotifications['manticore/blockWeights'];

describe('lsp: what the text shows of runs', () => {
  const scene = sceneFor();

  const mixed = quickstart.replace(
    'data:',
    '  mixture:\n    1: { init: { neox: 0.6, mamba: 0.4 } } # first\n    2:\n    3: {}\ndata:',
  );

  async function openAt(name: string, text: string): Promise<EditedDocument> {
    const file = path.join(scene.folder, name);
    await writeFile(file, text);
    return scene.session.open(text, { file });
  }

  const pathOf = (name: string) => path.join(scene.folder, name);

  async function weightsWhere(
    document: EditedDocument,
    isMet: (message: BlockWeightsMessage) => boolean,
  ): Promise<BlockWeightsMessage> {
    const find = () =>
      (scene.session.notified.get('manticore/blockWeights') ?? [])
        .map((message) => message as BlockWeightsMessage)
        .findLast((message) => message.uri === document.uri);
    await scene.session.until(
      () => {
        const message = find();
        return message !== undefined && isMet(message);
      },
      () => `such weights; the last: ${JSON.stringify(find())}`,
    );
    return find()!;
  }

  const titles = async (document: EditedDocument) =>
    (await document.request<CodeLens[]>('textDocument/codeLens')).map(({ command }) =>
      command!.title.replace(/^\$\([\w-]+\)\s/, ''),
    );

  const hintsOf = (document: EditedDocument) =>
    document.request<InlayHint[]>('textDocument/inlayHint', {
      range: { start: { line: 0, character: 0 }, end: { line: 99, character: 0 } },
    });

  it('before a run: one lens, no hints, blocks with what the config marks', async () => {
    const document = await openAt(
      'never.manticore.yaml',
      mixed.replace('{ init: { neox: 0.6, mamba: 0.4 } }', '{ prune: [mamba] }'),
    );
    const lenses = await document.request<CodeLens[]>('textDocument/codeLens');
    assert.deepEqual(
      lenses.map(({ range, command }) => [range.start.line, command!.command, command!.arguments]),
      [[0, 'manticore.runSearch', [document.uri]]],
    );
    assert.deepEqual(await hintsOf(document), []);
    const { blocks, source, version } = await weightsWhere(document, () => true);
    assert.equal(source, 'config');
    assert.equal(version, 1);
    assert.deepEqual(
      blocks.map(({ block }) => block),
      [4, 1, 2, 3],
    );
    const first = blocks.find(({ block }) => block === 1)!;
    assert.equal(first.line, document.rangeOf('1: {').start.line);
    assert.deepEqual(
      first.components.map(({ name, alpha, pruned }) => [name, alpha, pruned]),
      [
        ['neox', undefined, false],
        ['mamba', undefined, true],
      ],
    );
    const other = blocks.find(({ block }) => block === 4)!;
    assert.equal(other.line, document.rangeOf('blocks: 4').start.line);
    await document.close();
  });

  it('after a run: hints and weights of its α, how they moved, pins and prunings', async () => {
    const dir = await makeRun(pathOf('done.manticore.yaml'), 'done');
    const document = await openAt('done.manticore.yaml', mixed);
    const { blocks } = await weightsWhere(document, ({ source }) => source === 'last');
    const seen = (number: number) => blocks.find(({ block }) => block === number)!;
    assert.deepEqual(
      seen(1).components.map(({ alpha, trend }) => [alpha, trend]),
      [
        [0.75, 0.25],
        [0.25, -0.25],
      ],
    );
    assert.deepEqual(
      [1, 2, 3, 4].map((number) => seen(number).pinned),
      [false, true, false, false],
    );
    assert.deepEqual(
      seen(3).components.map(({ pruned }) => pruned),
      [true, false],
    );

    const hints = await hintsOf(document);
    const line = document.rangeOf('1: {').start.line;
    const hint = hints.find(({ position }) => position.line === line)!;
    assert.ok(typeof hint.label === 'string');
    assert.match(hint.label, /neox .* 0\.75 .*mamba .* 0\.25/u);
    assert.equal(hint.position.character, document.text.split('\n')[line]!.length);

    assert.deepEqual(await titles(document), ['Run Manticore Search', 'Open Run']);
    const lenses = await document.request<CodeLens[]>('textDocument/codeLens');
    assert.deepEqual(lenses[1]!.command!.arguments, [dir]);
    assert.ok((scene.session.refreshed.get('workspace/inlayHint/refresh') ?? 0) > 0);
    assert.ok((scene.session.refreshed.get('workspace/codeLens/refresh') ?? 0) > 0);

    const hover = await document.request<Hover>('textDocument/hover', {
      position: document.rangeOf('1: {').start,
    });
    assert.match(markdownOf(hover), /0\.75/);
    await document.close();
  });

  it('many blocks without lines of their own: none of them, since the hint says their mean', async () => {
    const document = await openAt('short.manticore.yaml', quickstart);
    const { blocks } = await weightsWhere(document, () => true);
    assert.deepEqual(blocks, []);
    await document.close();
  });

  it('after a stop: it can go on', async () => {
    await makeRun(pathOf('stopped.manticore.yaml'), 'stopped');
    const document = await openAt('stopped.manticore.yaml', mixed);
    await weightsWhere(document, ({ source }) => source === 'last');
    assert.deepEqual(await titles(document), ['Run Manticore Search', 'Resume', 'Open Run']);
    await document.close();
  });

  it('a run of other components is not shown', async () => {
    await makeRun(pathOf('other.manticore.yaml'), 'done');
    const document = await openAt('other.manticore.yaml', mixed.replaceAll('neox:', 'third:'));
    await document.diagnosticsWhere(() => true);
    assert.deepEqual(await hintsOf(document), []);
    await document.close();
  });

  it('hints go and come with their setting', async () => {
    await makeRun(pathOf('setting.manticore.yaml'), 'done');
    const document = await openAt('setting.manticore.yaml', mixed);
    await weightsWhere(document, ({ source }) => source === 'last');
    const refreshes = () => scene.session.refreshed.get('workspace/inlayHint/refresh') ?? 0;
    /** Hints after a change of the settings, asked for again at each refresh. */
    const hintsWhere = async (
      settings: unknown,
      isMet: (hints: readonly InlayHint[]) => boolean,
    ) => {
      await scene.session.changeSettings(settings);
      for (;;) {
        const before = refreshes();
        if (isMet(await hintsOf(document))) return;
        await scene.session.until(
          () => refreshes() > before,
          () => 'a refresh that brings such hints',
        );
      }
    };
    await hintsWhere({ inlayHints: { enabled: false } }, (hints) => hints.length === 0);
    await hintsWhere({ inlayHints: { enabled: 'nonsense' } }, (hints) => hints.length > 0);
    await document.close();
  });

  it('write to config: pins and prunings of the run, comments kept', async () => {
    const dir = await makeRun(pathOf('write.manticore.yaml'), 'done');
    const document = await openAt('write.manticore.yaml', mixed);
    const ask = (uri: string): Promise<EditorRequests['manticore/mixtureEdit'][1]> =>
      scene.session.connection.sendRequest('manticore/mixtureEdit', { uri, dir });
    const edit = await ask(document.uri);
    assert.ok(edit.ok);
    assert.equal(edit.value.version, 1);
    const edits = edit.value.changes.map(({ range, newText }) => ({ range, newText }));
    const text = document.applied(edits);
    assert.match(text, /2: \{ pin: neox \}/);
    assert.match(text, /3: \{ prune: \[neox\] \}/);
    assert.match(text, /1: \{ init: \{ neox: 0\.6, mamba: 0\.4 \} \} # first\n/);
    await document.close();

    const closed = await ask(document.uri);
    assert.deepEqual(closed, { ok: true, value: { ...edit.value, version: null } });
    const missing = await ask(pathToFileURL(pathOf('nowhere.manticore.yaml')).href);
    assert.ok(!missing.ok);
  });

  it('write to config: of what is no run', async () => {
    const answer: EditorRequests['manticore/mixtureEdit'][1] =
      await scene.session.connection.sendRequest('manticore/mixtureEdit', {
        uri: pathToFileURL(pathOf('write.manticore.yaml')).href,
        dir: pathOf('data'),
      });
    assert.ok(!answer.ok);
  });
});
